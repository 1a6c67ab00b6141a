package backend

import (
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/limiter"
)

const (
	// forgetAfter is how long an account is held in memory that nothing is asked about and nothing is known of.
	forgetAfter = time.Hour
	// turnKept is how long a turn is kept for an Order that does not come: waits are spread by minutes, and an
	// Order that was deleted never comes.
	turnKept = 15 * time.Minute
)

// limitedAccount is what is known of one account.
type limitedAccount struct {
	key accountKey

	mu    sync.Mutex
	state limiter.State
	// underWay is how many orders were allowed of which it is not known yet whether the CA made them; waiting
	// are those that wait for the bucket, in turn.
	underWay int
	waiting  []turn
	used     time.Time
	// gone says that the account is not held any more: whoever finds it so asks for it again.
	gone bool

	// loaded says that state has what secret has, which is the Secret as it was last seen, nil if there is none.
	loaded bool
	secret *corev1.Secret
	// changes counts the changes of state; written is the count that secret has.
	changes, written int
	// nextCall is when the API server may be called again for the Secret, after failures calls in a row that
	// failed. Where that was logged, it was for the reason of failure.
	nextCall time.Time
	failures int
	logged   bool
	failure  metav1.StatusReason
}

// turn is that of an order that waits.
type turn struct {
	order types.UID
	until time.Time
}

// lock gives the account of an issuer, locked.
func (l *Limiters) lock(issuer v1.GenericIssuer) *limitedAccount {
	key := accountKey{directory: issuer.GetSpec().ACME.Server}
	if status := issuer.GetStatus().ACME; status != nil {
		key.account = status.URI
	}
	return l.lockAccount(key)
}

func (l *Limiters) lockAccount(key accountKey) *limitedAccount {
	for {
		a := l.account(key)
		a.mu.Lock()
		if !a.gone {
			a.used = l.Client.Now()
			return a
		}
		a.mu.Unlock()
	}
}

func (l *Limiters) account(key accountKey) *limitedAccount {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.accounts == nil {
		l.accounts = map[accountKey]*limitedAccount{}
	}
	if l.accounts[key] == nil {
		l.accounts[key] = &limitedAccount{key: key}
	}
	return l.accounts[key]
}

// forgetIdle drops the accounts that nothing is known of. One that is locked is not idle.
func (l *Limiters) forgetIdle(now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, a := range l.accounts {
		if a.mu.TryLock() {
			if a.idle(now) {
				a.gone = true
				delete(l.accounts, key)
			}
			a.mu.Unlock()
		}
	}
}

func (a *limitedAccount) idle(now time.Time) bool {
	if a.underWay > 0 || a.dirty() || now.Before(a.used.Add(forgetAfter)) {
		return false
	}
	a.state.Prune(now)
	return a.state.IsEmpty()
}

func (a *limitedAccount) dirty() bool { return a.changes != a.written }

// before is how many orders go before one that asks. One that is urgent does not wait for others that wait.
func (a *limitedAccount) before(id types.UID, order limiter.Order, now time.Time) int {
	if order.PastBackstop {
		return a.underWay
	}
	a.waiting = slices.DeleteFunc(a.waiting, func(t turn) bool { return now.After(t.until.Add(turnKept)) })
	if i := a.turn(id); i >= 0 {
		return a.underWay + i
	}
	return a.underWay + len(a.waiting)
}

func (a *limitedAccount) turn(id types.UID) int {
	return slices.IndexFunc(a.waiting, func(t turn) bool { return t.order == id })
}

// await keeps the turn of an order that was refused, so that those that wait do not all come at once.
func (a *limitedAccount) await(id types.UID, refusal *limiter.Refusal) {
	if i := a.turn(id); i >= 0 {
		a.waiting[i].until = refusal.Until
	} else if refusal.By == limiter.LimitOrders {
		a.waiting = append(a.waiting, turn{order: id, until: refusal.Until})
	}
}

func (a *limitedAccount) leave(id types.UID) {
	a.waiting = slices.DeleteFunc(a.waiting, func(t turn) bool { return t.order == id })
}
