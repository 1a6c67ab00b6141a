package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// result is what a scenario measured. CPU is per certificate.
type result struct {
	Scenario   string
	N          int
	Times      times
	PerSecond  float64
	CPU        time.Duration
	Requests   calls
	IdleRSS    float64
	PeakRSS    float64
	SettledRSS float64
	Foreign    bool
	// After is what the restart on the same objects took.
	After *restart
	// Ways are writes per second by the way of writing a status.
	Ways map[string]float64
}

// issued says whether certificates were issued and that was measured.
func (r result) issued() bool { return r.PerSecond > 0 }

func (r result) requestsEach() float64 { return float64(r.Requests.total()) / float64(max(r.N, 1)) }

func (r result) String() string {
	switch {
	case r.Ways != nil:
		var parts []string
		for _, way := range slices.Sorted(maps.Keys(r.Ways)) {
			parts = append(parts, fmt.Sprintf("%s %.0f", way, r.Ways[way]))
		}
		return fmt.Sprintf("%s: status writes per second: %s", r.Scenario, strings.Join(parts, ", "))
	case r.Foreign:
		return fmt.Sprintf("%s: %d Secrets of 16 KiB: RSS %.1f MiB before, %.1f MiB after", r.Scenario, r.N, r.IdleRSS, r.SettledRSS)
	case !r.issued():
		return r.restartLine()
	case r.After == nil:
		return fmt.Sprintf("%s: %.1f certificates per second, all %s", r.Scenario, r.PerSecond, short(r.Times.all))
	default:
		return fmt.Sprintf("%s: %.1f certificates per second, p50 %s, p99 %s, all %s, CPU %s each, %.2f requests each, RSS idle %.0f, peak %.0f, settled %.0f MiB\n%s",
			r.Scenario, r.PerSecond, short(r.Times.percentile(50)), short(r.Times.percentile(99)), short(r.Times.all), r.CPU.Round(10*time.Microsecond),
			r.requestsEach(), r.IdleRSS, r.PeakRSS, r.SettledRSS, r.restartLine())
	}
}

func (r result) restartLine() string {
	a := r.After
	return fmt.Sprintf("%s, after a restart with %d certificates: serving after %s, settled after %s, CPU %s, %d requests, %d of them writes, RSS peak %.0f, settled %.0f MiB",
		r.Scenario, r.N, short(a.Serving), short(a.Settled), short(a.CPU), a.Requests.total(), a.Requests.where(call.writes).total(), a.PeakRSS, a.SettledRSS)
}

func short(d time.Duration) string { return d.Round(time.Millisecond).String() }

// render is the Markdown of all results.
func render(results []result) string {
	floor := 0.0
	for _, r := range results {
		if r.Scenario == "floor" {
			floor = r.PerSecond
		}
	}
	parts := []string{firstTable(results, floor), restartTable(results), notes(results), budgets(results, floor)}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "\n")
}

func firstTable(results []result, floor float64) string {
	var rows strings.Builder
	for _, r := range results {
		if r.issued() {
			rows.WriteString(row(r, floor))
		}
	}
	return table("| scenario | certificates | per second | of the floor | p50 | p99 | all | CPU each | API requests each (with its creation) | RSS idle / peak / settled, MiB |", rows.String())
}

func restartTable(results []result) string {
	var rows strings.Builder
	for _, r := range results {
		if r.After != nil {
			rows.WriteString(restartRow(r))
		}
	}
	return table("| after a restart | certificates | serving | settled | CPU | lists and watches | other API requests | of these, writes | RSS peak / settled, MiB |", rows.String())
}

// table is nothing if there are no rows.
func table(head, rows string) string {
	if rows == "" {
		return ""
	}
	return head + "\n|" + strings.Repeat("---|", strings.Count(head, "|")-1) + "\n" + rows
}

func row(r result, floor float64) string {
	share := "–"
	if floor > 0 {
		share = fmt.Sprintf("%.2f", r.PerSecond/floor)
	}
	if r.Scenario == "floor" {
		return fmt.Sprintf("| floor | %d | %.1f | 1 | | | %s | | 6 | |\n", r.N, r.PerSecond, short(r.Times.all))
	}
	return fmt.Sprintf("| %s | %d | %.1f | %s | %s | %s | %s | %s | %.2f (%.2f) | %.0f / %.0f / %.0f |\n", r.Scenario, r.N, r.PerSecond, share,
		short(r.Times.percentile(50)), short(r.Times.percentile(99)), short(r.Times.all), r.CPU.Round(10*time.Microsecond),
		r.requestsEach(), r.requestsEach()+1, r.IdleRSS, r.PeakRSS, r.SettledRSS)
}

func restartRow(r result) string {
	a := r.After
	return fmt.Sprintf("| %s | %d | %s | %s | %s | %d | %d | %d | %.0f / %.0f |\n", r.Scenario, r.N, short(a.Serving), short(a.Settled), short(a.CPU),
		a.Requests.where(call.fillsCache).total(), a.Requests.onObjects().total(), a.Requests.where(call.writes).total(), a.PeakRSS, a.SettledRSS)
}

// notes are what does not fit into a row: requests by verb and resource, and results of another kind.
func notes(results []result) string {
	var text strings.Builder
	for _, r := range results {
		if r.Foreign || r.Ways != nil {
			fmt.Fprintf(&text, "- %s\n", r)
			continue
		}
		if r.issued() && r.After != nil {
			fmt.Fprintf(&text, "- %s, operator's requests per certificate: %s\n", r.Scenario,
				breakdown(r.Requests, func(count int) string { return fmt.Sprintf("%.2f", float64(count)/float64(r.N)) }))
		}
		if r.After != nil {
			fmt.Fprintf(&text, "- %s, operator's requests after a restart: %s\n", r.Scenario, breakdown(r.After.Requests, strconv.Itoa))
		}
	}
	return text.String()
}

func breakdown(requests calls, number func(int) string) string {
	var parts []string
	for kind, count := range requests {
		parts = append(parts, kind.String()+" "+number(count))
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
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
