package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/certwright/certwright/api"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
)

const (
	systemNamespace = "certwright-system"
	loadNamespace   = "load"
	serviceAccount  = "system:serviceaccount:" + systemNamespace + ":certwright"
)

// world is a fresh control plane with an audit log, and the chart's objects but for the operator.
type world struct {
	settings
	names      api.Names
	folder     string
	plane      *testkit.ControlPlane
	client     client.WithWatch
	kubeconfig string
	audit      *auditLog
	dns        string
}

const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
`

func newWorld(ctx context.Context, s settings) (*world, error) {
	names, err := api.NamesFor(s.group)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "certwright-bench-")
	if err != nil {
		return nil, err
	}
	w := &world{settings: s, names: names, folder: folder, dns: "127.0.0.1:1"}
	policy := filepath.Join(folder, "audit-policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return nil, err
	}
	w.audit = &auditLog{path: filepath.Join(folder, "audit.log")}
	w.plane, err = testkit.StartControlPlane(testkit.ControlPlaneOptions{Names: names, CRDFolder: s.crds, APIServer: map[string][]string{
		"audit-policy-file": {policy}, "audit-log-path": {w.audit.path}, "audit-log-mode": {"batch"}, "audit-log-maxsize": {"10000"},
	}})
	if err != nil {
		return nil, err
	}
	return w, w.prepare(ctx)
}

func (w *world) prepare(ctx context.Context) error {
	scheme, err := operator.Scheme(w.names)
	if err != nil {
		return err
	}
	// Who reads the audit log sees by the user agent what the load asked for.
	cfg := *w.plane.Config
	cfg.UserAgent = loadAgent
	if w.client, err = client.NewWithWatch(&cfg, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	for _, name := range []string{systemNamespace, loadNamespace, canaryNamespace} {
		if err := w.client.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}); err != nil {
			return err
		}
	}
	chart, err := w.chart(ctx)
	if err != nil {
		return err
	}
	if err := w.plane.Apply(ctx, chart); err != nil {
		return err
	}
	return w.addUser()
}

// chart renders what the chart installs beside the operator itself: RBAC and policies.
func (w *world) chart(ctx context.Context) ([]byte, error) {
	helm, err := exec.CommandContext(ctx, "hack/tools/build.sh", "helm").Output()
	if err != nil {
		return nil, fmt.Errorf("building helm: %w", err)
	}
	render := exec.CommandContext(ctx, strings.TrimSpace(string(helm)), "template", "certwright", "charts/certwright",
		"--namespace", systemNamespace, "--set", "crds.enabled=false", "--set", "apiGroup="+w.group,
		"--kube-version", "1.37.2", "--api-versions", "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy")
	render.Stderr = os.Stderr
	manifest, err := render.Output()
	if err != nil {
		return nil, fmt.Errorf("rendering the chart: %w", err)
	}
	var kept [][]byte
	for _, document := range bytes.Split(manifest, []byte("\n---")) {
		if !bytes.Contains(document, []byte("\nkind: Deployment\n")) {
			kept = append(kept, document)
		}
	}
	return bytes.Join(kept, []byte("\n---")), nil
}

// addUser makes a kubeconfig of the chart's service account, so that the operator runs with the
// chart's rights.
func (w *world) addUser() error {
	user, err := w.plane.Environment.AddUser(envtest.User{
		Name: serviceAccount, Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + systemNamespace, "system:authenticated"},
	}, nil)
	if err != nil {
		return err
	}
	kubeconfig, err := user.KubeConfig()
	if err != nil {
		return err
	}
	w.kubeconfig = filepath.Join(w.folder, "kubeconfig")
	return os.WriteFile(w.kubeconfig, kubeconfig, 0o600)
}

func (w *world) close() {
	if err := errors.Join(w.plane.Stop(), os.RemoveAll(w.folder)); err != nil {
		fmt.Fprintln(os.Stderr, "bench: cleaning up:", err)
	}
}
