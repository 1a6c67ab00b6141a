package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
)

// kubeconfigFile is the administrator's, for people and for the commands of the demo.
const kubeconfigFile = "kubeconfig"

// startControlPlane starts the cluster. Its own start has a deadline of a minute.
func (w *world) startControlPlane(context.Context) error {
	w.out.say("Starting etcd, kube-apiserver and kube-controller-manager on 127.0.0.1, with the CRDs of config/crd.")
	return w.timed("serving", func() error {
		names := api.DefaultNames()
		plane, err := testkit.StartControlPlane(testkit.ControlPlaneOptions{Names: names})
		if err != nil {
			return err
		}
		w.plane = plane
		w.later(plane.Stop)
		if err := plane.StartControllerManager(); err != nil {
			return fmt.Errorf("starting kube-controller-manager: %w", err)
		}
		if err := os.WriteFile(w.file(kubeconfigFile), plane.KubeConfig, 0o600); err != nil {
			return fmt.Errorf("writing the kubeconfig: %w", err)
		}
		scheme, err := operator.Scheme(names)
		if err != nil {
			return err
		}
		w.client, err = client.NewWithWatch(plane.Config, client.Options{Scheme: scheme})
		return err
	})
}

// install gives the operator its namespace and rights, and the cluster the policies.
func (w *world) install(ctx context.Context) error {
	w.out.say("Installing the operator's namespace and rights and the admission policies. To repeat any command below:")
	w.out.command("cd " + w.root)
	w.out.command("export KUBECONFIG=" + w.file(kubeconfigFile))
	if assets, err := testkit.Assets(); err == nil {
		w.out.command("export PATH=" + filepath.Clean(assets) + ":$PATH")
	}
	for _, line := range []string{
		"kubectl apply -f config/manager/namespace.yaml",
		"kubectl apply -k config/rbac",
		"kubectl apply -k config/policy",
	} {
		if err := w.shell(ctx, line); err != nil {
			return err
		}
	}
	return nil
}
