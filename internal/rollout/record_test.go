package rollout_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/api"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/internal/rollout"
)

var names = api.DefaultNames()

// pemOf is a new certificate, a throwaway one if temporary.
func pemOf(t *testing.T, temporary bool) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spec := pki.RequestSpec{CommonName: "web"}
	if temporary {
		chain, err := pki.TemporaryCertificate(spec, key, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return chain.PEM()
	}
	encoded, err := pki.CreateRequest(spec, key)
	if err != nil {
		t.Fatal(err)
	}
	request, err := pki.ParseRequest(encoded)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := pki.SelfSign(request, key, pki.Template{Duration: time.Hour}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return chain.PEM()
}

func target(certificate, ca []byte) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "web-tls", Annotations: map[string]string{names.Annotation.CertificateName: "web"}},
		Data:       map[string][]byte{corev1.TLSCertKey: certificate, "ca.crt": ca, corev1.TLSPrivateKeyKey: []byte("key")},
	}
}

func TestCertificateOf(t *testing.T) {
	real, temporary := pemOf(t, false), pemOf(t, true)
	for name, test := range map[string]struct {
		secret *corev1.Secret
		change func(*corev1.Secret)
		want   bool
	}{
		"a target":                                  {target(real, nil), func(*corev1.Secret) {}, true},
		"a Secret of nobody's":                      {target(real, nil), func(s *corev1.Secret) { s.Annotations = nil }, false},
		"the key of an attempt":                     {target(real, nil), func(s *corev1.Secret) { s.Labels = map[string]string{names.Label.NextPrivateKey: "true"} }, false},
		"an empty one":                              {target(real, nil), func(s *corev1.Secret) { s.Data = nil }, false},
		"one whose certificate is not there yet":    {target(nil, real), func(*corev1.Secret) {}, false},
		"one whose certificate cannot be read":      {target([]byte("?"), real), func(*corev1.Secret) {}, false},
		"one whose certificate is larger than any":  {target(bytes.Repeat(real, 1000), nil), func(*corev1.Secret) {}, false},
		"a target whose CA nobody can make head of": {target(real, []byte("?")), func(*corev1.Secret) {}, true},
	} {
		t.Run(name, func(t *testing.T) {
			test.change(test.secret)
			if got := rollout.CertificateOf(test.secret, names); (got != nil) != test.want {
				t.Errorf("got %+v", got)
			}
		})
	}
	if got := rollout.CertificateOf(target(real, nil), names); got.Temporary {
		t.Error("a real certificate is taken for a throwaway one")
	}
	if got := rollout.CertificateOf(target(temporary, nil), names); !got.Temporary {
		t.Error("a throwaway certificate is taken for a real one")
	}
}

// The digest changes with what a pod may have read of a certificate, and with nothing else.
func TestDigest(t *testing.T) {
	certificate, ca := pemOf(t, false), pemOf(t, false)
	before := rollout.CertificateOf(target(certificate, ca), names).Digest
	for name, test := range map[string]struct {
		change func(*corev1.Secret)
		same   bool
	}{
		"another certificate": {func(s *corev1.Secret) { s.Data[corev1.TLSCertKey] = ca }, false},
		"another chain":       {func(s *corev1.Secret) { s.Data[corev1.TLSCertKey] = append(bytes.Clone(certificate), ca...) }, false},
		"another CA":          {func(s *corev1.Secret) { s.Data["ca.crt"] = certificate }, false},
		"no CA":               {func(s *corev1.Secret) { delete(s.Data, "ca.crt") }, false},
		"the CA moved into the chain": {func(s *corev1.Secret) {
			s.Data[corev1.TLSCertKey], s.Data["ca.crt"] = append(bytes.Clone(certificate), ca...), nil
		}, false},
		"another key":   {func(s *corev1.Secret) { s.Data[corev1.TLSPrivateKeyKey] = []byte("another") }, true},
		"a keystore":    {func(s *corev1.Secret) { s.Data["keystore.p12"] = []byte("more") }, true},
		"another label": {func(s *corev1.Secret) { s.Labels = map[string]string{"a": "b"} }, true},
	} {
		t.Run(name, func(t *testing.T) {
			secret := target(certificate, ca)
			test.change(secret)
			if same := rollout.CertificateOf(secret, names).Digest == before; same != test.same {
				t.Errorf("same digest: %v", same)
			}
			if same := rollout.SameCertificate(secret, target(certificate, ca), names); same != test.same {
				t.Errorf("SameCertificate: %v", same)
			}
		})
	}
	adopted := target(certificate, ca)
	adopted.Annotations = nil
	if rollout.SameCertificate(adopted, target(certificate, ca), names) {
		t.Error("a Secret that becomes a Certificate's wakes nobody")
	}
}

