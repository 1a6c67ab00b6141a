// Package condition reads and sets conditions, and declares as data which conditions each kind has.
//
// Everything above layer 0 may import it. It is pure: the time is handed in.
package condition

import (
	"slices"
	"time"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
)

// Get returns the condition of a type, or nil.
func Get(conditions []v1.Condition, conditionType string) *v1.Condition {
	for i := range conditions {
		if conditions[i].Type == conditionType {
			return &conditions[i]
		}
	}
	return nil
}

// IsTrue says whether a condition is there and True.
func IsTrue(conditions []v1.Condition, conditionType string) bool {
	c := Get(conditions, conditionType)
	return c != nil && c.Status == metav1.ConditionTrue
}

// Limits of what the API server takes, in bytes. Messages quote what others wrote, and a status that is
// refused for its length would be written again for ever.
const (
	longestReason  = 1024
	longestMessage = 32768
)

// Set puts c into conditions. The transition time moves only with the status, as the Kubernetes API
// conventions have it, so that setting the same condition again changes nothing.
func Set(conditions []v1.Condition, c v1.Condition, now time.Time) []v1.Condition {
	stamp := metav1.NewTime(now.Truncate(time.Second))
	c.LastTransitionTime = &stamp
	c.Reason, c.Message = Bounded(c.Reason, longestReason), Bounded(c.Message, longestMessage)
	result := slices.Clone(conditions)
	old := Get(result, c.Type)
	if old == nil {
		return append(result, c)
	}
	if old.Status == c.Status && old.LastTransitionTime != nil {
		c.LastTransitionTime = old.LastTransitionTime
	}
	*old = c
	return result
}

// Remove takes the condition of a type out.
func Remove(conditions []v1.Condition, conditionType string) []v1.Condition {
	return slices.DeleteFunc(slices.Clone(conditions), func(c v1.Condition) bool { return c.Type == conditionType })
}

// Bounded is text, cut off between two characters if it has more than limit bytes.
func Bounded(text string, limit int) string {
	const cut = "…"
	if len(text) <= limit {
		return text
	}
	end := limit - len(cut)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + cut
}
