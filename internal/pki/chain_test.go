package pki_test

import (
	"bytes"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/pki"
)

// hierarchy is a root, two CAs below it and a leaf.
type hierarchy struct {
	root, upper, lower authority
	leaf               *x509.Certificate
}

func newHierarchy(t testing.TB) hierarchy {
	t.Helper()
	root := newRoot(t, "root")
	upper := root.issueCA(t, "upper")
	lower := upper.issueCA(t, "lower")
	return hierarchy{root: root, upper: upper, lower: lower, leaf: lower.issueLeaf(t, ecKey())}
}

func pemOf(certs ...*x509.Certificate) []byte { return pki.Chain(certs).PEM() }

func subjects(chain pki.Chain) []string {
	var out []string
	for _, cert := range chain {
		out = append(out, cert.Subject.CommonName)
	}
	return out
}

func TestParseChainOrder(t *testing.T) {
	h := newHierarchy(t)
	// The same CA twice: once signed by the root, once by another root's CA.
	other := newRoot(t, "other root")
	crossed := other.sign(t, &x509.Certificate{
		SerialNumber: h.root.cert.SerialNumber, Subject: h.root.cert.Subject, NotBefore: h.root.cert.NotBefore,
		NotAfter: h.root.cert.NotAfter, BasicConstraintsValid: true, IsCA: true, SubjectKeyId: h.root.cert.SubjectKeyId,
	}, h.root.key)
	stranger := newRoot(t, "stranger").cert
	root, upper, lower, leaf := h.root.cert, h.upper.cert, h.lower.cert, h.leaf
	tests := []struct {
		name string
		in   pki.Chain
		want pki.Chain
	}{
		{"leaf", pki.Chain{leaf}, pki.Chain{leaf}},
		{"in order", pki.Chain{leaf, lower, upper, root}, pki.Chain{leaf, lower, upper, root}},
		{"reversed", pki.Chain{leaf, root, upper, lower}, pki.Chain{leaf, lower, upper, root}},
		{"one out of order", pki.Chain{leaf, lower, root, upper}, pki.Chain{leaf, lower, upper, root}},
		{"rotated", pki.Chain{leaf, upper, root, lower}, pki.Chain{leaf, lower, upper, root}},
		{"twice", pki.Chain{leaf, lower, leaf, lower, upper}, pki.Chain{leaf, lower, upper}},
		{"stranger last", pki.Chain{leaf, stranger, upper, lower}, pki.Chain{leaf, lower, upper, stranger}},
		{"crossed, out of order", pki.Chain{leaf, root, lower, crossed, other.cert, upper}, pki.Chain{leaf, lower, upper, crossed, other.cert, root}},
		{"crossed, in order", pki.Chain{leaf, lower, upper, crossed, other.cert}, pki.Chain{leaf, lower, upper, crossed, other.cert}},
		{"leaf is first", pki.Chain{root, lower}, pki.Chain{root, lower}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := pki.ParseChain(test.in.PEM(), 0)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, test.want, (*x509.Certificate).Equal) {
				t.Errorf("got %v, want %v", subjects(got), subjects(test.want))
			}
		})
	}
}

// A CA that changed its key issued a certificate to its own name. Key
// identifiers tell the two apart.
func TestParseChainOrdersSelfIssued(t *testing.T) {
	old := newRoot(t, "root")
	rollover := old.issueCA(t, "root")
	leaf := rollover.issueLeaf(t, ecKey())
	chain, err := pki.ParseChain(pemOf(leaf, old.cert, rollover.cert), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := chain.Linked(); err != nil {
		t.Error(err)
	}
	if !chain.Root().Equal(old.cert) {
		t.Error("the root is not the old certificate")
	}
	if got := chain[:2].Root(); got != nil {
		t.Error("a certificate signed with another key of the same name is taken for a root")
	}
}

func TestParseChainRefuses(t *testing.T) {
	h := newHierarchy(t)
	good := pemOf(h.leaf)
	var many pki.Chain
	for range 17 {
		many = append(many, h.leaf)
	}
	tests := []struct {
		name  string
		in    []byte
		limit int
		says  string
	}{
		{"nothing", nil, 0, "no PEM block"},
		{"text", []byte("hello"), 0, "no PEM block"},
		{"larger than the default", append(slices.Clone(good), strings.Repeat("\n", 95_000)...), 0, "larger than 95000 bytes"},
		{"larger than the limit", good, len(good) - 1, "larger than"},
		{"too many", many.PEM(), 0, "more than 16"},
		{"private key", slices.Concat(good, mustEncode(t, ecKey())), 0, "private key among the certificates"},
		{"EC key", slices.Concat(good, block("EC PRIVATE KEY", []byte("x"))), 0, "private key among the certificates"},
		{"request", block("CERTIFICATE REQUEST", []byte("x")), 0, "a CERTIFICATE REQUEST block"},
		{"trusted certificate", block("TRUSTED CERTIFICATE", h.leaf.Raw), 0, "unexpected type"},
		{"bad DER", slices.Concat(good, block("CERTIFICATE", []byte("x"))), 0, "certificate 1"},
		{"truncated", slices.Concat(good, good[:len(good)/2]), 0, "malformed"},
		{"broken in the middle", slices.Concat(good, bytes.Replace(good, []byte("M"), []byte("!"), 1), good), 0, "malformed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := pki.ParseChain(test.in, test.limit)
			wantError(t, err, test.says)
			if !errors.Is(err, pki.ErrInvalidCertificate) {
				t.Error("error does not wrap ErrInvalidCertificate")
			}
		})
	}
	if _, err := pki.ParseChain(good, len(good)); err != nil {
		t.Errorf("a chain of just the limit: %v", err)
	}
}

