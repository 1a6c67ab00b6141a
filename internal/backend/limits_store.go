package backend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/internal/limiter"
)

const (
	// writePause is the least time between two writes of one Secret. What a crash loses is at most as old.
	writePause = 5 * time.Second
	// longestWritePause is that after many failures.
	longestWritePause = 5 * time.Minute
	// lastWrites bounds the writes at a stop.
	lastWrites = 5 * time.Second
	// writeTries is how often a write is tried at once where others write too.
	writeTries = 3

	stateEntry     = "state.json"
	managedByLabel = "app.kubernetes.io/managed-by"
	managedBy      = "certwright"
)

// errNotOurs is a Secret that somebody else made.
var errNotOurs = errors.New("it is not the operator's own, by its label " + managedByLabel + ": delete it, so that the limits of an ACME account can be kept there")

// Start writes what changes until ctx ends, and then once more.
func (l *Limiters) Start(ctx context.Context) error {
	changed := l.changes()
	for {
		timer := time.NewTimer(l.flush(ctx, false))
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrites)
			defer cancel()
			l.flush(last, true)
			return nil
		}
		timer.Stop()
	}
}

// NeedLeaderElection says that only the reconciling replica writes.
func (l *Limiters) NeedLeaderElection() bool { return true }

func (l *Limiters) changes() chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{}, 1)
	}
	return l.changed
}

// note has a change of an account's state written. The account is locked.
func (l *Limiters) note(a *limitedAccount, changed bool) {
	if !changed {
		return
	}
	a.changes++
	select {
	case l.changes() <- struct{}{}:
	default: // It is known already that there is something to write.
	}
}

// flush writes what has changed, as far as it is time, or all of it for the last time. It gives the time until
// there is something to do again.
func (l *Limiters) flush(ctx context.Context, last bool) time.Duration {
	l.forgetIdle(l.Client.Now())
	l.mu.Lock()
	accounts := slices.Collect(maps.Values(l.accounts))
	l.mu.Unlock()
	pause := forgetAfter
	for _, a := range accounts {
		if wait, dirty := a.untilWrite(l.Client.Now()); dirty && (last || wait <= 0) {
			l.store(ctx, a)
		}
		if wait, dirty := a.untilWrite(l.Client.Now()); dirty {
			pause = min(pause, max(wait, 0))
		}
	}
	return pause
}

func (a *limitedAccount) untilWrite(now time.Time) (wait time.Duration, dirty bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.nextCall.Sub(now), a.dirty()
}

// store brings the Secret of an account up to date.
func (l *Limiters) store(ctx context.Context, a *limitedAccount) {
	err := l.put(ctx, a)
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		l.failed(ctx, a, err)
		return
	}
	a.nextCall, a.failures, a.logged = l.Client.Now().Add(writePause), 0, false
}

// put writes an account's state, together with what others have written meanwhile.
func (l *Limiters) put(ctx context.Context, a *limitedAccount) error {
	var err error
	for try := range writeTries {
		secret, changes, readErr := l.next(ctx, a, try > 0)
		if readErr != nil || secret == nil {
			return readErr
		}
		// The memory of writes is for what the cache will show: these Secrets it never does.
		if secret.ResourceVersion == "" {
			err = l.Client.Cached.Create(ctx, secret)
		} else {
			err = l.Client.Cached.Update(ctx, secret)
		}
		if err == nil {
			a.wrote(secret, changes)
			return nil
		}
		overtaken := apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err) || apierrors.IsNotFound(err) && secret.ResourceVersion != ""
		if !overtaken {
			break
		}
	}
	return fmt.Errorf("writing Secret %q: %w", a.key.secretName(), err)
}

// next is the Secret that is to be written for an account, nil if it says all of it already, and the count of
// changes that it has. again reads the Secret as it is now first.
func (l *Limiters) next(ctx context.Context, a *limitedAccount, again bool) (*corev1.Secret, int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if again || !a.loaded {
		if err := l.read(ctx, a); err != nil {
			return nil, 0, err
		}
	}
	state, err := a.state.Encode(l.Client.Now())
	if err != nil {
		return nil, 0, err
	}
	if a.secret != nil && bytes.Equal(a.secret.Data[stateEntry], state) {
		a.written = a.changes
		return nil, 0, nil
	}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, Name: a.key.secretName()},
		Type:       corev1.SecretTypeOpaque,
	}
	if a.secret != nil {
		secret = a.secret.DeepCopy()
	}
	metav1.SetMetaDataLabel(&secret.ObjectMeta, managedByLabel, managedBy)
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, l.Annotations.Directory, a.key.directory)
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, l.Annotations.Account, a.key.account)
	secret.Data = map[string][]byte{stateEntry: state}
	return secret, a.changes, nil
}

func (a *limitedAccount) wrote(secret *corev1.Secret, changes int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.secret, a.written = secret, changes
}

// load reads what is known of an account, once. Where it may not be read, or is not ours, issuance goes on without
// it, and it is read later. The account is locked.
func (l *Limiters) load(ctx context.Context, a *limitedAccount) error {
	if a.loaded || l.Client.Now().Before(a.nextCall) {
		return nil
	}
	err := l.read(ctx, a)
	if apierrors.IsForbidden(err) || errors.Is(err, errNotOurs) {
		l.failed(ctx, a, err)
		return nil
	}
	return err
}

// read merges the Secret of an account into what is known of it. The account is locked.
func (l *Limiters) read(ctx context.Context, a *limitedAccount) error {
	secret := &corev1.Secret{}
	name := types.NamespacedName{Namespace: l.Namespace, Name: a.key.secretName()}
	err := l.Client.Live.Get(ctx, name, secret)
	switch {
	case apierrors.IsNotFound(err):
		a.secret, a.loaded = nil, true
		return nil
	case err != nil:
		return fmt.Errorf("reading Secret %q: %w", name.Name, err)
	case secret.Labels[managedByLabel] != managedBy:
		return fmt.Errorf("using Secret %q: %w", name.Name, errNotOurs)
	}
	state, err := limiter.Parse(secret.Data[stateEntry])
	if err != nil {
		l.Log.Error(err, "What was known of an ACME account's limits is lost", "secret", name)
	}
	a.state = limiter.Merge(a.state, state)
	a.state.Prune(l.Client.Now())
	a.secret, a.loaded = secret, true
	return nil
}

// failed plans the next call after one that failed, and logs why where that is news. The account is locked.
func (l *Limiters) failed(ctx context.Context, a *limitedAccount, err error) {
	a.nextCall = l.Client.Now().Add(min(writePause<<min(a.failures, 10), longestWritePause))
	a.failures++
	if reason := apierrors.ReasonForError(err); ctx.Err() == nil && (!a.logged || reason != a.failure) {
		a.logged, a.failure = true, reason
		l.Log.Error(err, "The limits of an ACME account are kept in memory only, which a restart loses; it is tried again",
			"namespace", l.Namespace, "secret", a.key.secretName())
	}
}
