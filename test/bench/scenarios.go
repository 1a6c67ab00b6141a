package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

var scenarios = map[string]func(context.Context, *world) (result, error){
	"floor": floor,
	"selfsigned": func(ctx context.Context, w *world) (result, error) {
		return issue(ctx, w, w.n, "selfsigned", v1.ECDSAKeyAlgorithm)
	},
	"ca": func(ctx context.Context, w *world) (result, error) {
		return issue(ctx, w, w.n, "ca", v1.ECDSAKeyAlgorithm)
	},
	"ca-rsa": func(ctx context.Context, w *world) (result, error) {
		return issue(ctx, w, w.rsaN, "ca", v1.RSAKeyAlgorithm)
	},
	"acme-dns01": acmeDNS01,
	"settled":    settled,
	"foreign":    foreign,
	"writes":     writes,
}

func spec(issuer, name string, algorithm v1.KeyAlgorithm) v1.CertificateSpec {
	return v1.CertificateSpec{
		SecretName: name + "-tls", CommonName: name, DNSNames: []string{name + ".bench.test"},
		IssuerRef:  v1.IssuerRef{Name: issuer, Kind: v1.ClusterIssuerKind},
		PrivateKey: &v1.CertificatePrivateKey{Algorithm: algorithm},
	}
}

// issuers makes the ClusterIssuers "selfsigned" and "ca".
func (w *world) issuers(ctx context.Context) error {
	root := &v1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "root"}, Spec: spec("selfsigned", "root", v1.ECDSAKeyAlgorithm)}
	root.Spec.IsCA = true
	for _, object := range []client.Object{
		&v1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "selfsigned"}, Spec: v1.IssuerSpec{SelfSigned: &v1.SelfSignedIssuer{}}},
		&v1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "ca"}, Spec: v1.IssuerSpec{CA: &v1.CAIssuer{SecretName: "root-tls"}}},
		root,
	} {
		if err := w.client.Create(ctx, object); err != nil {
			return err
		}
	}
	return w.issuerReady(ctx, "ca")
}

func (w *world) issuerReady(ctx context.Context, name string) error {
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		issuer := &v1.ClusterIssuer{}
		if err := w.client.Get(ctx, client.ObjectKey{Name: name}, issuer); err != nil {
			return err
		}
		if condition.IsTrue(issuer.Status.Conditions, v1.ConditionReady) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("issuer %s is not ready: %+v: %w", name, issuer.Status.Conditions, ctx.Err())
		case <-ticker.C:
		}
	}
}

// issue measures n certificates of an issuer.
func issue(ctx context.Context, w *world, n int, issuer string, algorithm v1.KeyAlgorithm) (result, error) {
	p, err := w.startOperator()
	if err != nil {
		return result{}, err
	}
	defer func() { _ = p.stop() }()
	if err := w.issuers(ctx); err != nil {
		return result{}, err
	}
	return w.measure(ctx, p, n, func(i int) v1.CertificateSpec { return spec(issuer, fmt.Sprintf("load-%d", i), algorithm) })
}

// measure loads an operator whose issuers are ready, and restarts it when it has settled.
func (w *world) measure(ctx context.Context, p *process, n int, build func(int) v1.CertificateSpec) (result, error) {
	r, err := w.measureLoad(ctx, p, n, build)
	if err != nil {
		return result{}, err
	}
	if r.After, err = w.restart(ctx, p); err != nil {
		return result{}, fmt.Errorf("after a restart: %w", err)
	}
	return r, nil
}

