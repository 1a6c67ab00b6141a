package pki_test

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"testing"

	"github.com/certwright/certwright/internal/pki"
)

// The identifier is the one that certificates and lists of the key carry.
func TestKeyID(t *testing.T) {
	root := newRoot(t, "root", signsLists)
	chosen := newRoot(t, "chosen", signsLists, func(c *x509.Certificate) { c.SubjectKeyId = []byte{0xAB, 0x01} })
	long := newRoot(t, "long", signsLists, func(c *x509.Certificate) { c.SubjectKeyId = bytes.Repeat([]byte{1}, 65) })
	intermediate := newRoot(t, "root").issueCA(t, "lower", signsLists, func(c *x509.Certificate) { c.IsCA, c.BasicConstraintsValid = true, true })
	none := authority{cert: withoutKeyID(t, intermediate), key: intermediate.key}
	for name, ca := range map[string]authority{"computed": root, "chosen": chosen, "none": none} {
		signer := ca.signer(t)
		id, err := signer.KeyID()
		if err != nil {
			t.Fatal(err)
		}
		if list := stdCRL(t, mustSignCRL(t, pki.NewCRL(now, 0), signer)); id != hex.EncodeToString(list.AuthorityKeyId) {
			t.Errorf("%s: %s, the list has %x", name, id, list.AuthorityKeyId)
		}
	}
	if id, err := long.signer(t).KeyID(); err != nil || len(id) != 40 {
		t.Errorf("an identifier of 65 octets gives %s, %v", id, err)
	}
}

func TestSigned(t *testing.T) {
	root, other := newRoot(t, "root"), newRoot(t, "root")
	request := mustRequest(t, pki.RequestSpec{DNSNames: []string{"a.example"}, Key: ecSpec}, ecKey())
	leaf := mustSign(t, root.signer(t), request, pki.Template{}).Chain.Leaf()
	template := *root.cert
	template.RawSubject, template.Subject = nil, pkix.Name{CommonName: "another name"}
	renamed := authority{cert: authority{}.sign(t, &template, root.key), key: root.key}
	for name, test := range map[string]struct {
		ca   authority
		want bool
	}{"its own": {root, true}, "its key under another name": {renamed, true}, "another key of this name": {other, false}} {
		if got := test.ca.signer(t).Signed(leaf); got != test.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}
