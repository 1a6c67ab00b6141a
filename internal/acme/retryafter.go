package acme

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter bounds what a CA may ask for, so that no later arithmetic
// overflows; how long is reasonable is the caller's to say.
const maxRetryAfter = 366 * 24 * time.Hour

// maxRetryAfterText bounds the header value in bytes.
const maxRetryAfterText = 64

// ParseRetryAfter turns a Retry-After value (RFC 9110 section 10.2.3), either
// seconds or a date, into an instant. A date that has passed means now; more
// than a year ahead means a year ahead. A value that is neither form, such as a
// negative number, gives the zero time.
func ParseRetryAfter(value string, now time.Time) time.Time {
	return retryTime(value, now, now)
}

// retryAfter returns when an answer asks us to come back. A date is taken
// relative to the answer's own Date, so that a difference between the clocks
// does not matter.
func retryAfter(header http.Header, now time.Time) time.Time {
	server, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		server = now
	}
	return retryTime(header.Get("Retry-After"), server, now)
}

func retryTime(value string, server, now time.Time) time.Time {
	value = strings.TrimSpace(value)
	if value == "" || len(value) > maxRetryAfterText {
		return time.Time{}
	}
	if isDigits(value) {
		return now.Add(secondsDelay(value))
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return time.Time{}
	}
	return now.Add(min(max(date.Sub(server), 0), maxRetryAfter))
}

// secondsDelay returns the delay that a string of digits stands for, at most
// maxRetryAfter.
func secondsDelay(digits string) time.Duration {
	seconds, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || seconds > int64(maxRetryAfter/time.Second) {
		return maxRetryAfter
	}
	return time.Duration(seconds) * time.Second
}

func isDigits(value string) bool {
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' {
			return false
		}
	}
	return value != ""
}
