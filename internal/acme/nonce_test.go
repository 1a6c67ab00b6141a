package acme

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestNoncePoolGivesTheNewestFirst(t *testing.T) {
	var pool noncePool
	for i := range maxNonces + 10 {
		pool.put(fmt.Sprint(i), testNow)
	}
	for i := maxNonces + 9; i >= 10; i-- {
		if got := pool.take(testNow); got != fmt.Sprint(i) {
			t.Fatalf("took %q, want %d", got, i)
		}
	}
	if got := pool.take(testNow); got != "" {
		t.Errorf("took %q from an empty pool: the oldest were not dropped", got)
	}
}

func TestNoncePoolDropsOldNonces(t *testing.T) {
	var pool noncePool
	pool.put("old", testNow)
	pool.put("newer", testNow.Add(time.Minute))
	if got := pool.take(testNow.Add(maxNonceAge + time.Minute)); got != "newer" {
		t.Errorf("took %q, want the one that is just young enough", got)
	}
	if got := pool.take(testNow.Add(maxNonceAge + time.Minute)); got != "" {
		t.Errorf("took %q, which is too old", got)
	}
}

func TestNonceValues(t *testing.T) {
	good := "AZaz09-_"
	tests := map[string]string{
		good:                               good,
		"":                                 "",
		"abc=":                             "",
		"a b":                              "",
		"a+b":                              "",
		strings.Repeat("a", maxNonceLen):   strings.Repeat("a", maxNonceLen),
		strings.Repeat("a", maxNonceLen+1): "",
	}
	for value, want := range tests {
		resp := &response{header: http.Header{"Replay-Nonce": {value}}}
		if got := nonceOf(resp); got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}
