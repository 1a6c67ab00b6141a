package dns01

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadNameservers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(path, []byte("search a.example\nnameserver 192.0.2.1\nnameserver 2001:db8::1\noptions ndots:5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := readNameservers(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"192.0.2.1:53", "[2001:db8::1]:53"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadNameserversSaysWhichFlagToSet(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(empty, []byte("# none\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{empty, empty + ".missing"} {
		if _, err := readNameservers(path); err == nil || !strings.Contains(err.Error(), "--dns01-recursive-nameservers") {
			t.Errorf("error %v, want one that names the flag", err)
		}
	}
}
