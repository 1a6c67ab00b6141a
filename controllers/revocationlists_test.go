package controllers_test

import (
	"context"
	"crypto/x509"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/backend"
	"github.com/certwright/certwright/internal/crl"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
	"github.com/certwright/certwright/internal/testkit"
)

func signingLists(crt *v1.Certificate) {
	crt.Spec.Usages = []v1.KeyUsage{v1.UsageCertSign, v1.UsageCRLSign}
}

// listWorld is a ca issuer whose CA may sign revocation lists, and an operator that serves them.
type listWorld struct {
	*space
	clock   *clock
	address string
	stop    func()
	// issuer is "ca", root the Certificate of its CA.
	issuer *v1.Issuer
	root   *v1.Certificate
}

// keepLists starts the operator and makes the CA; publish says what the issuer asks for.
func keepLists(ctx context.Context, s *space, publish bool, change ...func(*operator.Options)) *listWorld {
	GinkgoHelper()
	w := &listWorld{space: s, clock: &clock{}, address: freeAddress()}
	w.start(change...)
	w.root = certificate(s.namespace, "root", "selfsigned", asCA, signingLists)
	w.issuer = issuer(s.namespace, "ca", v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "root-tls", PublishCRL: publish}})
	create(ctx, s, selfSigned(s.namespace), w.root, w.issuer)
	expectReady(ctx, s, w.root)
	expectIssuer(ctx, s, w.issuer, HaveField("Status", metav1.ConditionTrue))
	return w
}

func (w *listWorld) start(change ...func(*operator.Options)) {
	GinkgoHelper()
	w.stop = startOperator(w.namespace, append(change, w.clock.operator, func(options *operator.Options) {
		options.CRLAddress, options.CRLBaseURL = w.address, "http://"+w.address
	})...)
}

// ca is the CA certificate in the issuer's Secret.
func (w *listWorld) ca(ctx context.Context) *x509.Certificate {
	GinkgoHelper()
	return expectPair(ctx, w, w.root).Leaf()
}

// secret is one of the two Secrets of the issuer's lists.
func (w *listWorld) secret(ctx context.Context, name string) *corev1.Secret {
	GinkgoHelper()
	secret := &corev1.Secret{}
	Expect(w.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: name}, secret)).To(Succeed())
	return secret
}

// list waits for the list of a CA's key to fit, as its Secret has it, and finds that the CA signed it.
func (w *listWorld) list(ctx context.Context, ca *x509.Certificate, fits ...OmegaMatcher) *x509.RevocationList {
	GinkgoHelper()
	var list *x509.RevocationList
	Eventually(func(g Gomega) {
		secret := &corev1.Secret{}
		g.Expect(w.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: "ca-crl"}, secret)).To(Succeed())
		var err error
		list, err = x509.ParseRevocationList(secret.Data[keyID(ca)+".crl"])
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(list.CheckSignatureFrom(ca)).To(Succeed())
		g.Expect(list).To(And(fits...))
	}).Should(Succeed())
	return list
}

// look wakes the issuer, as a timer would when the clock has moved.
func (w *listWorld) look(ctx context.Context, after time.Duration) {
	GinkgoHelper()
	w.clock.ahead.Add(int64(after))
	edit(ctx, w, w.issuer, func() {
		metav1.SetMetaDataAnnotation(&w.issuer.ObjectMeta, "look", w.clock.now().String())
	})
}

// newKey gives the CA another key, and a certificate of the same name and another lifetime.
func (w *listWorld) newKey(ctx context.Context, lifetime time.Duration) {
	GinkgoHelper()
	before := w.ca(ctx)
	edit(ctx, w, w.root, func() {
		w.root.Spec.Duration = &metav1.Duration{Duration: lifetime}
	})
	Expect(w.Delete(ctx, targetSecret(ctx, w, w.root))).To(Succeed())
	Eventually(func(g Gomega) {
		secret := &corev1.Secret{}
		g.Expect(w.Get(ctx, client.ObjectKey{Namespace: w.namespace, Name: w.root.Spec.SecretName}, secret)).To(Succeed())
		chain, err := pki.ParseChain(secret.Data[corev1.TLSCertKey], len(secret.Data[corev1.TLSCertKey]))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(keyID(chain.Leaf())).NotTo(Equal(keyID(before)))
	}).Should(Succeed())
}

