package acme

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseRenewalInfo(t *testing.T) {
	start, end := time.Date(2026, 12, 1, 4, 0, 0, 0, time.UTC), time.Date(2026, 12, 3, 4, 0, 0, 0, time.UTC)
	const window = `"suggestedWindow":{"start":"2026-12-01T04:00:00Z","end":"2026-12-03T05:00:00+01:00"}`
	tests := map[string]struct {
		body string
		want string
	}{
		"plain":                     {`{` + window + `}`, ""},
		"explained":                 {`{` + window + `,"explanationURL":"https://ca.example/incident","new":{}}`, "https://ca.example/incident"},
		"relative explanation":      {`{` + window + `,"explanationURL":"/incident"}`, "https://ca.example/incident"},
		"hostile explanation":       {`{` + window + `,"explanationURL":"javascript:alert(1)"}`, ""},
		"explanation of wrong type": {`{` + window + `,"explanationURL":7}`, ""},
	}
	for name, test := range tests {
		got, err := parseRenewalInfo([]byte(test.body), testBase(t))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := &RenewalInfo{Window: Window{Start: start, End: end}, ExplanationURL: test.want}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestParseRenewalInfoRefuses(t *testing.T) {
	for _, body := range []string{
		``, `<html>`, `[]`, `{}`, `{"suggestedWindow":null}`, `{"suggestedWindow":"now"}`,
		`{"suggestedWindow":{"start":"2026-12-01T04:00:00Z"}}`,
		`{"suggestedWindow":{"end":"2026-12-01T04:00:00Z"}}`,
		`{"suggestedWindow":{"start":"soon","end":"2026-12-01T04:00:00Z"}}`,
		`{"suggestedWindow":{"start":"2026-12-01T04:00:00Z","end":"2026-12-01T04:00:00Z"}}`,
		`{"suggestedWindow":{"start":"2026-12-03T04:00:00Z","end":"2026-12-01T04:00:00Z"}}`,
	} {
		_, err := parseRenewalInfo([]byte(body), testBase(t))
		wantReason(t, err, ReasonMalformed)
	}
}

func TestWindowPick(t *testing.T) {
	window := Window{Start: testNow, End: testNow.Add(48 * time.Hour)}
	tests := map[uint64]time.Time{
		0:                  testNow,
		1 << 63:            testNow.Add(24 * time.Hour),
		1 << 62:            testNow.Add(12 * time.Hour),
		math.MaxUint64:     testNow.Add(48*time.Hour - 1),
		math.MaxUint64 / 3: testNow.Add(16*time.Hour - 1),
	}
	for random, want := range tests {
		if got := window.Pick(random); !got.Equal(want) {
			t.Errorf("%x: %v, want %v", random, got, want)
		}
	}
	if got := (Window{Start: testNow, End: testNow}).Pick(math.MaxUint64); !got.Equal(testNow) {
		t.Errorf("empty window: %v", got)
	}
	ages := Window{Start: time.Unix(0, 0), End: time.Unix(0, 0).AddDate(9000, 0, 0)}
	if got := ages.Pick(math.MaxUint64); got.Before(ages.Start) || got.After(ages.End) {
		t.Errorf("a window of 9000 years: %v is outside", got)
	}
}

func TestRenewalInfoTime(t *testing.T) {
	tests := map[string]struct {
		asked time.Time
		want  time.Duration
	}{
		"not said":   {time.Time{}, 6 * time.Hour},
		"six hours":  {testNow.Add(6 * time.Hour), 6 * time.Hour},
		"one minute": {testNow.Add(time.Minute), time.Minute},
		"at once":    {testNow, time.Minute},
		"long ago":   {testNow.Add(-time.Hour), time.Minute},
		"a year":     {testNow.Add(maxRetryAfter), 24 * time.Hour},
	}
	for name, test := range tests {
		if got := renewalInfoTime(test.asked, testNow); !got.Equal(testNow.Add(test.want)) {
			t.Errorf("%s: in %v, want %v", name, got.Sub(testNow), test.want)
		}
	}
}

func TestRenewalInfoRetry(t *testing.T) {
	down := &Problem{Type: TypeBlank, Status: 503, Synthetic: true}
	tests := map[string]struct {
		err      error
		failures int
		want     time.Duration
	}{
		"first timeout":      {&NetworkError{Kind: NetworkTimeout}, 1, time.Minute},
		"second timeout":     {&NetworkError{Kind: NetworkTimeout}, 2, 2 * time.Minute},
		"connection closed":  {&NetworkError{Kind: NetworkClosed}, 1, time.Minute},
		"sixth outage":       {down, 6, 32 * time.Minute},
		"outage that lasts":  {down, 7, 6 * time.Hour},
		"counted from none":  {down, 0, time.Minute},
		"outage with a time": {&Problem{Status: 503, RetryAfter: testNow.Add(2 * time.Hour)}, 1, 2 * time.Hour},
		"a time too soon":    {&Problem{Status: 503, RetryAfter: testNow.Add(time.Second)}, 3, 4 * time.Minute},
		"a time too far":     {&Problem{Status: 503, RetryAfter: testNow.Add(maxRetryAfter)}, 1, 24 * time.Hour},
		"unknown":            {&Problem{Status: 404}, 1, 6 * time.Hour},
		"limited":            {&Problem{Type: TypeRateLimited, Status: 429, RetryAfter: testNow.Add(time.Minute)}, 1, 6 * time.Hour},
		"no such host":       {&NetworkError{Kind: NetworkDNS}, 1, 6 * time.Hour},
		"refused":            {&NetworkError{Kind: NetworkRefused}, 1, 6 * time.Hour},
		"malformed":          {&ProtocolError{Reason: ReasonMalformed}, 1, 6 * time.Hour},
		"not offered":        {wrapOp(OpRenewalInfo, ErrNotOffered), 1, 6 * time.Hour},
		"anything else":      {errors.New("else"), 1, 6 * time.Hour},
	}
	for name, test := range tests {
		if got := RenewalInfoRetry(test.err, test.failures, testNow); !got.Equal(testNow.Add(test.want)) {
			t.Errorf("%s: in %v, want %v", name, got.Sub(testNow), test.want)
		}
	}
}

func TestIsCertID(t *testing.T) {
	for _, id := range []string{"", ".", "a.", ".a", "a", "a.b.c", "a.b/../c", "a/b.c", "a=.b", "a.b?c", "a.b#"} {
		if isCertID(id) {
			t.Errorf("%q is taken for an identifier", id)
		}
	}
	if !isCertID("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE") {
		t.Error("the identifier of RFC 9773 is refused")
	}
}
