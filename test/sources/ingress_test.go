package sources

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/operator"
)

// everything is every annotation that can stand on one Ingress at once, in the default group.
var everything = map[string]string{
	"certwright.dev/common-name":                 "web.example.test",
	"certwright.dev/alt-names":                   "a.example.test, b.example.test",
	"certwright.dev/ip-sans":                     "192.0.2.7,2001:db8::7",
	"certwright.dev/uri-sans":                    "spiffe://example.test/web",
	"certwright.dev/email-sans":                  "web@example.test",
	"certwright.dev/subject-organizations":       `"Example, Inc.",Other`,
	"certwright.dev/subject-organizationalunits": "Web",
	"certwright.dev/subject-countries":           "NL",
	"certwright.dev/subject-provinces":           "Utrecht",
	"certwright.dev/subject-localities":          "Utrecht",
	"certwright.dev/subject-postalcodes":         "3511",
	"certwright.dev/subject-streetaddresses":     "Street 1",
	"certwright.dev/subject-serialnumber":        "42",
	"certwright.dev/duration":                    "720h",
	"certwright.dev/renew-before-percentage":     "40",
	"certwright.dev/usages":                      "server auth,client auth",
	"certwright.dev/revision-history-limit":      "3",
	"certwright.dev/private-key-algorithm":       "ECDSA",
	"certwright.dev/private-key-encoding":        "PKCS8",
	"certwright.dev/private-key-size":            "384",
	"certwright.dev/private-key-rotation-policy": "Never",
	"certwright.dev/secret-template":             `{"annotations":{"a":"b"},"labels":{"c":"d"}}`,
	"acme.certwright.dev/http01-ingress-class":   "nginx",
}

func everySpec(names *v1.Certificate) v1.CertificateSpec {
	return v1.CertificateSpec{
		SecretName: "web-tls", IssuerRef: names.Spec.IssuerRef, CommonName: "web.example.test",
		DNSNames:    []string{"web.example.test", "a.example.test", "b.example.test"},
		IPAddresses: []string{"192.0.2.7", "2001:db8::7"}, URIs: []string{"spiffe://example.test/web"}, EmailAddresses: []string{"web@example.test"},
		Subject: &v1.X509Subject{
			Organizations: []string{"Example, Inc.", "Other"}, OrganizationalUnits: []string{"Web"}, Countries: []string{"NL"},
			Provinces: []string{"Utrecht"}, Localities: []string{"Utrecht"}, PostalCodes: []string{"3511"},
			StreetAddresses: []string{"Street 1"}, SerialNumber: "42",
		},
		Duration: &metav1.Duration{Duration: 720 * time.Hour}, RenewBeforePercentage: ptr.To[int32](40),
		Usages: []v1.KeyUsage{v1.UsageServerAuth, v1.UsageClientAuth}, RevisionHistoryLimit: ptr.To[int32](3),
		PrivateKey:     &v1.CertificatePrivateKey{Algorithm: v1.ECDSAKeyAlgorithm, Encoding: v1.PKCS8, Size: 384, RotationPolicy: v1.RotationNever},
		SecretTemplate: &v1.CertificateSecretTemplate{Annotations: map[string]string{"a": "b"}, Labels: map[string]string{"c": "d"}},
	}
}

