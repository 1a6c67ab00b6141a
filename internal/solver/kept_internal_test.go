package solver

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	v1 "github.com/certwright/certwright/api/v1"
)

// What a clean-up needs is kept in one Secret, whatever the lengths of the names of those that it comes from.
func TestKeptNames(t *testing.T) {
	long := strings.Repeat("a", validation.DNS1123SubdomainMaxLength)
	key := strings.Repeat("K", 180)
	names := map[string]bool{}
	kept := map[string][]byte{}
	for _, name := range []string{"short", "short.more", long, long[:252] + "b"} {
		of := keptName(v1.SecretKeySelector{Name: name, Key: key})
		if problems := validation.IsConfigMapKey(of); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
		names[of], kept[of] = true, []byte(name)
	}
	if len(names) != 4 {
		t.Errorf("two Secrets share a name: %v", names)
	}
	if of := keptOf(kept, long); string(of[key]) != long || len(of) != 1 {
		t.Errorf("of the one Secret there is %v", of)
	}
}
