package api

import (
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
)

func TestNamesForRefusesWhatIsNoGroup(t *testing.T) {
	for name, group := range map[string]string{
		"empty":            "",
		"one label":        "certwright",
		"upper case":       "Certwright.dev",
		"underscore":       "cert_wright.dev",
		"trailing dot":     "certwright.dev.",
		"slash":            "certwright.dev/v1",
		"too long":         strings.Repeat("a.", 126) + "b",
		"too long by one":  groupOf(validation.DNS1123SubdomainMaxLength - len("controller.") + 1),
		"only a separator": ".",
	} {
		t.Run(name, func(t *testing.T) {
			if names, err := NamesFor(group); err == nil {
				t.Errorf("NamesFor(%q) = %v, want an error", group, names.Group)
			}
		})
	}
}

func TestNamesForTakesTheLongestGroup(t *testing.T) {
	group := groupOf(validation.DNS1123SubdomainMaxLength - len("controller."))
	names, err := NamesFor(group)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keysOf(names) {
		if problems := validation.IsQualifiedName(key); len(problems) > 0 {
			t.Errorf("%s is no key: %v", key, problems)
		}
	}
}

// groupOf makes a DNS subdomain of exactly length characters.
func groupOf(length int) string {
	group := strings.Repeat("abcdefg.", length/8+1)[:length]
	return strings.TrimSuffix(group, ".") + strings.Repeat("x", length-len(strings.TrimSuffix(group, ".")))
}

// keysOf lists every annotation, label and finalizer key.
func keysOf(names Names) []string {
	keys := []string{names.OrderFinalizer}
	var walk func(reflect.Value)
	walk = func(v reflect.Value) {
		for i := range v.NumField() {
			if field := v.Field(i); field.Kind() == reflect.Struct {
				walk(field)
			} else {
				keys = append(keys, field.String())
			}
		}
	}
	walk(reflect.ValueOf(names.Annotation))
	walk(reflect.ValueOf(names.Label))
	return keys
}