func (w *world) measureLoad(ctx context.Context, p *process, n int, build func(int) v1.CertificateSpec) (result, error) {
	if err := w.settleNow(ctx, p); err != nil {
		return result{}, err
	}
	idle, err := p.memory("VmRSS")
	if err != nil {
		return result{}, err
	}
	requests, err := w.audit.tally()
	if err != nil {
		return result{}, err
	}
	before, err := p.cpu()
	if err != nil {
		return result{}, err
	}
	taken, err := w.load(ctx, p, n, "load", build)
	if err != nil {
		return result{}, err
	}
	if _, err := settle(ctx, p, requests); err != nil {
		return result{}, err
	}
	after, err := p.cpu()
	if err != nil {
		return result{}, err
	}
	r := result{N: n, Times: taken, PerSecond: float64(n) / taken.all.Seconds(), Requests: requests.counts.onObjects(), IdleRSS: idle,
		CPU: (after - before) / time.Duration(n)}
	r.PeakRSS, r.SettledRSS, err = p.peakAndNow()
	return r, err
}

const tsigSecret = "YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtYmVuY2gtMTI="

// acmeDNS01 orders from Pebble and proves control by dynamic updates of a DNS server in this process.
func acmeDNS01(ctx context.Context, w *world) (result, error) {
	dns, err := acmetest.StartDNS(acmetest.DNSOptions{Zones: []string{"bench.test"}, TSIGName: "bench.", TSIGSecret: tsigSecret})
	if err != nil {
		return result{}, err
	}
	defer func() { _ = dns.Close() }()
	ca, err := acmetest.Start(acmetest.Options{DNSServer: dns.Addr()})
	if err != nil {
		return result{}, err
	}
	defer func() { _ = ca.Close() }()
	w.dns = dns.Addr()
	p, err := w.startOperator()
	if err != nil {
		return result{}, err
	}
	defer func() { _ = p.stop() }()
	for _, object := range []client.Object{
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: "tsig"}, Data: map[string][]byte{"key": []byte(tsigSecret)}},
		&v1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: "acme"}, Spec: v1.IssuerSpec{ACME: &v1.ACMEIssuer{
			Server: ca.DirectoryURL, CABundle: ca.CABundle, PrivateKeySecretRef: v1.SecretKeySelector{Name: "account"},
			Solvers: []v1.ACMESolver{{DNS01: &v1.DNS01Solver{RFC2136: &v1.RFC2136Provider{
				Nameserver: dns.Addr(), TSIGKeyName: "bench.", TSIGAlgorithm: "HMACSHA256",
				TSIGSecretSecretRef: &v1.SecretKeySelector{Name: "tsig", Key: "key"},
			}}}},
		}}},
	} {
		if err := w.client.Create(ctx, object); err != nil {
			return result{}, err
		}
	}
	if err := w.issuerReady(ctx, "acme"); err != nil {
		return result{}, err
	}
	return w.measure(ctx, p, w.acmeN, func(i int) v1.CertificateSpec {
		s := spec("acme", fmt.Sprintf("load-%d", i), v1.ECDSAKeyAlgorithm)
		s.CommonName = ""
		return s
	})
}

// settled is the restart of an operator that has much to look through.
func settled(ctx context.Context, w *world) (result, error) {
	r, err := issue(ctx, w, w.settledN, "ca", v1.ECDSAKeyAlgorithm)
	return result{N: r.N, After: r.After}, err
}

// foreign measures what Secrets that are nobody's business cost.
func foreign(ctx context.Context, w *world) (result, error) {
	p, err := w.startOperator()
	if err != nil {
		return result{}, err
	}
	defer func() { _ = p.stop() }()
	if err := w.settleNow(ctx, p); err != nil {
		return result{}, err
	}
	before, err := p.memory("VmRSS")
	if err != nil {
		return result{}, err
	}
	if err := each(w.workers, w.foreignN, func(i int) error {
		return w.client.Create(ctx, &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: loadNamespace, Name: fmt.Sprintf("foreign-%d", i)},
			Data:       map[string][]byte{"data": make([]byte, 16<<10)},
		})
	}); err != nil {
		return result{}, err
	}
	if err := w.settleNow(ctx, p); err != nil {
		return result{}, err
	}
	after, err := p.memory("VmRSS")
	return result{N: w.foreignN, IdleRSS: before, SettledRSS: after, Foreign: true}, err
}