// The forms of digest, record and hash stand on workloads: another form would restart all of them after an upgrade.
func TestForms(t *testing.T) {
	secret := target([]byte(fixedCertificate), []byte("ca"))
	const digest = "8a4618a5043bec0b51f8a6508393600d"
	if got := rollout.CertificateOf(secret, names).Digest; got != digest {
		t.Errorf("digest %s", got)
	}
	record := rollout.Record{"web-tls": digest, "api-tls": "0123"}
	const text = `{"api-tls":"0123","web-tls":"` + digest + `"}`
	if got := record.String(); got != text {
		t.Errorf("record %s", got)
	}
	const hash = "1fe4bd13f561827a627ce9ae370f27b4c843c9ab2c40dd8416c4ab0145670c34"
	if got := record.Hash(); got != hash {
		t.Errorf("hash %s", got)
	}
	if got := (rollout.Record{}).String(); got != "" {
		t.Errorf("empty record %q", got)
	}
}

const fixedCertificate = `-----BEGIN CERTIFICATE-----
MIIBcTCCARegAwIBAgIUNf7Jn/CTiPRDtVvKJD6vXO2NeuswCgYIKoZIzj0EAwIw
DjEMMAoGA1UEAwwDd2ViMB4XDTI2MTEyNjE0MTgzNVoXDTM2MTEyMzE0MTgzNVow
DjEMMAoGA1UEAwwDd2ViMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAENmAEIw7A
dc7c46+LNab8XgyA3k0w5R0cRokYrlDraAY6VFafUWdeb4vGYjqzUk80ufSgNElG
DV7m/PdW80j3BqNTMFEwHQYDVR0OBBYEFDQYOs7SliH8wL4cjlqd+dbr7x46MB8G
A1UdIwQYMBaAFDQYOs7SliH8wL4cjlqd+dbr7x46MA8GA1UdEwEB/wQFMAMBAf8w
CgYIKoZIzj0EAwIDSAAwRQIgSwp5rMeZdIp6RD8GHTmZhtHqL4qpz3VamF9GDp9h
dtQCIQDoeeYJD0mTjzotvhzVnGiibomh7GX0xdC+httTvh4F9A==
-----END CERTIFICATE-----
`

func TestParseRecord(t *testing.T) {
	full := rollout.Record{}
	for i := range rollout.MaxSecrets {
		full[fmt.Sprintf("%03d%s", i, strings.Repeat("a", 250))] = strings.Repeat("0", 32)
	}
	over := `{"a":"` + strings.Repeat("0", 64<<10) + `"}`
	crowded := strings.Replace(full.String(), "{", `{"one-more":"0",`, 1)
	for name, test := range map[string]struct {
		text string
		want rollout.Record
	}{
		"none":                   {"", nil},
		"one":                    {`{"web-tls":"00"}`, rollout.Record{"web-tls": "00"}},
		"the longest":            {full.String(), full},
		"one with too many":      {crowded, nil},
		"one that is too long":   {over, nil},
		"one of another form":    {`["web-tls"]`, nil},
		"one with another value": {`{"web-tls":1}`, nil},
		"no JSON":                {`web-tls=00`, nil},
		"null":                   {`null`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, rollout.ParseRecord(test.text)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// FuzzRecord checks that whatever stands on a workload is read as a record of bounded size that is written and read
// alike, or as none.
func FuzzRecord(f *testing.F) {
	f.Add(`{"web-tls":"00"}`)
	f.Add(`{"a":"\u0000","b":"\ufffd\ud800"}`)
	f.Add(`{"a":null}`)
	f.Add(`{} {}`)
	f.Fuzz(func(t *testing.T, text string) {
		record := rollout.ParseRecord(text)
		if len(record) > rollout.MaxSecrets {
			t.Errorf("%d entries", len(record))
		}
		again := rollout.ParseRecord(record.String())
		if len(record) > 0 && len(record.String()) <= 64<<10 && !cmp.Equal(record, again) {
			t.Errorf("%q is read as %v, and then as %v", text, record, again)
		}
		_ = record.Hash()
	})
}