// revoke calls what the revocation reconciler calls, from a process of its own.
func (w *listWorld) revoke(ctx context.Context, leaf *x509.Certificate, reason pki.RevocationReason) (already bool, err error) {
	GinkgoHelper()
	clientset, err := kubernetes.NewForConfig(plane.Config)
	Expect(err).NotTo(HaveOccurred())
	secrets := kube.NewSecretRefs(clientset)
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { _ = secrets.Start(running) }()
	lists := &crl.CRLs{
		Names: names, Client: &kube.Client{Cached: w, Live: w, Writes: kube.NewWrites(), Now: w.clock.now},
		Signers: backend.NewSigners(secrets), Replaced: func(v1.GenericIssuer, string) {},
	}
	Expect(w.Get(ctx, client.ObjectKeyFromObject(w.issuer), w.issuer)).To(Succeed())
	Eventually(func() bool {
		already, err = lists.Revoke(ctx, w.issuer, leaf, reason)
		return outcome.IsMomentary(err)
	}).Should(BeFalse())
	return already, err
}

// leaf issues a certificate and revokes it.
func (w *listWorld) revokedLeaf(ctx context.Context, name string) *x509.Certificate {
	GinkgoHelper()
	leaf := expectPair(ctx, w, issue(ctx, w, certificate(w.namespace, name, "ca"))).Leaf()
	already, err := w.revoke(ctx, leaf, pki.ReasonKeyCompromise)
	Expect(err).NotTo(HaveOccurred())
	Expect(already).To(BeFalse())
	return leaf
}

func (w *listWorld) status(ctx context.Context) func() []v1.CAIssuerCRL {
	return func() []v1.CAIssuerCRL {
		if err := w.Get(ctx, client.ObjectKeyFromObject(w.issuer), w.issuer); err != nil || w.issuer.Status.CA == nil {
			return nil
		}
		return w.issuer.Status.CA.CRLs
	}
}

func (w *listWorld) expectEvent(ctx context.Context, reason, part string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		var events eventsv1.EventList
		g.Expect(w.List(ctx, &events, client.InNamespace(w.namespace))).To(Succeed())
		g.Expect(events.Items).To(ContainElement(And(HaveField("Reason", reason), HaveField("Note", ContainSubstring(part)))))
	}).Should(Succeed())
}

// fetched is what a client gets at a distribution point.
func fetched(g Gomega, ctx context.Context, url string) []byte {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	g.Expect(err).NotTo(HaveOccurred())
	response, err := http.DefaultClient.Do(request)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = response.Body.Close() }()
	g.Expect(response.StatusCode).To(Equal(http.StatusOK))
	g.Expect(response.Header.Get("Content-Type")).To(Equal("application/pkix-crl"))
	der, err := io.ReadAll(response.Body)
	g.Expect(err).NotTo(HaveOccurred())
	return der
}

// verifiedByOpenSSL is what a client says that fetches the list at the certificate's distribution point.
func verifiedByOpenSSL(ctx context.Context, ca, leaf *x509.Certificate) string {
	GinkgoHelper()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		Skip("openssl is not installed")
	}
	folder := GinkgoT().TempDir()
	caFile, leafFile := filepath.Join(folder, "ca.pem"), filepath.Join(folder, "leaf.pem")
	Expect(os.WriteFile(caFile, pki.CertificatePEM(ca), 0o600)).To(Succeed())
	Expect(os.WriteFile(leafFile, pki.CertificatePEM(leaf), 0o600)).To(Succeed())
	out, _ := exec.CommandContext(ctx, openssl, "verify", "-x509_strict", "-crl_check", "-crl_download", "-CAfile", caFile, leafFile).CombinedOutput()
	return string(out)
}

func keyID(ca *x509.Certificate) string {
	GinkgoHelper()
	id, err := (&pki.Signer{Chain: pki.Chain{ca}}).KeyID()
	Expect(err).NotTo(HaveOccurred())
	return id
}

func havingRevoked(leaf *x509.Certificate) OmegaMatcher {
	return HaveField("RevokedCertificateEntries", ContainElement(HaveField("SerialNumber", leaf.SerialNumber)))
}

func numberedAbove(list *x509.RevocationList) OmegaMatcher {
	return HaveField("Number", Satisfy(func(number *big.Int) bool { return number.Cmp(list.Number) > 0 }))
}

