package acme_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

const (
	chainPEM = "-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nBAUG\n-----END CERTIFICATE-----\n"
	keyPEM   = "-----BEGIN EC PRIVATE KEY-----\nAQID\n-----END EC PRIVATE KEY-----\n"
)

func TestFetchCertificate(t *testing.T) {
	script := startScript(t)
	script.On("/cert/1", acmetest.Reply{Body: chainPEM, Header: http.Header{"Link": {
		`<{base}/dir>;rel="index", </cert/1/1>;rel="alternate"`,
		`<https://evil.test/cert>;rel="alternate"`,
	}}})
	script.On("/cert/1/1", acmetest.Reply{Body: chainPEM})
	client, account := scriptClient(t, script)
	ctx := testContext(t)
	got, err := client.FetchCertificate(ctx, account, script.URL("/cert/1"))
	if err != nil {
		t.Fatal(err)
	}
	want := &acme.Certificate{
		URL:        script.URL("/cert/1"),
		PEM:        []byte(chainPEM),
		Alternates: []string{script.URL("/cert/1/1"), "https://evil.test/cert"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("certificate (-want +got):\n%s", diff)
	}
	if accept := script.Requests("/cert/1")[0].Header.Get("Accept"); accept != "application/pem-certificate-chain" {
		t.Errorf("Accept %q", accept)
	}
	if _, err := client.FetchAlternate(ctx, account, got.Alternates[0]); err != nil {
		t.Error(err)
	}
	if _, err := client.FetchAlternate(ctx, account, got.Alternates[1]); reasonOf(err) != acme.ReasonForeignHost {
		t.Errorf("alternate at a foreign host: %v, want %s", err, acme.ReasonForeignHost)
	}
}

func TestFetchCertificateWithAKey(t *testing.T) {
	script := startScript(t)
	script.On("/cert/1", acmetest.Reply{Body: chainPEM + keyPEM})
	client, account := scriptClient(t, script)
	_, err := client.FetchCertificate(testContext(t), account, script.URL("/cert/1"))
	if reasonOf(err) != acme.ReasonNotCertificate {
		t.Errorf("error %v, want %s", err, acme.ReasonNotCertificate)
	}
}
