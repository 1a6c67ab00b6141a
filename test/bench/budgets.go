package main

import (
	"fmt"
	"strings"
)

// budgets compares with what the design asks for.
func budgets(results []result, floor float64) string {
	var lines strings.Builder
	check := func(name string, got, limit float64, atLeast bool) {
		verdict := "ok"
		if atLeast && got < limit || !atLeast && got > limit {
			verdict = "MISSED"
		}
		fmt.Fprintf(&lines, "- budget %s: %.2f, limit %.2f: %s\n", name, got, limit, verdict)
	}
	for _, r := range results {
		each := r.requestsEach() + 1
		switch r.Scenario {
		case "selfsigned", "ca":
			check(r.Scenario+" API requests per certificate", each, 6, false)
			if floor > 0 {
				check(r.Scenario+" share of the floor", r.PerSecond/floor, 0.7, true)
			}
			check(r.Scenario+" idle RSS, MiB", r.IdleRSS, 45, false)
		case "acme-dns01":
			check("acme-dns01 API requests per certificate", each, 16, false)
			check("acme-dns01 seconds", r.Times.all.Seconds(), 15, false)
		case "settled":
			check("settled RSS, MiB", r.After.SettledRSS, 90, false)
			check("settled CPU, s", r.After.CPU.Seconds(), 3, false)
			check("settled writes", float64(r.After.Requests.where(call.writes).total()), 0, false)
		case "foreign":
			check("foreign Secrets, MiB", r.SettledRSS-r.IdleRSS, 2, false)
		}
	}
	return lines.String()
}