var _ = Describe("the revocation list of a ca issuer", func() {
	s := eachInItsOwnSpace()

	for _, group := range groups {
		It("is where a certificate says, under "+group, func(ctx SpecContext) {
			underGroup(group)
			*s = *newSpace(ctx)
			w := keepLists(ctx, s, true)
			list := w.list(ctx, w.ca(ctx))
			Expect(list.RevokedCertificateEntries).To(BeEmpty())
			edit(ctx, s, w.issuer, func() { w.issuer.Spec.CA.CRLDistributionPoints = []string{"http://mirror.example.test/ca.crl"} })
			leaf := w.revokedLeaf(ctx, "leaf")
			Expect(leaf.CRLDistributionPoints).To(HaveExactElements(
				"http://"+w.address+"/crl/"+s.namespace+"/ca/"+keyID(w.ca(ctx))+".crl", "http://mirror.example.test/ca.crl"))
			Eventually(func(g Gomega) {
				served, err := x509.ParseRevocationList(fetched(g, ctx, leaf.CRLDistributionPoints[0]))
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(served.CheckSignatureFrom(w.ca(ctx))).To(Succeed())
				g.Expect(served).To(And(havingRevoked(leaf), numberedAbove(list)))
			}).Should(Succeed())
			Eventually(w.status(ctx)).Should(HaveExactElements(And(
				HaveField("KeyID", keyID(w.ca(ctx))), HaveField("Entries", BeEquivalentTo(1)), HaveField("URL", leaf.CRLDistributionPoints[0]))))
			good := expectPair(ctx, s, issue(ctx, s, certificate(s.namespace, "good", "ca"))).Leaf()
			Expect(verifiedByOpenSSL(ctx, w.ca(ctx), good)).To(ContainSubstring("OK"))
			Expect(verifiedByOpenSSL(ctx, w.ca(ctx), leaf)).To(ContainSubstring("certificate revoked"))
		})
	}

	It("comes with the first revocation where the issuer publishes none, and nothing comes before", func(ctx SpecContext) {
		calls := testkit.NewFaults(nil)
		w := keepLists(ctx, s, false, countedBy(calls))
		leaf := expectPair(ctx, s, issue(ctx, s, certificate(s.namespace, "leaf", "ca"))).Leaf()
		Expect(leaf.CRLDistributionPoints).To(BeEmpty())
		Expect(calls.Count("GET secrets")).To(Equal(1), "the operator's own key")
		Expect(calls.Count("POST secrets")).To(Equal(3), "the two target Secrets, and the operator's own key")
		Expect(w.status(ctx)()).To(BeEmpty())

		Expect(w.revoke(ctx, leaf, pki.ReasonSuperseded)).To(BeFalse())
		first := w.list(ctx, w.ca(ctx), havingRevoked(leaf))
		Expect(first.RevokedCertificateEntries[0].ReasonCode).To(BeEquivalentTo(pki.ReasonSuperseded))
		Eventually(w.status(ctx)).Should(HaveLen(1))
		w.clock.ahead.Store(int64(time.Hour))
		Expect(w.revoke(ctx, leaf, pki.ReasonKeyCompromise)).To(BeTrue())
		Expect(w.list(ctx, w.ca(ctx)).Raw).To(Equal(first.Raw), "revoking again changes nothing")

		By("signing it anew, after a restart too")
		w.stop()
		w.start()
		w.look(ctx, 5*24*time.Hour)
		w.list(ctx, w.ca(ctx), numberedAbove(first), havingRevoked(leaf))
	})

	It("is signed anew with a third of its time left, and is left alone until then", func(ctx SpecContext) {
		calls := testkit.NewFaults(nil)
		w := keepLists(ctx, s, true, countedBy(calls))
		first := w.list(ctx, w.ca(ctx))
		Expect(first.NextUpdate).To(BeTemporally("==", first.ThisUpdate.Add(pki.DefaultCRLLifetime)))
		Eventually(w.status(ctx)).Should(HaveLen(1))
		requests := func() int {
			return calls.Count("GET secrets") + calls.Count("POST secrets") + calls.Count("PUT secrets") + calls.Count("PUT issuers/status")
		}
		before := requests()
		w.look(ctx, pki.DefaultCRLLifetime*2/3-time.Minute)
		Consistently(requests).WithTimeout(time.Second).Should(Equal(before))

		By("waiting for the time, which nothing else tells")
		due := first.NextUpdate.Add(-pki.DefaultCRLLifetime / 3)
		w.look(ctx, due.Sub(w.clock.now())-2*time.Second)
		second := w.list(ctx, w.ca(ctx), numberedAbove(first))
		Expect(second.ThisUpdate).To(BeTemporally("<", first.NextUpdate))
		Eventually(w.status(ctx)).Should(HaveExactElements(HaveField("Number", second.Number.String())))
		Expect(requests()).To(Equal(before+2), "one for the Secret, one for the status")
	})

	It("goes on for a former key until its CA certificate expires, and takes its certificates", func(ctx SpecContext) {
		const newLife = 500 * 24 * time.Hour
		w := keepLists(ctx, s, true)
		former := w.ca(ctx)
		leaf := expectPair(ctx, s, issue(ctx, s, certificate(s.namespace, "leaf", "ca"))).Leaf()
		w.list(ctx, former)
		w.newKey(ctx, newLife)
		w.list(ctx, w.ca(ctx))
		Expect(keyID(former)).NotTo(Equal(keyID(w.ca(ctx))))

		By("revoking what the former key signed")
		Expect(w.revoke(ctx, leaf, pki.ReasonSuperseded)).To(BeFalse())
		taken := w.list(ctx, former, havingRevoked(leaf))
		Expect(w.list(ctx, w.ca(ctx)).RevokedCertificateEntries).To(BeEmpty())
		secret := w.secret(ctx, "ca-crl")
		Expect(secret.Data).To(HaveLen(4))
		Expect(secret.Data).NotTo(ContainElement(ContainSubstring("PRIVATE KEY")))
		Expect(w.secret(ctx, "ca-crl-keys").Data).To(And(HaveKey(keyID(former)+".key"), HaveKey(keyID(w.ca(ctx))+".key")))

		By("signing both lists anew")
		w.look(ctx, 5*24*time.Hour)
		w.list(ctx, former, numberedAbove(taken), havingRevoked(leaf))
		w.list(ctx, w.ca(ctx))

		By("dropping key and list with the CA certificate")
		w.look(ctx, former.NotAfter.Sub(w.clock.now())+2*time.Second)
		Eventually(func() map[string][]byte { return w.secret(ctx, "ca-crl").Data }).Should(HaveLen(2))
		Eventually(func() map[string][]byte { return w.secret(ctx, "ca-crl-keys").Data }).Should(And(HaveLen(2), Not(HaveKey(keyID(former)+".key"))))
		Eventually(w.status(ctx)).Should(HaveExactElements(HaveField("KeyID", keyID(w.ca(ctx)))))
	})

	It("is made anew of what was known where somebody puts another into the Secret", func(ctx SpecContext) {
		w := keepLists(ctx, s, true)
		leaf := w.revokedLeaf(ctx, "leaf")
		list := w.list(ctx, w.ca(ctx), havingRevoked(leaf))
		Eventually(w.status(ctx)).Should(HaveExactElements(HaveField("Number", list.Number.String())))
		other := handMadeSecretFor(time.Hour, s.namespace, "root", certificate(s.namespace, "root", "", asCA, signingLists))
		signer, err := pki.ParseSigner(other.Data[corev1.TLSCertKey], other.Data[corev1.TLSPrivateKeyKey], nil)
		Expect(err).NotTo(HaveOccurred())
		forged, err := pki.NewCRL(time.Now().Add(time.Minute), 0).Sign(signer)
		Expect(err).NotTo(HaveOccurred())
		secret := w.secret(ctx, "ca-crl")
		secret.Data[keyID(w.ca(ctx))+".crl"] = forged
		Expect(s.Update(ctx, secret)).To(Succeed())
		w.list(ctx, w.ca(ctx), numberedAbove(list), havingRevoked(leaf))
		w.expectEvent(ctx, "RevocationListReplaced", "not a list that the CA's key signed")
	})

	It("is made anew with a higher number where somebody deletes its Secret, also while no operator runs", func(ctx SpecContext) {
		w := keepLists(ctx, s, true)
		leaf := w.revokedLeaf(ctx, "leaf")
		list := w.list(ctx, w.ca(ctx), havingRevoked(leaf))
		Eventually(w.status(ctx)).Should(HaveExactElements(HaveField("Number", list.Number.String())))
		Expect(s.Delete(ctx, w.secret(ctx, "ca-crl"))).To(Succeed())
		again := w.list(ctx, w.ca(ctx), numberedAbove(list), havingRevoked(leaf))
		Eventually(w.status(ctx)).Should(HaveExactElements(HaveField("Number", again.Number.String())))

		By("losing what is known of the entries with the process")
		w.stop()
		Expect(s.Delete(ctx, w.secret(ctx, "ca-crl"))).To(Succeed())
		w.start()
		Expect(w.list(ctx, w.ca(ctx), numberedAbove(again)).RevokedCertificateEntries).To(BeEmpty())
		w.expectEvent(ctx, "RevocationListReplaced", "0 entries")
	})

	It("gets its labels back", func(ctx SpecContext) {
		w := keepLists(ctx, s, true)
		list := w.list(ctx, w.ca(ctx))
		for _, name := range []string{"ca-crl", "ca-crl-keys"} {
			secret := w.secret(ctx, name)
			secret.Labels = nil
			Expect(s.Update(ctx, secret)).To(Succeed())
			Eventually(func() map[string]string { return w.secret(ctx, name).Labels }).Should(And(
				HaveKeyWithValue(names.Label.Managed, "true"), HaveKey(names.Label.RevocationList)))
		}
		Expect(w.list(ctx, w.ca(ctx)).Raw).To(Equal(list.Raw))
	})

	It("goes with its issuer", func(ctx SpecContext) {
		w := keepLists(ctx, s, true)
		w.list(ctx, w.ca(ctx))
		Expect(s.Delete(ctx, w.issuer)).To(Succeed())
		Eventually(func() ([]string, error) { return leftIn(ctx, s, s.namespace) }).Should(BeEmpty())
	})

	It("is not possible without the usage crl sign, and Ready says so", func(ctx SpecContext) {
		const sentence = `the key usage of the CA certificate does not include "crl sign"`
		w := keepLists(ctx, s, false)
		edit(ctx, s, w.root, func() { w.root.Spec.Usages = []v1.KeyUsage{v1.UsageCertSign} })
		expectIssuer(ctx, s, w.issuer, And(beTrue, HaveField("Message", And(ContainSubstring("certificates cannot be revoked"), ContainSubstring(sentence)))))
		leaf := expectPair(ctx, s, issue(ctx, s, certificate(s.namespace, "leaf", "ca"))).Leaf()
		_, err := w.revoke(ctx, leaf, 0)
		Expect(err).To(And(HaveField("Kind", outcome.Wait), HaveField("Message", ContainSubstring(sentence))))
		edit(ctx, s, w.issuer, func() { w.issuer.Spec.CA.PublishCRL = true })
		expectIssuer(ctx, s, w.issuer, beFalse(v1.ReasonCRLNotPossible, sentence))
		edit(ctx, s, w.root, func() { w.root.Spec.Usages = []v1.KeyUsage{v1.UsageCertSign, v1.UsageCRLSign} })
		expectIssuer(ctx, s, w.issuer, And(beTrue, HaveField("Message", Not(ContainSubstring("revo")))))
	})

	It("is not possible without a URL to serve it at, and Ready says so", func(ctx SpecContext) {
		w := keepLists(ctx, s, false)
		w.stop()
		startOperator(s.namespace)
		edit(ctx, s, w.issuer, func() { w.issuer.Spec.CA.PublishCRL = true })
		expectIssuer(ctx, s, w.issuer, beFalse(v1.ReasonCRLNotPossible, "--crl-base-url"))
	})

	It("leaves a Secret alone that is somebody else's, and Ready names it", func(ctx SpecContext) {
		taken := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "ca-crl"}, Data: map[string][]byte{"mine": []byte("yes")}}
		create(ctx, s, taken)
		w := keepLists(ctx, s, false)
		edit(ctx, s, w.issuer, func() { w.issuer.Spec.CA.PublishCRL = true })
		expectIssuer(ctx, s, w.issuer, beFalse(v1.ReasonSecretNotOurs, `Secret "ca-crl"`))
		Expect(w.secret(ctx, "ca-crl").Data).To(Equal(taken.Data))
	})

	It("does not take the certificate of another CA", func(ctx SpecContext) {
		w := keepLists(ctx, s, true)
		foreign, err := pki.ParseChain(handMadeCA(time.Hour, s.namespace, "root").Data[corev1.TLSCertKey], 1<<20)
		Expect(err).NotTo(HaveOccurred())
		_, err = w.revoke(ctx, foreign.Leaf(), 0)
		Expect(err).To(And(HaveField("Kind", outcome.Terminal), HaveField("Message", ContainSubstring("no key of the issuer signed"))))
	})

	It("loses no revocation to another made at the same time", func(ctx SpecContext) {
		w := keepLists(ctx, s, false)
		var leaves []*x509.Certificate
		for _, name := range []string{"a", "b", "c", "d"} {
			leaves = append(leaves, expectPair(ctx, s, issue(ctx, s, certificate(s.namespace, name, "ca"))).Leaf())
		}
		revoked := make(chan error)
		for _, leaf := range leaves {
			revoker := *w
			revoker.issuer = w.issuer.DeepCopy()
			go func() {
				defer GinkgoRecover()
				_, err := revoker.revoke(ctx, leaf, 0)
				for outcome.From(err) != nil && outcome.From(err).Kind == outcome.Retry {
					_, err = revoker.revoke(ctx, leaf, 0)
				}
				revoked <- err
			}()
		}
		var all []OmegaMatcher
		for _, leaf := range leaves {
			Eventually(revoked).Should(Receive(BeNil()))
			all = append(all, havingRevoked(leaf))
		}
		w.list(ctx, w.ca(ctx), all...)
	})

	It("is no reason to issue anything again", func(ctx SpecContext) {
		w := keepLists(ctx, s, false)
		leaf := issue(ctx, s, certificate(s.namespace, "leaf", "ca"))
		edit(ctx, s, w.issuer, func() { w.issuer.Spec.CA.PublishCRL = true })
		w.list(ctx, w.ca(ctx))
		next := issue(ctx, s, certificate(s.namespace, "next", "ca"))
		Expect(expectPair(ctx, s, next).Leaf().CRLDistributionPoints).To(HaveLen(1))
		Expect(revisionOf(ctx, s, leaf)()).To(Equal(1))
	})

	DescribeTable("is there after a crash", func(ctx SpecContext, occurrence int, moment testkit.Moment) {
		// The first Secret is that of the CA, the second has the keys, the third the lists.
		faults := testkit.NewFaults(&testkit.Point{Label: "POST secrets", Occurrence: occurrence, Moment: moment})
		w := &listWorld{space: s, clock: &clock{}, address: freeAddress()}
		w.root = certificate(s.namespace, "root", "selfsigned", asCA, signingLists)
		w.issuer = issuer(s.namespace, "ca", v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "root-tls", PublishCRL: true}})
		w.start(countedBy(faults))
		create(ctx, s, selfSigned(s.namespace), w.root, w.issuer)
		Eventually(faults.Died).Should(BeClosed())
		w.stop()
		w.start()
		expectReady(ctx, s, w.root)
		w.list(ctx, w.ca(ctx))
		expectIssuer(ctx, s, w.issuer, beTrue)
		Expect(w.secret(ctx, "ca-crl-keys").Data).To(HaveLen(2))
	},
		Entry("after the keys are stored", 2, testkit.After),
		Entry("before the list is stored", 3, testkit.Before),
		Entry("after the list is stored", 3, testkit.After),
	)

	It("of a ClusterIssuer is kept and served where its Secrets are, outside of where the operator works", func(ctx SpecContext) {
		home := newNamespace(ctx, s)
		address := freeAddress()
		startOperator(s.namespace, func(options *operator.Options) {
			options.OwnNamespace, options.ClusterResourceNamespace = home, home
			options.CRLAddress, options.CRLBaseURL = address, "http://"+address
		})
		ca := handMadeSecretFor(24*time.Hour, home, "ca", certificate(home, "ca", "", asCA, signingLists))
		cluster := &v1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: home}, Spec: v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "ca", PublishCRL: true}}}
		create(ctx, s, ca, cluster)
		DeferCleanup(func(ctx SpecContext) { Expect(s.Delete(ctx, cluster)).To(Succeed()) })
		leaf := issue(ctx, s, certificate(s.namespace, "leaf", home, ofClusterIssuer))
		points := expectPair(ctx, s, leaf).Leaf().CRLDistributionPoints
		Expect(points).To(HaveExactElements(HavePrefix("http://" + address + "/crl/" + home + "/")))
		chain, err := pki.ParseChain(ca.Data[corev1.TLSCertKey], 1<<20)
		Expect(err).NotTo(HaveOccurred())
		Eventually(func(g Gomega) {
			served, err := x509.ParseRevocationList(fetched(g, ctx, points[0]))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(served.CheckSignatureFrom(chain.Leaf())).To(Succeed())
		}).Should(Succeed())

		By("making it anew where it is deleted")
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: home + "-crl"}}
		before := fetched(Default, ctx, points[0])
		Expect(s.Delete(ctx, secret)).To(Succeed())
		Eventually(func(g Gomega) { g.Expect(fetched(g, ctx, points[0])).NotTo(Equal(before)) }).Should(Succeed())
	})
})
