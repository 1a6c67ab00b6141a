package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// What is committed is what the library at its pinned version says.
func TestCurrent(t *testing.T) {
	fresh, committed := t.TempDir(), filepath.Join("..", "..", "..")
	for _, folder := range []string{"cmd/dns-solver", "internal/dnssolver/providers", "docs", "api/v1"} {
		if err := os.MkdirAll(filepath.Join(fresh, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := run(fresh); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"cmd/dns-solver/providers_gen.go", "internal/dnssolver/providers/table.go", "docs/dns-providers.md", "api/v1/zz_generated.dnsproviders.go"} {
		want, err := os.ReadFile(filepath.Join(fresh, path))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(committed, path))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is out of date: run make generate-dns (%v)", path, err)
		}
	}
}
