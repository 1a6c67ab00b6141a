package testkit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/certwright/certwright/api"
)

// ControlPlane is a running etcd and kube-apiserver with the CRDs of one API group.
type ControlPlane struct {
	// Config reaches the API server as a cluster administrator, without a client-side throttle.
	Config *rest.Config
	// KubeConfig is the same as a kubeconfig file.
	KubeConfig []byte
	// Environment makes further users (AddUser).
	Environment *envtest.Environment

	names   api.Names
	folder  string
	manager *exec.Cmd
}

// ControlPlaneOptions says how a control plane differs from a plain one.
type ControlPlaneOptions struct {
	// Names is the API group whose CRDs are installed.
	Names api.Names
	// CRDFolder is the folder of the CRDs, relative to the repository; config/crd/bases if empty.
	CRDFolder string
	// NoCRDs installs none, for specs that install them in another way.
	NoCRDs bool
	// APIServer adds flags to kube-apiserver, by name without dashes.
	APIServer map[string][]string
}

// StartControlPlane starts etcd and kube-apiserver and installs the CRDs of options.Names.
func StartControlPlane(options ControlPlaneOptions) (*ControlPlane, error) {
	assets, err := Assets()
	if err != nil {
		return nil, err
	}
	if options.CRDFolder == "" {
		options.CRDFolder = filepath.Join("config", "crd", "bases")
	}
	var crds []*apiextensionsv1.CustomResourceDefinition
	if !options.NoCRDs {
		if crds, err = customResourceDefinitions(options.CRDFolder, options.Names); err != nil {
			return nil, err
		}
	}
	environment := &envtest.Environment{
		BinaryAssetsDirectory:    assets,
		CRDs:                     crds,
		ControlPlaneStartTimeout: time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
	}
	for flag, values := range options.APIServer {
		environment.ControlPlane.GetAPIServer().Configure().Set(flag, values...)
	}
	cfg, err := environment.Start()
	if err != nil {
		// etcd and the API server may be up: a CRD that is refused comes after them.
		return nil, fmt.Errorf("testkit: starting the control plane: %w", errors.Join(err, environment.Stop()))
	}
	// The API server's Priority and Fairness is the only throttle that specs should meet.
	cfg.QPS = -1
	if err := awaitServed(cfg, crds); err != nil {
		return nil, errors.Join(err, environment.Stop())
	}
	folder, err := os.MkdirTemp("", "certwright-controlplane-")
	if err != nil {
		return nil, errors.Join(err, environment.Stop())
	}
	return &ControlPlane{Config: cfg, KubeConfig: environment.KubeConfig, Environment: environment, names: options.Names, folder: folder}, nil
}

func customResourceDefinitions(folder string, names api.Names) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	manifests, err := Manifests(folder, names, "")
	if err != nil {
		return nil, err
	}
	crds := make([]*apiextensionsv1.CustomResourceDefinition, 0, len(manifests))
	for _, manifest := range manifests {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := sigsyaml.Unmarshal(manifest, crd); err != nil {
			return nil, fmt.Errorf("testkit: reading a CRD of %s: %w", folder, err)
		}
		crds = append(crds, crd)
	}
	return crds, nil
}

// InstallCRDs installs the CRDs of a further API group beside those the control plane started with, and
// waits until they are served.
func (c *ControlPlane) InstallCRDs(names api.Names) error {
	crds, err := customResourceDefinitions(filepath.Join("config", "crd", "bases"), names)
	if err != nil {
		return err
	}
	if _, err = envtest.InstallCRDs(c.Config, envtest.CRDInstallOptions{CRDs: crds}); err != nil {
		return err
	}
	return awaitServed(c.Config, crds)
}

// Apply creates or replaces every object of the manifests, as an administrator would with
// kubectl apply --server-side.
func (c *ControlPlane) Apply(ctx context.Context, manifests ...[]byte) error {
	cl, err := client.New(c.Config, client.Options{})
	if err != nil {
		return err
	}
	for _, manifest := range manifests {
		decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
		for {
			object := &unstructured.Unstructured{}
			if err := decoder.Decode(object); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return fmt.Errorf("testkit: reading a manifest: %w", err)
			}
			if len(object.Object) == 0 {
				continue
			}
			if err := apply(ctx, cl, object); err != nil {
				return fmt.Errorf("testkit: applying %s %s: %w", object.GetKind(), object.GetName(), err)
			}
		}
	}
	return nil
}

func apply(ctx context.Context, cl client.Client, object *unstructured.Unstructured) error {
	err := cl.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("testkit"), client.ForceOwnership)
	if meta.IsNoMatchError(err) {
		return fmt.Errorf("%w (is its CRD installed?)", err)
	}
	return err
}

// StartControllerManager runs a kube-controller-manager with the controllers that delete: garbage
// collection and namespaces.
func (c *ControlPlane) StartControllerManager() error {
	manager, err := c.runControllers("garbage-collector-controller", "namespace-controller")
	c.manager = manager
	return err
}

// StartControllers runs a further kube-controller-manager, with these controllers alone, until stop is called.
func (c *ControlPlane) StartControllers(names ...string) (stop func() error, err error) {
	manager, err := c.runControllers(names...)
	if err != nil {
		return nil, err
	}
	return func() error { return end(manager) }, nil
}

func (c *ControlPlane) runControllers(names ...string) (*exec.Cmd, error) {
	assets, err := Assets()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(c.folder, "kube-controller-manager-")
	if err != nil {
		return nil, err
	}
	kubeconfig := filepath.Join(folder, "kubeconfig")
	if err := os.WriteFile(kubeconfig, c.KubeConfig, 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(folder, "log"))
	if err != nil {
		return nil, err
	}
	manager := exec.Command(filepath.Join(assets, "kube-controller-manager"),
		"--kubeconfig", kubeconfig,
		"--authentication-kubeconfig", kubeconfig,
		"--authorization-kubeconfig", kubeconfig,
		"--controllers", strings.Join(names, ","),
		"--leader-elect=false",
		"--bind-address", "127.0.0.1",
		"--secure-port", "0",
		"--kube-api-qps", "500", "--kube-api-burst", "1000",
		"--cert-dir", folder)
	manager.Stdout, manager.Stderr = log, log
	// The process has a descriptor of its own.
	return manager, errors.Join(manager.Start(), log.Close())
}

func end(manager *exec.Cmd) error {
	if manager == nil || manager.Process == nil {
		return nil
	}
	err := manager.Process.Kill()
	// The exit status of a killed process is an error by design.
	_ = manager.Wait()
	return err
}

// Stop ends all of it and removes its files.
func (c *ControlPlane) Stop() error {
	stopped := end(c.manager)
	return errors.Join(stopped, c.Environment.Stop(), os.RemoveAll(c.folder))
}

// Kubectl is the path of the kubectl that was built with the control plane.
func Kubectl() (string, error) {
	assets, err := Assets()
	if err != nil {
		return "", err
	}
	return filepath.Join(assets, "kubectl"), nil
}
