package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRender(t *testing.T) {
	watches := call{"watch", "certificates"}
	after := &restart{
		Serving: 400 * time.Millisecond, Settled: 650 * time.Millisecond, CPU: 140 * time.Millisecond, PeakRSS: 39, SettledRSS: 38,
		Requests: calls{watches: 7, {"get", "secrets"}: 2, {"update", "certificates/status"}: 1},
	}
	got := render([]result{
		{Scenario: "floor", N: 2, PerSecond: 10, Times: times{all: 200 * time.Millisecond}},
		{
			Scenario: "ca", N: 2, PerSecond: 8, Times: times{each: []time.Duration{100 * time.Millisecond, 200 * time.Millisecond}, all: 250 * time.Millisecond},
			CPU: 5 * time.Millisecond, Requests: calls{{"create", "secrets"}: 3}, IdleRSS: 35, PeakRSS: 42, SettledRSS: 41, After: after,
		},
		{Scenario: "settled", N: 9, After: after},
	})
	want := strings.TrimLeft(`
| scenario | certificates | per second | of the floor | p50 | p99 | all | CPU each | API requests each (with its creation) | RSS idle / peak / settled, MiB |
|---|---|---|---|---|---|---|---|---|---|
| floor | 2 | 10.0 | 1 | | | 200ms | | 6 | |
| ca | 2 | 8.0 | 0.80 | 200ms | 200ms | 250ms | 5ms | 1.50 (2.50) | 35 / 42 / 41 |

| after a restart | certificates | serving | settled | CPU | lists and watches | other API requests | of these, writes | RSS peak / settled, MiB |
|---|---|---|---|---|---|---|---|---|
| ca | 2 | 400ms | 650ms | 140ms | 7 | 3 | 1 | 39 / 38 |
| settled | 9 | 400ms | 650ms | 140ms | 7 | 3 | 1 | 39 / 38 |

- ca, operator's requests per certificate: create secrets 1.50
- ca, operator's requests after a restart: get secrets 2, update certificates/status 1, watch certificates 7
- settled, operator's requests after a restart: get secrets 2, update certificates/status 1, watch certificates 7

- budget ca API requests per certificate: 2.50, limit 6.00: ok
- budget ca share of the floor: 0.80, limit 0.70: ok
- budget ca idle RSS, MiB: 35.00, limit 45.00: ok
- budget settled RSS, MiB: 38.00, limit 90.00: ok
- budget settled CPU, s: 0.14, limit 3.00: ok
- budget settled writes: 1.00, limit 0.00: MISSED
`, "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
