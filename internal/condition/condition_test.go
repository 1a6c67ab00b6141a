package condition_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestSetMovesTheTransitionTimeWithTheStatusOnly(t *testing.T) {
	ready := v1.Condition{Type: v1.ConditionReady, Status: metav1.ConditionFalse, Reason: "A"}
	first := condition.Set(nil, ready, now)
	ready.Reason = "B"
	same := condition.Set(first, ready, now.Add(time.Hour))
	if !same[0].LastTransitionTime.Time.Equal(now) || same[0].Reason != "B" || first[0].Reason != "A" {
		t.Errorf("after another reason: %+v, before: %+v", same[0], first[0])
	}
	ready.Status = metav1.ConditionTrue
	if other := condition.Set(same, ready, now.Add(time.Hour)); !other[0].LastTransitionTime.Time.Equal(now.Add(time.Hour)) || len(other) != 1 {
		t.Errorf("after another status: %+v", other)
	}
	if !condition.IsTrue(condition.Set(same, ready, now), v1.ConditionReady) || condition.IsTrue(same, v1.ConditionReady) {
		t.Error("IsTrue does not follow the status")
	}
	if left := condition.Remove(same, v1.ConditionReady); len(left) != 0 || len(same) != 1 {
		t.Errorf("left %v of %v", left, same)
	}
}

// What others wrote never makes a status that the API server refuses.
func TestSetBoundsWhatItIsGiven(t *testing.T) {
	long := strings.Repeat("é", 20000)
	set := condition.Set(nil, v1.Condition{Type: v1.ConditionReady, Reason: long, Message: long}, now)[0]
	for text, limit := range map[string]int{set.Reason: 1024, set.Message: 32768} {
		if len(text) > limit || len(text) < limit-3 || !utf8.ValidString(text) {
			t.Errorf("%d bytes of at most %d, valid %t", len(text), limit, utf8.ValidString(text))
		}
	}
}
