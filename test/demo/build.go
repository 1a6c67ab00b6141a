package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/certwright/certwright/internal/testkit"
)

// buildPrograms builds what the machine does not have yet. It is the one step without a deadline: on a fresh
// machine it depends on the network and the processors.
func (w *world) buildPrograms(ctx context.Context) error {
	if os.Getenv("KUBEBUILDER_ASSETS") != "" {
		w.out.say("Taking etcd, kube-apiserver, kube-controller-manager and kubectl from KUBEBUILDER_ASSETS.")
	} else {
		w.out.say("Building etcd, kube-apiserver, kube-controller-manager and kubectl where they are missing (5 to 10 minutes, once).")
	}
	if err := w.timed("ready", w.buildControlPlane); err != nil {
		return err
	}
	w.out.say("Building the operator (seconds: most of it was built with the demo).")
	line := "go build -o " + operatorProgram + " ."
	w.out.command(line)
	return w.timed("built", func() error {
		build := exec.CommandContext(ctx, "sh", "-c", line)
		build.Dir, build.Stdout, build.Stderr = w.root, os.Stderr, os.Stderr
		if err := build.Run(); err != nil {
			return fmt.Errorf("building the operator: %w", err)
		}
		return nil
	})
}

// buildControlPlane builds the programs of the cluster and has the commands find them, kubectl above all.
func (w *world) buildControlPlane() error {
	kubectl, err := testkit.Kubectl()
	if err != nil {
		return err
	}
	w.environment = append(os.Environ(),
		"PATH="+filepath.Dir(kubectl)+string(os.PathListSeparator)+os.Getenv("PATH"),
		"KUBECONFIG="+w.file(kubeconfigFile),
		"KUBECACHEDIR="+w.file("kubectl-cache"))
	return nil
}
