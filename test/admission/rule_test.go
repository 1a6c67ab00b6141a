package admission

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gcustom"
	"github.com/onsi/gomega/types"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// rule is one thing that the API server checks, shown by an object that it accepts and one that it refuses.
type rule struct {
	name string
	// field is where the refusal is reported, with [] for any index.
	field string
	// message is a part of the refusal that no other rule has.
	message string
	// before is the object that the other two are edits of. Rules about new objects have none.
	before string
	// accepted and refused are the members of the object, in YAML, that differ from the kind's plain object,
	// or from before.
	accepted, refused string
}

// kind is a kind of ours and how to make a plain object of it.
type kind struct {
	schema.GroupVersionKind
	clusterScoped bool
	// plain is a valid object without its metadata, in YAML.
	plain string
}

// object is the plain object with the members of patch put in place of its own.
func (k kind) object(namespace, patch string) *unstructured.Unstructured {
	GinkgoHelper()
	object := &unstructured.Unstructured{Object: parse(k.plain)}
	object.SetGroupVersionKind(k.GroupVersionKind)
	object.SetGenerateName("rule-")
	if !k.clusterScoped {
		object.SetNamespace(namespace)
	}
	merge(object, parse(patch))
	return object
}

// merge replaces the members of object's metadata and spec, one by one, by those of patch; null takes one
// away. The status is replaced as a whole.
func merge(object *unstructured.Unstructured, patch map[string]any) {
	for section, value := range patch {
		members, isObject := value.(map[string]any)
		old, existed := object.Object[section].(map[string]any)
		if !isObject || !existed || section == "status" {
			object.Object[section] = value
			continue
		}
		maps.Copy(old, members)
		maps.DeleteFunc(old, func(_ string, member any) bool { return member == nil })
	}
}

func parse(text string) map[string]any {
	GinkgoHelper()
	content := map[string]any{}
	Expect(yaml.Unmarshal([]byte(text), &content)).To(Succeed(), text)
	return content
}

// describeRules makes a spec of each rule.
func describeRules(k kind, rules []rule) {
	for _, r := range rules {
		It(r.name, func(ctx SpecContext) {
			try := func(patch string) error { return create(ctx, k.object("default", patch)) }
			if r.before != "" {
				try = func(patch string) error { return edit(ctx, k, r.before, patch) }
			}
			Expect(try(r.accepted)).To(Succeed())
			Expect(try(r.refused)).To(beRefused(r.field, r.message))
		})
	}
}

// create asks whether an object would be created.
func create(ctx context.Context, object client.Object) error {
	return admin.Create(ctx, object, client.DryRunAll)
}

// edit makes an object and asks whether it could be changed.
func edit(ctx context.Context, k kind, before, after string) error {
	GinkgoHelper()
	object := k.object("default", before)
	status, hasStatus := object.Object["status"]
	Expect(admin.Create(ctx, object)).To(Succeed())
	DeferCleanup(func(ctx SpecContext) { Expect(admin.Delete(ctx, object)).To(Succeed()) })
	if hasStatus {
		object.Object["status"] = status
		Expect(admin.Status().Update(ctx, object)).To(Succeed())
	}
	changed := object.DeepCopy()
	unstructured.RemoveNestedField(changed.Object, "status")
	merge(changed, parse(after))
	if err := admin.Update(ctx, changed.DeepCopy(), client.DryRunAll); err != nil {
		return err
	}
	return admin.Status().Update(ctx, changed, client.DryRunAll)
}

// root is where a rule of the whole object is reported.
const root = "<nil>"

var index = regexp.MustCompile(`\[[^\]]*\]`)

// beRefused matches the error of an object that is invalid at a field for a reason.
func beRefused(field, message string) types.GomegaMatcher {
	return gcustom.MakeMatcher(func(err error) (bool, error) {
		var status apierrors.APIStatus
		if !errors.As(err, &status) || status.Status().Details == nil {
			return false, nil
		}
		for _, cause := range status.Status().Details.Causes {
			if index.ReplaceAllString(cause.Field, "[]") == field && strings.Contains(cause.Message, message) {
				return true, nil
			}
		}
		return false, nil
	}).WithMessage(fmt.Sprintf("be refused at %s with %q", field, message))
}

func repeat(text string, count int) string { return strings.Repeat(text, count) }
