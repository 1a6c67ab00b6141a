package testkit

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/certwright/certwright/api"
)

// Root is the folder of the repository, found upwards from the working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "hack", "kube", "build.sh")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("testkit: no Certwright checkout at or above the working directory: run from inside one")
		}
		dir = parent
	}
}

// Assets is the folder of etcd, kube-apiserver, kube-controller-manager and kubectl, built now if
// they are not there. KUBEBUILDER_ASSETS, where set, is taken as it is.
func Assets() (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	cmd := exec.Command(filepath.Join(root, "hack", "kube", "build.sh"))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("testkit: building the control plane: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Manifests reads the YAML files of folder (relative to the repository), rewritten for another API
// group and namespace when those differ from the defaults that the files are written for.
func Manifests(folder string, names api.Names, namespace string) ([][]byte, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(root, folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("testkit: no manifests in %s", folder)
	}
	var manifests [][]byte
	for _, file := range files {
		if filepath.Base(file) == "kustomization.yaml" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		data = bytes.ReplaceAll(data, []byte(api.DefaultGroup), []byte(names.Group))
		if namespace != "" {
			data = bytes.ReplaceAll(data, []byte(DefaultNamespace), []byte(namespace))
		}
		manifests = append(manifests, data)
	}
	return manifests, nil
}

// DefaultNamespace is the operator's namespace in the manifests under config/.
const DefaultNamespace = "certwright-system"
