package source

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
)

// Verb is what is written.
type Verb string

// Verbs of writes.
const (
	Create Verb = "Create"
	Update Verb = "Update"
	Delete Verb = "Delete"
)

// Write is one thing to do, and the Certificate as it is to be, or is to be deleted.
type Write struct {
	Verb        Verb
	Certificate *v1.Certificate
}

// Decide compares what a source asks for with what is there: existing has the Certificates of the claims' names,
// marked those that carry a mark of the source. What it finds about others is added to what the plan tells.
func (c *Config) Decide(source Source, plan *Plan, existing map[types.NamespacedName]*v1.Certificate, marked []v1.Certificate) []Write {
	var writes []Write
	claimed := map[types.NamespacedName]bool{}
	for i := range plan.Claims {
		claim := &plan.Claims[i]
		claimed[claim.NamespacedName] = true
		if write := c.fulfil(source, plan, claim, existing[claim.NamespacedName]); write != nil {
			writes = append(writes, *write)
		}
	}
	for i := range marked {
		crt := &marked[i]
		name := types.NamespacedName{Namespace: crt.Namespace, Name: crt.Name}
		if !claimed[name] && crt.DeletionTimestamp == nil && source.owns(crt, c.Names.Annotation.Source) {
			writes = append(writes, Write{Verb: Delete, Certificate: crt})
		}
	}
	return writes
}

// fulfil is what is to be written for a claim, nil for nothing.
func (c *Config) fulfil(source Source, plan *Plan, claim *Claim, there *v1.Certificate) *Write {
	switch {
	case there == nil && claim.Certificate == nil:
		return nil
	case there == nil:
		return &Write{Verb: Create, Certificate: claim.Certificate}
	case there.DeletionTimestamp != nil:
		// Its name is free once it is gone, and that is watched.
		return nil
	case !source.owns(there, c.Names.Annotation.Source):
		plan.tell("Certificate %q exists and was not made for this %s: it is left alone. Delete it, or use another Secret", there.Name, source.Kind)
		return nil
	}
	updated := c.updated(there, claim)
	if updated == nil {
		return nil
	}
	return &Write{Verb: Update, Certificate: updated}
}

// owns says whether a Certificate was made for the source. A source that was made anew under its name has another
// UID than the reference has. Only what is listed by a ReferenceGrant is in another namespace, and only Gateways and
// ListenerSets have such.
func (s Source) owns(crt *v1.Certificate, key string) bool {
	isMarked := api.MarkedSource(crt.Annotations[key], crt.Namespace, crt.Name) == s.Key()
	if crt.Namespace != s.Meta.Namespace {
		return isMarked && s.Kind != IngressKind
	}
	controller := metav1.GetControllerOf(crt)
	switch {
	case controller == nil:
		return isMarked
	case controller.UID == s.Meta.UID:
		return true
	default:
		group, _, _ := strings.Cut(controller.APIVersion, "/")
		return isMarked && group == s.Group.Group && controller.Kind == s.Kind && controller.Name == s.Meta.Name
	}
}

// updated is a Certificate as its claim has it, nil if it is so already. Of labels and annotations, what others
// added stays.
func (c *Config) updated(there *v1.Certificate, claim *Claim) *v1.Certificate {
	crt := there.DeepCopy()
	if crt.Annotations == nil {
		crt.Annotations = map[string]string{}
	}
	if claim.Certificate == nil {
		crt.Annotations[c.Names.Annotation.SourceProblem] = claim.Problem
	} else {
		c.follow(crt, claim.Certificate)
	}
	if equality.Semantic.DeepEqual(there, crt) {
		return nil
	}
	return crt
}

func (c *Config) follow(crt, wanted *v1.Certificate) {
	before := strings.Split(crt.Annotations[c.Names.Annotation.SourceLabels], separatorOfLabels)
	for _, key := range before {
		if _, stays := wanted.Labels[key]; !stays {
			delete(crt.Labels, key)
		}
	}
	for key, value := range wanted.Labels {
		if crt.Labels == nil {
			crt.Labels = map[string]string{}
		}
		crt.Labels[key] = value
	}
	for _, key := range c.owned() {
		if value, ok := wanted.Annotations[key]; ok {
			crt.Annotations[key] = value
		} else {
			delete(crt.Annotations, key)
		}
	}
	if !c.sameSpec(&crt.Spec, &wanted.Spec) {
		wanted.Spec.DeepCopyInto(&crt.Spec)
	}
	for _, owner := range wanted.OwnerReferences {
		crt.OwnerReferences = owned(crt.OwnerReferences, owner)
	}
}

// sameSpec compares what two specs mean.
func (c *Config) sameSpec(one, other *v1.CertificateSpec) bool {
	a, b := *one, *other
	a.IssuerRef, b.IssuerRef = a.IssuerRef.WithDefaults(c.Names), b.IssuerRef.WithDefaults(c.Names)
	return equality.Semantic.DeepEqual(a, b)
}

// owned makes owner the controller among owners, in place of one of the same name that is gone.
func owned(owners []metav1.OwnerReference, owner metav1.OwnerReference) []metav1.OwnerReference {
	for i := range owners {
		if owners[i].Controller == nil || !*owners[i].Controller {
			continue
		}
		if owners[i].UID == owner.UID && owners[i].Kind == owner.Kind {
			// Whatever else it says, such as whether it blocks, is as good.
			return owners
		}
		owner := []metav1.OwnerReference{owner}
		return append(slices.Clone(owners[:i]), append(owner, owners[i+1:]...)...)
	}
	return append(slices.Clone(owners), owner)
}

// Refused is the plan's word for a Certificate that the API server did not accept, and the write that tells it on
// the Certificate if there is one that it can be told on.
func (c *Config) Refused(plan *Plan, write Write, there *v1.Certificate, reason string) *v1.Certificate {
	problem := fmt.Sprintf("Certificate %q is refused: %s", write.Certificate.Name, quoted(reason))
	plan.tell("%s", problem)
	if there == nil || write.Verb == Delete {
		return nil
	}
	name := types.NamespacedName{Namespace: there.Namespace, Name: there.Name}
	return c.updated(there, &Claim{NamespacedName: name, Problem: problem})
}
