package kube

import (
	"context"
	"reflect"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/certwright/certwright/internal/outcome"
)

// staleFor is how long a view may be older than our last write before it is read live: the watch
// brings it in milliseconds, unless it is broken or somebody deleted the object meanwhile.
const staleFor = 5 * time.Second

// Client reads from the cache and remembers its writes, so that a reconciler never acts on a view
// older than its own last write.
type Client struct {
	// Cached reads from the watches and writes to the API server.
	Cached client.Client
	// Live reads from the API server.
	Live client.Reader
	// Writes is the memory of our own writes.
	Writes *Writes
	// Now is the clock.
	Now func() time.Time
}

// Get reads an object from the cache. It is an apierrors.IsNotFound error if it does not exist, and
// a Wait if the cache is behind our last write of it.
func (c *Client) Get(ctx context.Context, name types.NamespacedName, obj client.Object) error {
	// What the view has to show is asked before it is read: another reader may be shown our write between
	// the two, and a write that was shown is remembered no more.
	last, waited := c.Writes.last(obj, name)
	err := c.Cached.Get(ctx, name, obj)
	if err == nil && (!waited || last.isShownBy(obj)) && c.Writes.Fresh(obj) || err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	since, written := c.Writes.Since(obj, name)
	switch {
	case !written && waited:
		return c.Cached.Get(ctx, name, obj)
	case !written:
		return err
	case c.Now().Before(since.Add(staleFor)):
		return c.stale(name)
	default:
		return c.readLive(ctx, name, obj)
	}
}

// readLive reads an object from the API server, since the cache stays behind.
func (c *Client) readLive(ctx context.Context, name types.NamespacedName, obj client.Object) error {
	// What is read is decoded over what is there: of the old view, nothing may be left.
	reflect.ValueOf(obj).Elem().SetZero()
	if err := c.Live.Get(ctx, name, obj); err != nil {
		if apierrors.IsNotFound(err) {
			c.Writes.Forget(obj, name)
		}
		return err
	}
	// What was read now is no less to be waited for than what was written.
	c.Writes.Record(obj, c.Now())
	return nil
}

func (c *Client) stale(name types.NamespacedName) error {
	return outcome.Moment(c.Now().Add(staleFor), "StaleView", "waiting for the watch to show our last write of %s", name)
}

// Pending is a Wait if we created an object of obj's type and this name that the cache does not show yet,
// however long that takes. obj is read into where only a live read can tell whether it is there still.
func (c *Client) Pending(ctx context.Context, obj client.Object, name types.NamespacedName) error {
	since, ok := c.Writes.Since(obj, name)
	if !ok {
		return nil
	}
	if c.Now().Before(since.Add(staleFor)) {
		return c.stale(name)
	}
	err := c.Live.Get(ctx, name, obj)
	if apierrors.IsNotFound(err) {
		// Somebody has deleted it meanwhile.
		c.Writes.Forget(obj, name)
		return nil
	}
	if err != nil {
		return err
	}
	c.Writes.Record(obj, c.Now())
	return c.stale(name)
}

// Create creates an object; an apierrors.IsAlreadyExists error is the caller's to understand.
func (c *Client) Create(ctx context.Context, obj client.Object) error {
	return c.written(obj, c.Cached.Create(ctx, obj))
}

// Update replaces an object, unless somebody has changed it since it was read.
func (c *Client) Update(ctx context.Context, obj client.Object) error {
	return c.written(obj, c.Cached.Update(ctx, obj))
}

// SetFinalizer puts a finalizer on an object or takes it away, and changes nothing else of it, unless somebody has
// changed it since it was read. obj becomes what the API server has then.
func (c *Client) SetFinalizer(ctx context.Context, obj client.Object, finalizer string, wanted bool) error {
	before, ok := obj.DeepCopyObject().(client.Object)
	changed := wanted && controllerutil.AddFinalizer(obj, finalizer) || !wanted && controllerutil.RemoveFinalizer(obj, finalizer)
	if !ok || !changed {
		return nil
	}
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	err := c.Cached.Patch(ctx, obj, patch)
	if apierrors.IsNotFound(err) && !wanted {
		return nil
	}
	return c.written(obj, err)
}

// UpdateStatus replaces an object's status, unless somebody has changed the object since it was read.
func (c *Client) UpdateStatus(ctx context.Context, obj client.Object) error {
	return c.written(obj, c.Cached.Status().Update(ctx, obj))
}

// Delete deletes exactly this object, once: not another that has taken its name since, and not again
// while the cache still shows it.
func (c *Client) Delete(ctx context.Context, obj client.Object) error {
	uid := obj.GetUID()
	if c.Writes.Deleted(uid) {
		return nil
	}
	err := c.Cached.Delete(ctx, obj, client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		c.Writes.RecordDeleted(uid, c.Now())
		return nil
	}
	return err
}

func (c *Client) written(obj client.Object, err error) error {
	if apierrors.IsConflict(err) {
		return outcome.Moment(c.Now().Add(staleFor), "StaleView", "somebody changed %s meanwhile; waiting for the watch to show it",
			client.ObjectKeyFromObject(obj))
	}
	if err == nil {
		c.Writes.Record(obj, c.Now())
	}
	return err
}
