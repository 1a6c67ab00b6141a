package image

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Config is how a container of an image runs.
type Config struct {
	User         string              `json:"User,omitempty"`
	ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty"`
	Env          []string            `json:"Env,omitempty"`
	Entrypoint   []string            `json:"Entrypoint,omitempty"`
	Cmd          []string            `json:"Cmd,omitempty"`
	WorkingDir   string              `json:"WorkingDir,omitempty"`
}

// descriptor names a blob of an archive.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

const (
	typeManifest = "application/vnd.oci.image.manifest.v1+json"
	typeConfig   = "application/vnd.oci.image.config.v1+json"
	typeLayer    = "application/vnd.oci.image.layer.v1.tar"

	// nameAnnotation is what containerd calls an image that it imports.
	nameAnnotation = "io.containerd.image.name"
)

// Write packs the files of folder root into an archive of one image in one layer (OCI image layout), under the name
// "repository:tag" (and "repository@digest"), and gives the image's digest. The same files give the same digest.
func Write(archive, name, root string, config Config) (digest string, err error) {
	layer, err := pack(root)
	if err != nil {
		return "", fmt.Errorf("packing %s: %w", root, err)
	}
	a := &layout{}
	layerBlob := a.add(typeLayer, layer)
	configBlob, err := a.addJSON(typeConfig, map[string]any{
		"architecture": runtime.GOARCH, "os": "linux", "config": config,
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{layerBlob.Digest}},
	})
	if err != nil {
		return "", err
	}
	manifest, err := a.addJSON(typeManifest, map[string]any{
		"schemaVersion": 2, "mediaType": typeManifest, "config": configBlob, "layers": []descriptor{layerBlob},
	})
	if err != nil {
		return "", err
	}
	// The image has a second name, by its digest, as if it had been pulled by that.
	repository, _, _ := strings.Cut(name, ":")
	byName, byDigest := manifest, manifest
	byName.Annotations = map[string]string{nameAnnotation: name}
	byDigest.Annotations = map[string]string{nameAnnotation: repository + "@" + manifest.Digest}
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []descriptor{byName, byDigest}})
	if err != nil {
		return "", err
	}
	a.files = append(a.files, file{"index.json", index}, file{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)})
	return manifest.Digest, a.write(archive)
}

// layout is an archive in the making.
type layout struct{ files []file }

type file struct {
	name string
	data []byte
}

func (l *layout) add(mediaType string, data []byte) descriptor {
	sum := sha256.Sum256(data)
	l.files = append(l.files, file{"blobs/sha256/" + hex.EncodeToString(sum[:]), data})
	return descriptor{MediaType: mediaType, Digest: "sha256:" + hex.EncodeToString(sum[:]), Size: len(data)}
}

func (l *layout) addJSON(mediaType string, value any) (descriptor, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return descriptor{}, err
	}
	return l.add(mediaType, data), nil
}

func (l *layout) write(path string) (err error) {
	out, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closed := out.Close(); err == nil {
			err = closed
		}
	}()
	w := tar.NewWriter(out)
	for _, f := range l.files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o644, Size: int64(len(f.data))}); err != nil {
			return err
		}
		if _, err := w.Write(f.data); err != nil {
			return err
		}
	}
	return w.Close()
}

// pack is a folder as a tar file that depends on nothing but names, modes and contents.
func pack(root string) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name := strings.TrimPrefix(filepath.ToSlash(strings.TrimPrefix(path, root)), "/")
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return w.WriteHeader(&tar.Header{Name: name + "/", Typeflag: tar.TypeDir, Mode: int64(info.Mode().Perm())})
		}
		if !info.Mode().IsRegular() {
			return fmt.Errorf("%s is neither a file nor a folder", path)
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: int64(info.Mode().Perm()), Size: info.Size()}); err != nil {
			return err
		}
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		defer func() { _ = in.Close() }()
		_, err = io.Copy(w, in)
		return err
	})
	if err != nil {
		return nil, err
	}
	return out.Bytes(), w.Close()
}
