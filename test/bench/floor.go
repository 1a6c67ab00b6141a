package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/pki"
)

// floor makes only the writes that a certificate cannot do without, a key and a signature each,
// beside the watches that an operator would have.
func floor(ctx context.Context, w *world) (result, error) {
	watches, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := w.watchAll(watches); err != nil {
		return result{}, err
	}
	signer, err := floorCA()
	if err != nil {
		return result{}, err
	}
	started := time.Now()
	if err := each(w.workers, w.n, func(i int) error { return w.floorOne(ctx, signer, i) }); err != nil {
		return result{}, err
	}
	all := time.Since(started)
	return result{N: w.n, Times: times{all: all}, PerSecond: float64(w.n) / all.Seconds()}, nil
}

// watchAll has the same watches as the operator.
func (w *world) watchAll(ctx context.Context) error {
	informers, err := cache.New(w.plane.Config, cache.Options{Scheme: w.client.Scheme()})
	if err != nil {
		return err
	}
	go func() { _ = informers.Start(ctx) }()
	for _, object := range []client.Object{&v1.Certificate{}, &v1.CertificateRequest{}, &v1.Issuer{}, &v1.ClusterIssuer{}, &corev1.Secret{}} {
		// Discovery may lag behind the creation of the CRDs for a moment.
		if err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
			_, err := informers.GetInformer(ctx, object)
			return !meta.IsNoMatchError(err), ignoreNoMatch(err)
		}); err != nil {
			return err
		}
	}
	return nil
}

func ignoreNoMatch(err error) error {
	if meta.IsNoMatchError(err) {
		return nil
	}
	return err
}

func floorCA() (*pki.Signer, error) {
	key, err := pki.GenerateKey(pki.KeySpec{Algorithm: pki.ECDSA})
	if err != nil {
		return nil, err
	}
	request, err := pki.CreateRequest(pki.RequestSpec{CommonName: "floor", IsCA: true, EncodeUsages: true}, key)
	if err != nil {
		return nil, err
	}
	csr, err := pki.ParseRequest(request)
	if err != nil {
		return nil, err
	}
	chain, err := pki.SelfSign(csr, key, pki.Template{IsCA: true}, time.Now())
	if err != nil {
		return nil, err
	}
	return &pki.Signer{Chain: chain, Key: key}, nil
}

func (w *world) floorOne(ctx context.Context, signer *pki.Signer, i int) error {
	name := fmt.Sprintf("floor-%d", i)
	named := metav1.ObjectMeta{Namespace: loadNamespace, Name: name}
	crt := &v1.Certificate{ObjectMeta: named, Spec: spec("floor", name, v1.ECDSAKeyAlgorithm)}
	if err := w.client.Create(ctx, crt); err != nil {
		return err
	}
	key, err := pki.GenerateKey(issuance.RequestSpec(crt).Key)
	if err != nil {
		return err
	}
	csrPEM, err := pki.CreateRequest(issuance.RequestSpec(crt), key)
	if err != nil {
		return err
	}
	request := &v1.CertificateRequest{ObjectMeta: named, Spec: v1.CertificateRequestSpec{IssuerRef: crt.Spec.IssuerRef, Request: csrPEM}}
	if err := w.client.Create(ctx, request); err != nil {
		return err
	}
	csr, err := pki.ParseRequest(csrPEM)
	if err != nil {
		return err
	}
	issued, err := signer.Sign(csr, pki.Template{}, time.Now())
	if err != nil {
		return err
	}
	keyPEM, err := pki.EncodePrivateKey(key, pki.PKCS1)
	if err != nil {
		return err
	}
	return w.floorWrites(ctx, crt, request, keyPEM, issued)
}

// floorWrites are the writes after the signature.
func (w *world) floorWrites(ctx context.Context, crt *v1.Certificate, request *v1.CertificateRequest, keyPEM []byte, issued pki.Issued) error {
	now := metav1.Now()
	request.Status.Certificate, request.Status.CA = issued.Chain.PEM(), pki.CertificatePEM(issued.CA)
	request.Status.Conditions = []v1.Condition{
		{Type: v1.ConditionApproved, Status: metav1.ConditionTrue, Reason: w.group, LastTransitionTime: &now},
		{Type: v1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1.ReasonIssued, LastTransitionTime: &now},
	}
	if err := w.client.Status().Update(ctx, request); err != nil {
		return err
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: crt.Namespace, Name: crt.Spec.SecretName}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSPrivateKeyKey: keyPEM, corev1.TLSCertKey: issued.Chain.PEM(), "ca.crt": pki.CertificatePEM(issued.CA)},
	}
	if err := w.client.Create(ctx, secret); err != nil {
		return err
	}
	crt.Status.Conditions = []v1.Condition{{Type: v1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1.ReasonReady, LastTransitionTime: &now}}
	notBefore, notAfter := metav1.NewTime(issued.Chain.Leaf().NotBefore), metav1.NewTime(issued.Chain.Leaf().NotAfter)
	crt.Status.NotBefore, crt.Status.NotAfter = &notBefore, &notAfter
	if err := w.client.Status().Update(ctx, crt); err != nil {
		return err
	}
	return w.client.Create(ctx, &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: crt.Namespace, Name: crt.Name + ".issued"}, EventTime: metav1.NowMicro(),
		Type: corev1.EventTypeNormal, Reason: "Issued", Action: "Issue", ReportingController: loadAgent, ReportingInstance: loadAgent,
		Regarding: corev1.ObjectReference{Kind: "Certificate", Namespace: crt.Namespace, Name: crt.Name, UID: crt.UID},
	})
}