func TestParseBundle(t *testing.T) {
	var in pki.Chain
	for range 20 {
		in = append(in, newRoot(t, "root").cert)
	}
	got, err := pki.ParseBundle(pemOf(slices.Concat(in, in)...), 0)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.EqualFunc(got, in, (*x509.Certificate).Equal) {
		t.Error("want every certificate once, in order")
	}
	_, err = pki.ParseBundle(bytes.Repeat([]byte("\n"), 330_001), 0)
	wantError(t, err, "larger than 330000 bytes")
	_, err = pki.ParseBundle(mustEncode(t, ecKey()), 0)
	wantError(t, err, "private key among the certificates")
	if !errors.Is(err, pki.ErrInvalidCertificate) {
		t.Error("error does not wrap ErrInvalidCertificate")
	}
}

func TestLinked(t *testing.T) {
	h := newHierarchy(t)
	// The same name and key identifier, but another key.
	impostor := newRoot(t, "lower", func(c *x509.Certificate) { c.SubjectKeyId = h.lower.cert.SubjectKeyId })
	notCA := h.upper.issueLeaf(t, h.lower.key, func(c *x509.Certificate) { c.Subject.CommonName = "lower" })
	tests := []struct {
		name  string
		chain pki.Chain
		bad   string
	}{
		{"whole", pki.Chain{h.leaf, h.lower.cert, h.upper.cert, h.root.cert}, ""},
		{"leaf alone", pki.Chain{h.leaf}, ""},
		{"empty", nil, "no certificate"},
		{"link missing", pki.Chain{h.leaf, h.upper.cert, h.root.cert}, "certificate 0 is not signed by certificate 1"},
		{"impostor", pki.Chain{h.leaf, impostor.cert}, "certificate 0 is not signed by certificate 1"},
		{"signed by a leaf", pki.Chain{h.leaf, notCA, h.upper.cert}, "certificate 0 is not signed by certificate 1"},
		{"stranger above", pki.Chain{h.leaf, h.lower.cert, h.upper.cert, impostor.cert}, "certificate 2 is not signed by certificate 3"},
	}
	for _, test := range tests {
		err := test.chain.Linked()
		if test.bad == "" {
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
			}
			continue
		}
		wantError(t, err, test.bad)
		if !errors.Is(err, pki.ErrChain) {
			t.Errorf("%s: error does not wrap ErrChain", test.name)
		}
	}
}

func TestRoot(t *testing.T) {
	h := newHierarchy(t)
	selfSigned := authority{}.issueLeaf(t, ecKey())
	tests := []struct {
		name        string
		chain       pki.Chain
		root        *x509.Certificate
		withoutRoot pki.Chain
	}{
		{"empty", nil, nil, nil},
		{"with root", pki.Chain{h.leaf, h.lower.cert, h.upper.cert, h.root.cert}, h.root.cert, pki.Chain{h.leaf, h.lower.cert, h.upper.cert}},
		{"without root", pki.Chain{h.leaf, h.lower.cert, h.upper.cert}, nil, pki.Chain{h.leaf, h.lower.cert, h.upper.cert}},
		{"self-signed leaf", pki.Chain{selfSigned}, selfSigned, pki.Chain{selfSigned}},
		{"below the root", pki.Chain{h.upper.cert, h.root.cert}, h.root.cert, pki.Chain{h.upper.cert}},
	}
	for _, test := range tests {
		if got := test.chain.Root(); got != test.root {
			t.Errorf("%s: wrong root", test.name)
		}
		if got := test.chain.WithoutRoot(); !slices.Equal(got, test.withoutRoot) {
			t.Errorf("%s: without root %v", test.name, subjects(got))
		}
	}
	if (pki.Chain{}).Leaf() != nil {
		t.Error("an empty chain has a leaf")
	}
}

func TestChainPEMRoundTrip(t *testing.T) {
	h := newHierarchy(t)
	chain := pki.Chain{h.leaf, h.lower.cert, h.upper.cert}
	got, err := pki.ParseChain(chain.PEM(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(chain.PEM(), got.PEM()); diff != "" {
		t.Error(diff)
	}
	if !bytes.HasPrefix(chain.PEM(), pki.CertificatePEM(h.leaf)) {
		t.Error("the chain does not begin with the leaf")
	}
}

func TestChainNotAfter(t *testing.T) {
	root := newRoot(t, "root", func(c *x509.Certificate) { c.NotAfter = now.Add(time.Hour) })
	leaf := root.issueLeaf(t, ecKey(), func(c *x509.Certificate) { c.NotAfter = now.Add(2 * time.Hour) })
	if got := (pki.Chain{leaf, root.cert}).NotAfter(); !got.Equal(now.Add(time.Hour)) {
		t.Errorf("got %s, want the root's end", got)
	}
	if !(pki.Chain{}).NotAfter().IsZero() {
		t.Error("an empty chain ends")
	}
}
