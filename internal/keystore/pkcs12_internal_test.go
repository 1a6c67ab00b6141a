package keystore

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Java takes entries of one name for one entry, and a subject may have
// characters that PKCS#12 cannot hold. The library decodes no names, so they
// are looked at before they are encoded.
func TestTrustEntryNames(t *testing.T) {
	var ca []*x509.Certificate
	for _, name := range []string{"root", "root", "😀", "other", "root"} {
		ca = append(ca, &x509.Certificate{Subject: pkix.Name{CommonName: name}})
	}
	var got []string
	for _, entry := range trustEntries(ca) {
		got = append(got, entry.FriendlyName)
	}
	want := []string{"CN=root", "CN=root (2)", "CN=\ufffd", "CN=other", "CN=root (3)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}
