package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"
)

// result is what a scenario measured. CPU is per certificate, or in all after a restart.
type result struct {
	Scenario         string
	N                int
	Times            times
	PerSecond        float64
	CPU              time.Duration
	Requests         map[string]int
	IdleRSS          float64
	PeakRSS          float64
	SettledRSS       float64
	Restart, Foreign bool
	// Ways are writes per second by the way of writing a status.
	Ways map[string]float64
}

// isRow says whether a result is one of certificates that were issued.
func (r result) isRow() bool { return !r.Restart && !r.Foreign && r.Ways == nil }

func (r result) total() int {
	total := 0
	for _, count := range r.Requests {
		total += count
	}
	return total
}

func (r result) String() string {
	switch {
	case r.Restart:
		return fmt.Sprintf("%s: %d certificates after a restart: RSS %.0f MiB, CPU %.1f s, %d requests %v", r.Scenario, r.N, r.SettledRSS, r.CPU.Seconds(), r.total(), r.Requests)
	case r.Ways != nil:
		var parts []string
		for _, way := range slices.Sorted(maps.Keys(r.Ways)) {
			parts = append(parts, fmt.Sprintf("%s %.0f", way, r.Ways[way]))
		}
		return fmt.Sprintf("%s: status writes per second: %s", r.Scenario, strings.Join(parts, ", "))
	case r.Foreign:
		return fmt.Sprintf("%s: %d Secrets of 16 KiB: RSS %.1f MiB before, %.1f MiB after", r.Scenario, r.N, r.IdleRSS, r.SettledRSS)
	default:
		return fmt.Sprintf("%s: %.1f certificates per second, p50 %s, p99 %s, all %s, CPU %s each, %.2f requests each, RSS idle %.0f, peak %.0f, settled %.0f MiB",
			r.Scenario, r.PerSecond, short(r.Times.percentile(50)), short(r.Times.percentile(99)), short(r.Times.all), r.CPU.Round(10*time.Microsecond),
			float64(r.total())/float64(r.N), r.IdleRSS, r.PeakRSS, r.SettledRSS)
	}
}

func short(d time.Duration) string { return d.Round(time.Millisecond).String() }

// render is the Markdown of all results.
func render(results []result) string {
	var text strings.Builder
	floor := 0.0
	text.WriteString("| scenario | certificates | per second | of the floor | p50 | p99 | all | CPU each | API requests each (with its creation) | RSS idle / peak / settled, MiB |\n|---|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		if r.Scenario == "floor" {
			floor = r.PerSecond
		}
		if !r.isRow() {
			continue
		}
		text.WriteString(row(r, floor))
	}
	text.WriteString("\n")
	for _, r := range results {
		switch {
		case !r.isRow():
			fmt.Fprintf(&text, "- %s\n", r)
		case r.Scenario != "floor":
			fmt.Fprintf(&text, "- %s, operator's requests per certificate: %s\n", r.Scenario, breakdown(r))
		}
	}
	fmt.Fprintf(&text, "\n%s\n", budgets(results, floor))
	return text.String()
}

func row(r result, floor float64) string {
	share := "–"
	if floor > 0 {
		share = fmt.Sprintf("%.2f", r.PerSecond/floor)
	}
	if r.Scenario == "floor" {
		return fmt.Sprintf("| floor | %d | %.1f | 1 | | | %s | | 6 | |\n", r.N, r.PerSecond, short(r.Times.all))
	}
	each := float64(r.total()) / float64(r.N)
	return fmt.Sprintf("| %s | %d | %.1f | %s | %s | %s | %s | %s | %.2f (%.2f) | %.0f / %.0f / %.0f |\n", r.Scenario, r.N, r.PerSecond, share,
		short(r.Times.percentile(50)), short(r.Times.percentile(99)), short(r.Times.all), r.CPU.Round(10*time.Microsecond), each, each+1, r.IdleRSS, r.PeakRSS, r.SettledRSS)
}

func breakdown(r result) string {
	var parts []string
	for _, call := range slices.Sorted(maps.Keys(r.Requests)) {
		parts = append(parts, fmt.Sprintf("%s %.2f", call, float64(r.Requests[call])/float64(r.N)))
	}
	return strings.Join(parts, ", ")
}

// budgets compares with what the design asks for.
func budgets(results []result, floor float64) string {
	var lines []string
	check := func(name string, got, limit float64, atLeast bool) {
		verdict := "ok"
		if atLeast && got < limit || !atLeast && got > limit {
			verdict = "MISSED"
		}
		lines = append(lines, fmt.Sprintf("- budget %s: %.2f, limit %.2f: %s", name, got, limit, verdict))
	}
	for _, r := range results {
		each := float64(r.total())/float64(max(r.N, 1)) + 1
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
			check("settled RSS, MiB", r.SettledRSS, 90, false)
			check("settled CPU, s", r.CPU.Seconds(), 3, false)
			check("settled writes", float64(r.total()), 0, false)
		case "foreign":
			check("foreign Secrets, MiB", r.SettledRSS-r.IdleRSS, 2, false)
		}
	}
	return strings.Join(lines, "\n")
}

const (
	beginTable = "<!-- begin: make bench -->"
	endTable   = "<!-- end: make bench -->"
)

// replaceTable puts the table between the markers of a document.
func replaceTable(path, table string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(data), beginTable)
	_, after, closed := strings.Cut(rest, endTable)
	if !found || !closed {
		return fmt.Errorf("%s has no markers %s and %s", path, beginTable, endTable)
	}
	return os.WriteFile(path, []byte(before+beginTable+"\n"+table+endTable+after), 0o644)
}