var _ = underEachGroup("an annotated Ingress", func(s *space) {
	ready := func(g Gomega, crt *v1.Certificate) {
		g.Expect(condition.IsTrue(crt.Status.Conditions, v1.ConditionReady)).To(BeTrue())
	}

	It("becomes a Certificate and a Secret, and goes with both of its writes", func(ctx SpecContext) {
		s.start()
		web := s.ingress(nil)
		web.Labels = map[string]string{"team": "web", "applyset.kubernetes.io/part-of": "x"}
		s.create(ctx, s.selfSigned(), web)
		crt := s.certificate(ctx, s.namespace, "web-tls", ready)
		Expect(crt.Spec.DNSNames).To(Equal([]string{"web.example.test"}))
		Expect(crt.Spec.IssuerRef).To(Equal(v1.IssuerRef{Name: "selfsigned", Kind: v1.IssuerKind, Group: s.names.Group}))
		Expect(crt.Labels).To(Equal(map[string]string{"team": "web"}))
		Expect(metav1.IsControlledBy(crt, web)).To(BeTrue())
		Expect(s.Get(ctx, client.ObjectKeyFromObject(crt), &corev1.Secret{})).To(Succeed())
		s.event(ctx, web, "CreateCertificate", "web-tls")

		// What the requests of the Certificate carry is for its issuer, not for us.
		var requests v1.CertificateRequestList
		Expect(s.List(ctx, &requests, client.InNamespace(s.namespace))).To(Succeed())
		Expect(requests.Items).NotTo(BeEmpty())
		Expect(requests.Items[0].Annotations).NotTo(HaveKey(s.names.Annotation.Source))
	})

	It("is followed in every annotation, and in the removal of each", func(ctx SpecContext) {
		s.start()
		web := s.ingress(s.inGroup(everything))
		s.create(ctx, web)
		crt := s.certificate(ctx, s.namespace, "web-tls", hosts("web.example.test", "a.example.test", "b.example.test"))
		Expect(crt.Spec).To(Equal(everySpec(crt)))
		Expect(crt.Annotations).To(HaveKeyWithValue(s.names.Annotation.ACME.OverrideIngressClass, "nginx"))

		for key := range s.inGroup(everything) {
			s.annotate(ctx, web, map[string]string{key: ""})
		}
		s.certificate(ctx, s.namespace, "web-tls", func(g Gomega, crt *v1.Certificate) {
			g.Expect(crt.Spec).To(Equal(v1.CertificateSpec{
				SecretName: "web-tls", IssuerRef: v1.IssuerRef{Name: "selfsigned", Kind: v1.IssuerKind, Group: s.names.Group},
				DNSNames: []string{"web.example.test"}, Usages: v1.DefaultUsages(),
			}))
			g.Expect(crt.Annotations).NotTo(HaveKey(s.names.Annotation.ACME.OverrideIngressClass))
		})

		for key, value := range s.inGroup(everything) {
			s.annotate(ctx, web, map[string]string{key: value})
		}
		s.certificate(ctx, s.namespace, "web-tls", func(g Gomega, crt *v1.Certificate) { g.Expect(crt.Spec).To(Equal(everySpec(crt))) })
		s.event(ctx, web, "UpdateCertificate", "web-tls")
	})

	It("is followed in its hosts, Secrets and labels, and what it does not ask for any more goes", func(ctx SpecContext) {
		s.start()
		web := s.ingress(nil, block("web-tls", "web.example.test", "192.0.2.1"), block("other-tls", "other.example.test"), block("web-tls", "more.example.test"))
		web.Labels = map[string]string{"team": "web"}
		s.create(ctx, s.selfSigned(), web)
		crt := s.certificate(ctx, s.namespace, "web-tls", hosts("web.example.test", "more.example.test"))
		Expect(crt.Spec.IPAddresses).To(Equal([]string{"192.0.2.1"}))
		other := s.certificate(ctx, s.namespace, "other-tls", ready)
		// What others put there is theirs.
		s.edit(ctx, crt, func() { crt.Labels["mine"], crt.Annotations["example.test/mine"] = "stays", "stays" })

		s.edit(ctx, web, func() {
			web.Labels = map[string]string{"tier": "front"}
			web.Spec.TLS = []networkingv1.IngressTLS{block("web-tls", "new.example.test")}
		})
		s.certificate(ctx, s.namespace, "web-tls", func(g Gomega, crt *v1.Certificate) {
			hosts("new.example.test")(g, crt)
			g.Expect(crt.Labels).To(Equal(map[string]string{"tier": "front", "mine": "stays"}))
			g.Expect(crt.Annotations).To(HaveKeyWithValue("example.test/mine", "stays"))
		})
		s.noCertificate(ctx, s.namespace, "other-tls")
		s.event(ctx, web, "DeleteCertificate", "other-tls")
		Expect(s.Get(ctx, client.ObjectKeyFromObject(other), &corev1.Secret{})).To(Succeed(), "the Secret goes with nobody")

		s.edit(ctx, web, func() { web.Spec.TLS[0].SecretName = "renamed-tls" })
		s.certificate(ctx, s.namespace, "renamed-tls", hosts("new.example.test"))
		s.noCertificate(ctx, s.namespace, "web-tls")

		s.annotate(ctx, web, map[string]string{s.names.Annotation.Issuer: ""})
		s.noCertificate(ctx, s.namespace, "renamed-tls")
	})

	It("gets back what somebody changed or deleted of its Certificate", func(ctx SpecContext) {
		s.start()
		s.create(ctx, s.ingress(nil))
		crt := s.certificate(ctx, s.namespace, "web-tls", hosts("web.example.test"))
		s.edit(ctx, crt, func() { crt.Spec.DNSNames = []string{"wrong.example.test"} })
		crt = s.certificate(ctx, s.namespace, "web-tls", hosts("web.example.test"))
		Expect(s.Delete(ctx, crt)).To(Succeed())
		s.certificate(ctx, s.namespace, "web-tls", func(g Gomega, again *v1.Certificate) { g.Expect(again.UID).NotTo(Equal(crt.UID)) })
	})

	It("leaves a Certificate alone that was not made for it, until that is gone", func(ctx SpecContext) {
		foreign := &v1.Certificate{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "web-tls"},
			Spec:       v1.CertificateSpec{SecretName: "web-tls", DNSNames: []string{"foreign.example.test"}, IssuerRef: v1.IssuerRef{Name: "another"}},
		}
		web := s.ingress(nil, block("web-tls", "web.example.test"), block("second-tls", "second.example.test"))
		s.create(ctx, foreign, web)
		s.start()
		s.event(ctx, web, "BadConfig", `Certificate "web-tls" exists and was not made for this Ingress`)
		s.certificate(ctx, s.namespace, "second-tls", hosts("second.example.test"))
		s.edit(ctx, web, func() { web.Spec.TLS = web.Spec.TLS[:1] })
		s.noCertificate(ctx, s.namespace, "second-tls")
		s.certificate(ctx, s.namespace, "web-tls", hosts("foreign.example.test"))
		Expect(s.Delete(ctx, foreign)).To(Succeed())
		s.certificate(ctx, s.namespace, "web-tls", hosts("web.example.test"))
	})

	It("that shares a Secret with another takes the Certificate over when that one is done with it", func(ctx SpecContext) {
		s.start()
		first, second := s.ingress(nil), s.ingress(nil, block("web-tls", "second.example.test"))
		second.Name = "second"
		s.create(ctx, first)
		s.certificate(ctx, s.namespace, "web-tls", hosts("web.example.test"))
		s.create(ctx, second)
		s.event(ctx, second, "BadConfig", `Certificate "web-tls" exists and was not made for this Ingress`)
		s.annotate(ctx, first, map[string]string{s.names.Annotation.Issuer: ""})
		crt := s.certificate(ctx, s.namespace, "web-tls", hosts("second.example.test"))
		Expect(metav1.IsControlledBy(crt, second)).To(BeTrue())
	})

	It("with an annotation that cannot be followed keeps the Certificate it has, and says so", func(ctx SpecContext) {
		s.start()
		web := s.ingress(nil)
		s.create(ctx, s.selfSigned(), web)
		s.certificate(ctx, s.namespace, "web-tls", ready)
		key := s.names.Annotation.Duration
		s.edit(ctx, web, func() {
			web.Annotations[key] = "5m"
			web.Spec.TLS[0].Hosts = []string{"new.example.test"}
			web.Spec.TLS = append(web.Spec.TLS, block("second-tls", "second.example.test"))
		})
		problem := func(g Gomega, crt *v1.Certificate) {
			hosts("web.example.test")(g, crt)
			ready(g, crt)
			told := condition.Get(crt.Status.Conditions, v1.ConditionSourceProblem)
			g.Expect(told).NotTo(BeNil())
			g.Expect(told.Reason).To(Equal(v1.ReasonBadConfig))
			g.Expect(told.Message).To(ContainSubstring(`annotation ` + key + `: write a duration of at least 1h instead of "5m"`))
		}
		s.certificate(ctx, s.namespace, "web-tls", problem)
		s.event(ctx, web, "BadConfig", key)
		s.noCertificate(ctx, s.namespace, "second-tls")

		s.annotate(ctx, web, map[string]string{key: "2h"})
		s.certificate(ctx, s.namespace, "web-tls", func(g Gomega, crt *v1.Certificate) {
			hosts("new.example.test")(g, crt)
			g.Expect(crt.Spec.Duration).To(Equal(&metav1.Duration{Duration: 2 * time.Hour}))
			g.Expect(crt.Annotations).NotTo(HaveKey(s.names.Annotation.SourceProblem))
			g.Expect(condition.Get(crt.Status.Conditions, v1.ConditionSourceProblem)).To(BeNil())
		})
		s.certificate(ctx, s.namespace, "second-tls", hosts("second.example.test"))
	})

	It("that the API server refuses a Certificate for says so", func(ctx SpecContext) {
		s.start()
		web := s.ingress(map[string]string{s.names.Annotation.RenewBeforePercentage: "1", s.names.Annotation.Duration: "1h"})
		s.create(ctx, web)
		s.event(ctx, web, "BadConfig", "must leave at least 5m of duration")
		s.noCertificate(ctx, s.namespace, "web-tls")
		s.annotate(ctx, web, map[string]string{s.names.Annotation.RenewBeforePercentage: "50"})
		s.certificate(ctx, s.namespace, "web-tls", hosts("web.example.test"))
	})

	It("is asked for by tls-acme where there is a default issuer", func(ctx SpecContext) {
		s.start(func(o *operator.Options) {
			o.DefaultIssuerName, o.DefaultIssuerKind = "everyone", v1.ClusterIssuerKind
			o.ExtraAnnotations = []string{"example.test/owner"}
		})
		web := s.ingress(map[string]string{s.names.Annotation.Issuer: "", "kubernetes.io/tls-acme": "true", "example.test/owner": "team"})
		s.create(ctx, web)
		crt := s.certificate(ctx, s.namespace, "web-tls", hosts("web.example.test"))
		Expect(crt.Spec.IssuerRef).To(Equal(v1.IssuerRef{Name: "everyone", Kind: v1.ClusterIssuerKind, Group: s.names.Group}))
		Expect(crt.Annotations).To(HaveKeyWithValue("example.test/owner", "team"))
		s.annotate(ctx, web, map[string]string{"kubernetes.io/tls-acme": "false"})
		s.noCertificate(ctx, s.namespace, "web-tls")
	})

	It("edited in place has its own name and a temporary certificate", func(ctx SpecContext) {
		s.start()
		s.create(ctx, s.ingress(map[string]string{s.names.Annotation.ACME.EditInPlace: "true"}))
		crt := s.certificate(ctx, s.namespace, "web-tls", hosts("web.example.test"))
		Expect(crt.Annotations).To(HaveKeyWithValue(s.names.Annotation.ACME.OverrideIngressName, "web"))
		Expect(crt.Annotations).To(HaveKeyWithValue(s.names.Annotation.IssueTemporaryCertificate, "true"))
	})

	It("takes over what another operator made for it, and nothing that it had left behind", func(ctx SpecContext) {
		web := s.ingress(nil)
		s.create(ctx, web)
		made := func(name string) *v1.Certificate {
			return &v1.Certificate{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name, OwnerReferences: []metav1.OwnerReference{
					*metav1.NewControllerRef(web, networkingv1.SchemeGroupVersion.WithKind("Ingress")),
				}},
				Spec: v1.CertificateSpec{
					SecretName: name, DNSNames: []string{"web.example.test"}, Usages: v1.DefaultUsages(),
					IssuerRef: v1.IssuerRef{Name: "selfsigned", Kind: v1.IssuerKind}, PrivateKey: &v1.CertificatePrivateKey{Algorithm: v1.ECDSAKeyAlgorithm},
				},
			}
		}
		current, left := made("web-tls"), made("left-tls")
		s.create(ctx, current, left)
		s.start()
		crt := s.certificate(ctx, s.namespace, "web-tls", func(g Gomega, crt *v1.Certificate) {
			g.Expect(crt.Annotations).To(HaveKey(s.names.Annotation.Source))
		})
		Expect(crt.UID).To(Equal(current.UID))
		Expect(crt.Generation).To(Equal(current.Generation), "its spec is as it was")
		// The next pass comes after everything that this one did.
		s.edit(ctx, web, func() { web.Spec.TLS[0].Hosts = []string{"next.example.test"} })
		s.certificate(ctx, s.namespace, "web-tls", hosts("next.example.test"))
		Expect(s.Get(ctx, client.ObjectKeyFromObject(left), left)).To(Succeed())
	})
})
