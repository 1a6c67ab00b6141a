package controllers

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
)

// turnPause is how long an Order waits at most before it looks again whether it is its turn; the one before
// it wakes it.
const turnPause = 15 * time.Second

// turns has Orders of one account for exactly the same names follow each other: a CA may answer the second
// with the order of the first, and the two would race to finalize it. Keys are those of orderflow.TurnKey.
type turns struct {
	mu      sync.Mutex
	holders map[string]types.NamespacedName
	held    map[types.NamespacedName]string
	waiting map[string]map[types.NamespacedName]struct{}
	// woken wakes the Orders whose turn it may be.
	woken kube.Waker
}

// take says whether it is an Order's turn. If not, the Order is woken when it may be.
func (t *turns) take(key string, name types.NamespacedName) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.holders == nil {
		t.holders, t.held = map[string]types.NamespacedName{}, map[types.NamespacedName]string{}
		t.waiting = map[string]map[types.NamespacedName]struct{}{}
	}
	if holder, taken := t.holders[key]; taken && holder != name {
		if t.waiting[key] == nil {
			t.waiting[key] = map[types.NamespacedName]struct{}{}
		}
		t.waiting[key][name] = struct{}{}
		return false
	}
	t.holders[key], t.held[name] = name, key
	return true
}

// pass ends the turn of an Order, if it has it, and wakes those that wait for it.
func (t *turns) pass(name types.NamespacedName) {
	t.mu.Lock()
	key, holds := t.held[name]
	next := t.waiting[key]
	if holds {
		delete(t.held, name)
		delete(t.holders, key)
		delete(t.waiting, key)
	}
	t.mu.Unlock()
	if holds {
		for name := range next {
			t.woken.Wake(owner(orderKind, name))
		}
	}
}

// resumeTurn has an Order that is made and not done hold its turn, before anything is written about it: from then on
// the others do not rely on the view that they have of it.
func (r *OrderReconciler) resumeTurn(order *acmev1.Order) {
	if status := &order.Status; status.URL != "" && !status.State.IsFinal() && order.DeletionTimestamp == nil {
		r.turns.take(orderflow.TurnKey(status.AccountURL, order), client.ObjectKeyFromObject(order))
	}
}

// awaitTurn is a Wait as long as another Order of the same account and names is at work.
func (r *OrderReconciler) awaitTurn(ctx context.Context, pass *orderPass) error {
	key := orderflow.TurnKey(pass.account.URL, pass.order)
	if err := r.yield(ctx, pass.order, key); err != nil {
		return err
	}
	if r.turns.take(key, client.ObjectKeyFromObject(pass.order)) {
		return nil
	}
	return outcome.WaitUntil(r.Client.Now().Add(turnPause), "OrderQueued", "waiting for another Order for the same names to end")
}

// yield leaves the turn to an Order that an earlier process made at the CA and that is not done. Those of
// this process hold their turn, whatever an old view of them shows.
func (r *OrderReconciler) yield(ctx context.Context, order *acmev1.Order, key string) error {
	var made acmev1.OrderList
	if err := r.Client.Cached.List(ctx, &made, client.MatchingFields{kube.IndexTurn: key}, client.UnsafeDisableDeepCopy); err != nil {
		return err
	}
	for i := range made.Items {
		// The list may be older than our last write of the other: it is read again.
		other := &acmev1.Order{}
		if r.Client.Get(ctx, client.ObjectKeyFromObject(&made.Items[i]), other) == nil && other.UID != order.UID {
			r.resumeTurn(other)
		}
	}
	return nil
}
