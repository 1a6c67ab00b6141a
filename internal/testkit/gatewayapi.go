package testkit

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	sigsyaml "sigs.k8s.io/yaml"
)

// GatewayAPICRDs are the CRDs of the Gateway API that the operator is built with, for these resources, such as
// gateways.
func GatewayAPICRDs(resources ...string) ([]*apiextensionsv1.CustomResourceDefinition, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "sigs.k8s.io/gateway-api")
	cmd.Dir, cmd.Stderr = root, os.Stderr
	folder, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("testkit: finding the Gateway API: %w", err)
	}
	var crds []*apiextensionsv1.CustomResourceDefinition
	for _, resource := range resources {
		file := filepath.Join(strings.TrimSpace(string(folder)), "config", "crd", "standard", "gateway.networking.k8s.io_"+resource+".yaml")
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := sigsyaml.Unmarshal(data, crd); err != nil {
			return nil, fmt.Errorf("testkit: reading %s: %w", file, err)
		}
		crds = append(crds, crd)
	}
	return crds, nil
}

// InstallGatewayAPI installs CRDs of the Gateway API, and waits until they are served.
func (c *ControlPlane) InstallGatewayAPI(resources ...string) error {
	crds, err := GatewayAPICRDs(resources...)
	if err != nil {
		return err
	}
	if _, err = envtest.InstallCRDs(c.Config, envtest.CRDInstallOptions{CRDs: crds}); err != nil {
		return err
	}
	return awaitServed(c.Config, crds)
}

// RemoveGatewayAPI deletes CRDs of the Gateway API, and with them all objects of these kinds, and waits until they are
// gone.
func (c *ControlPlane) RemoveGatewayAPI(ctx context.Context, resources ...string) error {
	crds, err := GatewayAPICRDs(resources...)
	if err != nil {
		return err
	}
	if err := envtest.UninstallCRDs(c.Config, envtest.CRDInstallOptions{CRDs: crds}); err != nil {
		return err
	}
	scheme := runtime.NewScheme()
	if err := apiextensionsv1.AddToScheme(scheme); err != nil {
		return err
	}
	cl, err := client.New(c.Config, client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	return wait.PollUntilContextTimeout(ctx, servedPause, servedWithin, true, func(ctx context.Context) (bool, error) {
		for _, crd := range crds {
			if err := cl.Get(ctx, client.ObjectKeyFromObject(crd), &apiextensionsv1.CustomResourceDefinition{}); !apierrors.IsNotFound(err) {
				return false, err
			}
		}
		return true, nil
	})
}
