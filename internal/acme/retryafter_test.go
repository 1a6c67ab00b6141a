package acme

import (
	"net/http"
	"testing"
	"time"
)

var testNow = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestParseRetryAfter(t *testing.T) {
	farthest := testNow.Add(maxRetryAfter)
	tests := map[string]time.Time{
		"":                               {},
		"120":                            testNow.Add(2 * time.Minute),
		" 120 ":                          testNow.Add(2 * time.Minute),
		"0":                              testNow,
		"86400":                          testNow.Add(24 * time.Hour),
		"31536000000":                    farthest,
		"99999999999999999999999999999":  farthest,
		"-5":                             {},
		"+5":                             {},
		"1.5":                            {},
		"soon":                           {},
		"Mon, 23 Nov 2026 12:00:30 GMT":  testNow.Add(30 * time.Second),
		"Monday, 23-Nov-26 12:00:30 GMT": testNow.Add(30 * time.Second),
		"Mon, 23 Nov 2026 11:00:00 GMT":  testNow,
		"Fri, 31 Dec 9999 23:59:59 GMT":  farthest,
		"Sat, 01 Jan 0000 00:00:00 GMT":  testNow,
	}
	for value, want := range tests {
		if got := ParseRetryAfter(value, testNow); !got.Equal(want) {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

// A date counts from the server's clock, so that a client whose clock is an
// hour off neither waits an hour too long nor returns at once.
func TestRetryAfterIsRelativeToTheServersClock(t *testing.T) {
	header := http.Header{
		"Date":        {"Mon, 23 Nov 2026 13:00:00 GMT"},
		"Retry-After": {"Mon, 23 Nov 2026 13:00:30 GMT"},
	}
	if got, want := retryAfter(header, testNow), testNow.Add(30*time.Second); !got.Equal(want) {
		t.Errorf("%v, want %v", got, want)
	}
	header.Del("Date")
	if got, want := retryAfter(header, testNow), testNow.Add(time.Hour+30*time.Second); !got.Equal(want) {
		t.Errorf("without Date: %v, want %v", got, want)
	}
}
