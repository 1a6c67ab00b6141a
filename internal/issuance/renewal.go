package issuance

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
)

const (
	// shortLived is the lifetime below which a certificate is renewed at half of it rather than with
	// a third left.
	shortLived = 10 * 24 * time.Hour
	// spread is the share of the lifetime over which renewals of certificates issued at one moment
	// are spread out.
	spread = 50
	// backstop is the share of the lifetime that no window may take away: with a twentieth left, a
	// certificate is renewed whatever else was asked for.
	backstop = 20
	// shortestUse is how long a certificate is used at least before it is renewed, or a quarter of what
	// was left of its life when that is less.
	shortestUse = time.Hour
)

// RenewalTime is when a certificate with this lifetime is due, to the second. It is zero where the
// policy is Disabled. The second result is a warning for a person: the windows cannot be met, so
// the certificate is renewed outside them.
//
// Certificates issued at the same moment are spread over a fiftieth of their lifetime by a hash of
// their UID, towards earlier.
func RenewalTime(crt *v1.Certificate, notBefore, notAfter time.Time) (time.Time, string) {
	if renewalDisabled(crt) {
		return time.Time{}, ""
	}
	if !notAfter.After(notBefore) {
		return notAfter, ""
	}
	return inWindow(crt, byLifetime(crt, notBefore, notAfter), latestRenewal(notBefore, notAfter))
}

func renewalDisabled(crt *v1.Certificate) bool {
	return crt.Spec.Renewal != nil && crt.Spec.Renewal.Policy == v1.RenewalDisabled
}

// byLifetime is when a certificate is due by its lifetime and its spec, whatever windows are open then.
func byLifetime(crt *v1.Certificate, notBefore, notAfter time.Time) time.Time {
	lifetime := notAfter.Sub(notBefore)
	before := renewBefore(crt, lifetime)
	earlier := min(time.Duration(fraction(crt.UID)*float64(lifetime)/spread), (lifetime-before)/2)
	return sooner(notAfter.Add(-before-earlier), latestRenewal(notBefore, notAfter)).Truncate(time.Second)
}

// latestRenewal is when a certificate is renewed whatever else was asked for.
func latestRenewal(notBefore, notAfter time.Time) time.Time {
	return notAfter.Add(-notAfter.Sub(notBefore) / backstop).Truncate(time.Second)
}

// PastBackstop says whether a certificate has so little of its life left that nothing should hold its renewal up.
func PastBackstop(notBefore, notAfter, now time.Time) bool {
	return !now.Before(latestRenewal(notBefore, notAfter))
}

// sooner is the earlier of two times, of which zero means never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

func renewBefore(crt *v1.Certificate, lifetime time.Duration) time.Duration {
	if asked := crt.Spec.RenewBefore; asked != nil && asked.Duration > 0 && asked.Duration < lifetime {
		return asked.Duration
	}
	if percent := crt.Spec.RenewBeforePercentage; percent != nil && *percent > 0 && *percent < 100 {
		return lifetime * time.Duration(*percent) / 100
	}
	if lifetime < shortLived {
		return lifetime / 2
	}
	return lifetime / 3
}

// fraction maps a UID evenly to [0, 1), the same for ever.
func fraction(uid types.UID) float64 {
	sum := sha256.Sum256([]byte(uid))
	return float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
}

// round is the usual time between two questions to a CA about a certificate (RFC 9773 section 4.3.3).
const round = 6 * time.Hour

// NextInRound is when a CA is next asked about a certificate where nobody remembers the last time: at a place
// in the round that depends on the Certificate, so that a process that starts does not ask about all at once.
func NextInRound(uid types.UID, notBefore, now time.Time) time.Time {
	first := notBefore.Add(time.Duration(fraction(uid) * float64(round)))
	if now.Before(first) {
		return first
	}
	return first.Add((now.Sub(first)/round + 1) * round)
}

type window struct {
	schedule cron.Schedule
	length   time.Duration
}

// parseWindow reads a five-field cron expression in an IANA time zone, UTC by default.
func parseWindow(w v1.RenewalWindow) (window, error) {
	zone := time.UTC
	if w.Timezone != "" {
		loaded, err := time.LoadLocation(w.Timezone)
		if err != nil {
			return window{}, fmt.Errorf("renewal window: unknown timezone %q: write an IANA name such as Europe/Berlin", w.Timezone)
		}
		zone = loaded
	}
	schedule, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(w.Cron)
	if err != nil {
		return window{}, fmt.Errorf("renewal window: cron %q: %w: write five fields such as \"0 2 * * SUN\"", w.Cron, err)
	}
	if spec, ok := schedule.(*cron.SpecSchedule); ok {
		spec.Location = zone
	}
	if w.WindowDuration.Duration <= 0 {
		return window{}, fmt.Errorf("renewal window: windowDuration must be positive")
	}
	return window{schedule: schedule, length: w.WindowDuration.Duration}, nil
}

// inWindow moves due to the first moment at or after it that lies inside a window of the spec, if it has
// any.
func inWindow(crt *v1.Certificate, due, latest time.Time) (time.Time, string) {
	if crt.Spec.Renewal == nil || len(crt.Spec.Renewal.Windows) == 0 {
		return due, ""
	}
	var first time.Time
	for _, w := range crt.Spec.Renewal.Windows {
		parsed, err := parseWindow(w)
		if err != nil {
			return due, err.Error()
		}
		start := parsed.schedule.Next(due.Add(-parsed.length))
		if start.IsZero() {
			continue
		}
		if start.Before(due) {
			start = due
		}
		if first.IsZero() || start.Before(first) {
			first = start
		}
	}
	if first.IsZero() || first.After(latest) {
		return due, "no renewal window opens before the certificate has to be renewed: that is done outside of them; widen the windows or renew earlier"
	}
	return first.UTC(), ""
}
