package controllers

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/kube"
)

// lateList is a cache that gets a request from its watch, and shows it to another reader, right after its first list.
type lateList struct {
	client.Client
	writes  *kube.Writes
	request v1.CertificateRequest
	listed  bool
}

func (l *lateList) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	if l.listed {
		list.(*v1.CertificateRequestList).Items = []v1.CertificateRequest{l.request}
	}
	l.listed = true
	l.writes.Fresh(&l.request)
	return nil
}

// A request that the watch brings while requests are gathered is one of them: a second one would be made, and a
// second order at the CA.
func TestARequestThatComesMeanwhileIsGathered(t *testing.T) {
	writes := kube.NewWrites()
	crt := &v1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "leaf"}}
	crt.Status.Issuance = &v1.CertificateIssuance{Attempt: 1}
	request := v1.CertificateRequest{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: issuance.RequestName(crt, 1), ResourceVersion: "7"}}
	writes.Record(&request, time.Now())
	r := &CertificateReconciler{Client: &kube.Client{Cached: &lateList{writes: writes, request: request}, Writes: writes, Now: time.Now}}
	snapshot := &issuance.Snapshot{Certificate: crt}
	if err := r.requests(t.Context(), snapshot); err != nil {
		t.Fatal(err)
	}
	if len(snapshot.Requests) != 1 {
		t.Errorf("%d requests were gathered, want the one that was made", len(snapshot.Requests))
	}
}
