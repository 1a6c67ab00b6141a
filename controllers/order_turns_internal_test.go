package controllers

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/orderflow"
)

// oldList is a cache that lists an Order as it was before our last write of it, which the watch brings right after the
// list, and which another reader is shown.
type oldList struct {
	client.Client
	listed, newest *acmev1.Order
	writes         *kube.Writes
}

func (o *oldList) List(_ context.Context, list client.ObjectList, _ ...client.ListOption) error {
	list.(*acmev1.OrderList).Items = []acmev1.Order{*o.listed}
	o.writes.Fresh(o.newest)
	return nil
}

func (o *oldList) Get(_ context.Context, _ client.ObjectKey, obj client.Object, _ ...client.GetOption) error {
	o.newest.DeepCopyInto(obj.(*acmev1.Order))
	return nil
}

// An Order that is done does not get its turn again because a list is older than its end: nothing would ever end it.
func TestAnOldListGivesNoTurnToAnOrderThatIsDone(t *testing.T) {
	const account = "https://ca.example.com/account/1"
	order := func(name, version string, status acmev1.OrderStatus) *acmev1.Order {
		return &acmev1.Order{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), ResourceVersion: version},
			Spec:       acmev1.OrderSpec{DNSNames: []string{"www.example.com"}},
			Status:     status,
		}
	}
	atWork := acmev1.OrderStatus{URL: "https://ca.example.com/order/1", AccountURL: account, State: acmev1.Pending}
	for state, free := range map[acmev1.State]bool{acmev1.Valid: true, acmev1.Processing: false} {
		now := atWork
		now.State = state
		writes := kube.NewWrites()
		cache := &oldList{listed: order("first", "6", atWork), newest: order("first", "7", now), writes: writes}
		writes.Record(cache.newest, time.Now())
		r := &OrderReconciler{Client: &kube.Client{Cached: cache, Writes: writes, Now: time.Now}}
		second := order("second", "8", acmev1.OrderStatus{})
		key := orderflow.TurnKey(account, second)
		if err := r.yield(t.Context(), second, key); err != nil {
			t.Fatal(err)
		}
		if got := r.turns.take(key, client.ObjectKeyFromObject(second)); got != free {
			t.Errorf("the first is %s: the second has its turn: %t, want %t", state, got, free)
		}
	}
}
