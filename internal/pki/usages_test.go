package pki_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/pki"
)

// Each usage of the API reaches its own bit or purpose, as crypto/x509 reads
// them from a certificate.
func TestEveryUsage(t *testing.T) {
	bits := map[pki.Usage]x509.KeyUsage{
		pki.UsageSigning: x509.KeyUsageDigitalSignature, pki.UsageDigitalSignature: x509.KeyUsageDigitalSignature,
		pki.UsageContentCommitment: x509.KeyUsageContentCommitment, pki.UsageKeyEncipherment: x509.KeyUsageKeyEncipherment,
		pki.UsageKeyAgreement: x509.KeyUsageKeyAgreement, pki.UsageDataEncipherment: x509.KeyUsageDataEncipherment,
		pki.UsageCertSign: x509.KeyUsageCertSign, pki.UsageCRLSign: x509.KeyUsageCRLSign,
		pki.UsageEncipherOnly: x509.KeyUsageEncipherOnly, pki.UsageDecipherOnly: x509.KeyUsageDecipherOnly,
	}
	purposes := map[pki.Usage]x509.ExtKeyUsage{
		pki.UsageAny: x509.ExtKeyUsageAny, pki.UsageServerAuth: x509.ExtKeyUsageServerAuth,
		pki.UsageClientAuth: x509.ExtKeyUsageClientAuth, pki.UsageCodeSigning: x509.ExtKeyUsageCodeSigning,
		pki.UsageEmailProtection: x509.ExtKeyUsageEmailProtection, pki.UsageSMIME: x509.ExtKeyUsageEmailProtection,
		pki.UsageIPsecEndSystem: x509.ExtKeyUsageIPSECEndSystem, pki.UsageIPsecTunnel: x509.ExtKeyUsageIPSECTunnel,
		pki.UsageIPsecUser: x509.ExtKeyUsageIPSECUser, pki.UsageTimestamping: x509.ExtKeyUsageTimeStamping,
		pki.UsageOCSPSigning: x509.ExtKeyUsageOCSPSigning, pki.UsageMicrosoftSGC: x509.ExtKeyUsageMicrosoftServerGatedCrypto,
		pki.UsageNetscapeSGC: x509.ExtKeyUsageNetscapeServerGatedCrypto,
	}
	if len(bits)+len(purposes) != 23 {
		t.Fatalf("the API has 23 usages, not %d", len(bits)+len(purposes))
	}
	check := func(usage pki.Usage, bit x509.KeyUsage, purpose []x509.ExtKeyUsage) {
		t.Run(string(usage), func(t *testing.T) {
			// The request carries the usage as we encode it, the certificate as
			// crypto/x509 does; Sign refuses if the two disagree.
			request := mustRequest(t, pki.RequestSpec{
				CommonName: "a", Usages: []pki.Usage{usage}, EncodeUsages: true, Key: ecSpec,
			}, ecKey())
			chain, err := pki.SelfSign(request, ecKey(), pki.Template{Usages: []pki.Usage{usage}}, now)
			if err != nil {
				t.Fatal(err)
			}
			if chain[0].KeyUsage != bit || !slices.Equal(chain[0].ExtKeyUsage, purpose) {
				t.Errorf("certificate has %v and %v", chain[0].KeyUsage, chain[0].ExtKeyUsage)
			}
			certUsage := extensionValue(chain[0].Extensions, "2.5.29.15") + extensionValue(chain[0].Extensions, "2.5.29.37")
			csr, err := x509.ParseCertificateRequest(request.Raw)
			if err != nil {
				t.Fatal(err)
			}
			if got := extensionValue(csr.Extensions, "2.5.29.15") + extensionValue(csr.Extensions, "2.5.29.37"); got != certUsage {
				t.Error("the request does not have the bytes that crypto/x509 puts into a certificate")
			}
		})
	}
	for usage, bit := range bits {
		check(usage, bit, nil)
	}
	for usage, purpose := range purposes {
		check(usage, 0, []x509.ExtKeyUsage{purpose})
	}
}

func extensionValue(extensions []pkix.Extension, oid string) string {
	for _, e := range extensions {
		if e.Id.String() == oid {
			return string(e.Value)
		}
	}
	return ""
}

func TestEffectiveUsages(t *testing.T) {
	tests := []struct {
		in   []pki.Usage
		isCA bool
		want []pki.Usage
	}{
		{nil, false, []pki.Usage{pki.UsageDigitalSignature, pki.UsageKeyEncipherment}},
		{nil, true, []pki.Usage{pki.UsageDigitalSignature, pki.UsageKeyEncipherment, pki.UsageCertSign}},
		{[]pki.Usage{pki.UsageSMIME, pki.UsageSigning, pki.UsageDigitalSignature}, false,
			[]pki.Usage{pki.UsageDigitalSignature, pki.UsageEmailProtection}},
		{[]pki.Usage{pki.UsageClientAuth, pki.UsageServerAuth}, true,
			[]pki.Usage{pki.UsageCertSign, pki.UsageServerAuth, pki.UsageClientAuth}},
	}
	for _, test := range tests {
		if diff := cmp.Diff(test.want, pki.EffectiveUsages(test.in, test.isCA)); diff != "" {
			t.Errorf("%v, CA %t (-want +got):\n%s", test.in, test.isCA, diff)
		}
	}
}
