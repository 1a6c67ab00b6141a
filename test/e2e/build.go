//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/certwright/certwright/test/e2e/image"
)

// built is what the node and the specs need.
type built struct {
	folders []string // of programs
	helm    string
	images  string            // folder of image archives
	digests map[string]string // of Certwright's own images, by name
}

// Names of Certwright's images on the node.
const (
	operatorImage = "e2e.test/certwright"
	solverImage   = "e2e.test/certwright-solver"
)

// build makes what is missing. What other people wrote is kept between runs; Certwright's own is made each time.
func (t *test) build(ctx context.Context) (*built, error) {
	b := &built{images: filepath.Join(t.dir, "images"), digests: map[string]string{}}
	var folder string
	var err error
	for _, line := range []string{
		"hack/kube/build.sh etcd kube-apiserver kube-controller-manager kubectl kube-scheduler kubelet kube-proxy",
		"hack/e2e/build.sh",
		"hack/tools/build.sh helm",
	} {
		if folder, err = t.script(ctx, line); err != nil {
			return nil, err
		}
		b.folders = append(b.folders, folder)
	}
	b.helm, b.folders = folder, b.folders[:2]
	if err := os.MkdirAll(b.images, 0o755); err != nil {
		return nil, err
	}
	if err := t.ownImages(ctx, b); err != nil {
		return nil, err
	}
	return b, t.otherImages(ctx, b)
}

// script runs one of the scripts that build, without KUBEBUILDER_ASSETS: those hold no kubelet.
func (t *test) script(ctx context.Context, line string) (string, error) {
	words := strings.Fields(line)
	cmd := exec.CommandContext(ctx, filepath.Join(t.root, words[0]), words[1:]...)
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "KUBEBUILDER_ASSETS=") {
			cmd.Env = append(cmd.Env, variable)
		}
	}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", line, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// ownImages takes the steps of the Dockerfile.
func (t *test) ownImages(ctx context.Context, b *built) error {
	fmt.Println("building Certwright's images, by the steps of the Dockerfile")
	dockerfile := &image.Build{
		Context: t.root, Work: filepath.Join(t.dir, "build"), Args: map[string]string{"VERSION": "e2e"}, Log: os.Stderr,
	}
	defer func() { _ = os.RemoveAll(dockerfile.Work) }()
	for target, name := range map[string]string{"": operatorImage, "solver": solverImage} {
		root, config, err := dockerfile.Run(ctx, target)
		if err != nil {
			return err
		}
		archive := filepath.Join(b.images, filepath.Base(name)+".tar")
		if b.digests[name], err = image.Write(archive, name+":e2e", root, config); err != nil {
			return err
		}
	}
	return nil
}

// otherImages puts one program each into an image.
func (t *test) otherImages(ctx context.Context, b *built) error {
	pod := filepath.Join(b.images, "pod")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", pod, "./test/e2e/pod")
	cmd.Dir, cmd.Env, cmd.Stderr = t.root, append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("building test/e2e/pod: %w", err)
	}
	for _, program := range []string{pod, filepath.Join(b.folders[1], "coredns"), filepath.Join(b.folders[1], "traefik")} {
		name := filepath.Base(program)
		root, err := os.MkdirTemp(b.images, "root-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(root) }()
		data, err := os.ReadFile(program)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(root, name), data, 0o755); err != nil {
			return err
		}
		config := image.Config{Entrypoint: []string{"/" + name}}
		if _, err := image.Write(filepath.Join(b.images, name+".tar"), "e2e.test/"+name+":1", root, config); err != nil {
			return err
		}
	}
	return nil
}