// Under the group cert-manager.io the operator takes over objects that were written for cert-manager, so
// that every key has to be its key to the letter.
func TestNamesForTakesOverCertManager(t *testing.T) {
	got, err := NamesFor("cert-manager.io")
	if err != nil {
		t.Fatal(err)
	}
	want := Names{
		Group:            "cert-manager.io",
		ACMEGroup:        "acme.cert-manager.io",
		GroupVersion:     schema.GroupVersion{Group: "cert-manager.io", Version: "v1"},
		ACMEGroupVersion: schema.GroupVersion{Group: "acme.cert-manager.io", Version: "v1"},
		// Not of cert-manager: the operator's own.
		RevocationFinalizer: "cert-manager.io/revoke-on-delete",
		OrderFinalizer:      "acme.cert-manager.io/finalizer",
		Label: Labels{
			Managed:        "controller.cert-manager.io/fao",
			NextPrivateKey: "cert-manager.io/next-private-key",
			// Not of cert-manager: the operator's own.
			IssuedRecord:     "cert-manager.io/issued-record",
			HTTP01Solver:     "acme.cert-manager.io/http01-solver",
			HTTP01Route:      "acme.cert-manager.io/http01-route",
			HTTPDomain:       "acme.cert-manager.io/http-domain",
			HTTPToken:        "acme.cert-manager.io/http-token",
			RestartOnRenewal: "cert-manager.io/restart-on-renewal",
			RevocationList:   "cert-manager.io/revocation-list",
		},
		Annotation: Annotations{
			Issuer:        "cert-manager.io/issuer",
			ClusterIssuer: "cert-manager.io/cluster-issuer",
			IssuerName:    "cert-manager.io/issuer-name",
			IssuerKind:    "cert-manager.io/issuer-kind",
			IssuerGroup:   "cert-manager.io/issuer-group",
			CommonName:    "cert-manager.io/common-name",
			AltNames:      "cert-manager.io/alt-names",
			IPSANs:        "cert-manager.io/ip-sans",
			URISANs:       "cert-manager.io/uri-sans",
			EmailSANs:     "cert-manager.io/email-sans",
			Subject: SubjectAnnotations{
				Organizations:       "cert-manager.io/subject-organizations",
				OrganizationalUnits: "cert-manager.io/subject-organizationalunits",
				Countries:           "cert-manager.io/subject-countries",
				Provinces:           "cert-manager.io/subject-provinces",
				Localities:          "cert-manager.io/subject-localities",
				PostalCodes:         "cert-manager.io/subject-postalcodes",
				StreetAddresses:     "cert-manager.io/subject-streetaddresses",
				SerialNumber:        "cert-manager.io/subject-serialnumber",
			},
			Duration:                  "cert-manager.io/duration",
			RenewBefore:               "cert-manager.io/renew-before",
			RenewBeforePercentage:     "cert-manager.io/renew-before-percentage",
			Usages:                    "cert-manager.io/usages",
			RevisionHistoryLimit:      "cert-manager.io/revision-history-limit",
			PrivateKeyAlgorithm:       "cert-manager.io/private-key-algorithm",
			PrivateKeyEncoding:        "cert-manager.io/private-key-encoding",
			PrivateKeySize:            "cert-manager.io/private-key-size",
			PrivateKeyRotationPolicy:  "cert-manager.io/private-key-rotation-policy",
			SecretTemplate:            "cert-manager.io/secret-template",
			IgnoreTLSListeners:        "cert-manager.io/ignore-tls-listeners",
			IssueTemporaryCertificate: "cert-manager.io/issue-temporary-certificate",
			CertificateName:           "cert-manager.io/certificate-name",
			CertificateRevision:       "cert-manager.io/certificate-revision",
			PrivateKeySecretName:      "cert-manager.io/private-key-secret-name",
			AllowDirectInjection:      "cert-manager.io/allow-direct-injection",
			// Not of cert-manager: the operator's own.
			Applied:           "cert-manager.io/applied",
			Issued:            "cert-manager.io/issued",
			KnownCertificates: "cert-manager.io/known-certificates",
			CertificatesHash:  "cert-manager.io/certificates-hash",
			Source:            "cert-manager.io/source",
			SourceLabels:      "cert-manager.io/source-labels",
			SourceProblem:     "cert-manager.io/source-problem",
			ACME: ACMEAnnotations{
				// Not of cert-manager: the operator's own.
				RotateAccountKey:         "acme.cert-manager.io/rotate-account-key",
				ChallengeNamespace:       "acme.cert-manager.io/challenge-namespace",
				IgnoreLimits:             "acme.cert-manager.io/ignore-limits",
				Directory:                "acme.cert-manager.io/directory",
				Account:                  "acme.cert-manager.io/account",
				EditInPlace:              "acme.cert-manager.io/http01-edit-in-place",
				IngressClass:             "acme.cert-manager.io/http01-ingress-class",
				IngressClassName:         "acme.cert-manager.io/http01-ingress-ingressclassname",
				OverrideIngressName:      "acme.cert-manager.io/http01-override-ingress-name",
				OverrideIngressClass:     "acme.cert-manager.io/http01-override-ingress-class",
				OverrideIngressClassName: "acme.cert-manager.io/http01-override-ingress-ingressclassname",
				ParentRefName:            "acme.cert-manager.io/http01-parentrefname",
				ParentRefKind:            "acme.cert-manager.io/http01-parentrefkind",
				ParentRefNamespace:       "acme.cert-manager.io/http01-parentrefnamespace",
				ParentRefFallback:        "acme.cert-manager.io/http01-parentreffallback",
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names differ (-want +got):\n%s", diff)
	}
}

func TestDefaultNamesAreThoseOfTheDefaultGroup(t *testing.T) {
	want, err := NamesFor(DefaultGroup)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, DefaultNames()); diff != "" {
		t.Errorf("names differ (-want +got):\n%s", diff)
	}
	if DefaultNames().Group != "certwright.dev" {
		t.Errorf("default group is %s", DefaultNames().Group)
	}
}
