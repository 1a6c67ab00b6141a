package issuance_test

import (
	"fmt"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/issuance"
	"github.com/certwright/certwright/internal/outcome"
)

const day = 24 * time.Hour

func TestRenewalTime(t *testing.T) {
	percent := func(p int32) *int32 { return &p }
	for name, test := range map[string]struct {
		spec     v1.CertificateSpec
		lifetime time.Duration
		// latest is the time left at renewal; renewal may be earlier by a fiftieth of the lifetime.
		left time.Duration
	}{
		"a third of 90 days":                       {v1.CertificateSpec{}, 90 * day, 30 * day},
		"half of 6 days":                           {v1.CertificateSpec{}, 6 * day, 3 * day},
		"renewBefore":                              {v1.CertificateSpec{RenewBefore: &metav1.Duration{Duration: 10 * day}}, 90 * day, 10 * day},
		"renewBefore beyond the actual lifetime":   {v1.CertificateSpec{RenewBefore: &metav1.Duration{Duration: 60 * day}}, 45 * day, 15 * day},
		"a percentage":                             {v1.CertificateSpec{RenewBeforePercentage: percent(20)}, 100 * day, 20 * day},
		"never with less than a twentieth to live": {v1.CertificateSpec{RenewBefore: &metav1.Duration{Duration: time.Minute}}, 100 * day, 5 * day},
	} {
		t.Run(name, func(t *testing.T) {
			crt := &v1.Certificate{ObjectMeta: metav1.ObjectMeta{UID: "some-uid"}, Spec: test.spec}
			end := start.Add(test.lifetime)
			due, warning := issuance.RenewalTime(crt, start, end)
			latest, earliest := end.Add(-test.left), end.Add(-test.left-test.lifetime/50-time.Second)
			if warning != "" || due.After(latest) || due.Before(earliest) {
				t.Errorf("due %s, want between %s and %s (%s)", due, earliest, latest, warning)
			}
			if again, _ := issuance.RenewalTime(crt, start, end); !again.Equal(due) {
				t.Error("the renewal time changes from one look to the next")
			}
		})
	}
	disabled := &v1.Certificate{Spec: v1.CertificateSpec{Renewal: &v1.CertificateRenewal{Policy: v1.RenewalDisabled}}}
	if due, _ := issuance.RenewalTime(disabled, start, start.Add(90*day)); !due.IsZero() {
		t.Errorf("policy Disabled is due at %s", due)
	}
}

func TestRenewalsOfOneMomentAreSpread(t *testing.T) {
	const count, buckets = 10000, 20
	width := 90 * day / 50 / buckets
	histogram := map[int]int{}
	for i := range count {
		crt := &v1.Certificate{ObjectMeta: metav1.ObjectMeta{UID: types.UID(fmt.Sprintf("0b5e11a2-0000-4000-8000-%012d", i))}}
		due, _ := issuance.RenewalTime(crt, start, start.Add(90*day))
		histogram[int(start.Add(60*day).Sub(due)/width)]++
	}
	for bucket := range buckets {
		if got, even := histogram[bucket], count/buckets; got < even/2 || got > even*2 {
			t.Errorf("bucket %d of %d holds %d renewals of %d: %v", bucket, buckets, got, count, histogram)
		}
	}
}

func TestRenewalWindows(t *testing.T) {
	window := func(cron, zone string, length time.Duration) v1.RenewalWindow {
		return v1.RenewalWindow{Cron: cron, Timezone: zone, WindowDuration: metav1.Duration{Duration: length}}
	}
	// 90 days with 30 left: due on 2026-04-30 12:00 UTC, a Thursday, at the latest.
	base := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	crt := &v1.Certificate{ObjectMeta: metav1.ObjectMeta{UID: "some-uid"}}
	plain, _ := issuance.RenewalTime(crt, base, base.Add(90*day))
	for name, test := range map[string]struct {
		windows []v1.RenewalWindow
		want    func(due time.Time) bool
		warns   bool
	}{
		"inside a window":    {[]v1.RenewalWindow{window("0 0 * * *", "", day)}, plain.Equal, false},
		"the next Sunday":    {[]v1.RenewalWindow{window("0 2 * * SUN", "", time.Hour)}, func(d time.Time) bool { return d.Weekday() == time.Sunday && d.Hour() == 2 && d.After(plain) }, false},
		"in a time zone":     {[]v1.RenewalWindow{window("0 2 * * *", "Asia/Tokyo", time.Hour)}, func(d time.Time) bool { return d.Hour() == 17 }, false},
		"the first of two":   {[]v1.RenewalWindow{window("0 2 * * SUN", "", time.Hour), window("0 3 * * *", "", time.Hour)}, func(d time.Time) bool { return d.Hour() == 3 && d.Sub(plain) < day }, false},
		"none before expiry": {[]v1.RenewalWindow{window("0 2 1 1 *", "", time.Hour)}, plain.Equal, true},
		"a day there is not": {[]v1.RenewalWindow{window("0 2 30 2 *", "", time.Hour)}, plain.Equal, true},
	} {
		t.Run(name, func(t *testing.T) {
			crt.Spec.Renewal = &v1.CertificateRenewal{Windows: test.windows}
			due, warning := issuance.RenewalTime(crt, base, base.Add(90*day))
			if !test.want(due) || (warning != "") != test.warns {
				t.Errorf("due %s (without windows %s), warning %q", due, plain, warning)
			}
		})
	}
}

// A certificate that is due the moment it is issued, for a renewBefore as long as its life or an
// issuer that dates it back, is not issued over and over again.
func TestCertificateThatIsDueAtOnceIsNotRenewedAtOnce(t *testing.T) {
	w := newWorld(t, func(crt *v1.Certificate) { crt.Spec.RenewBefore = &metav1.Duration{Duration: lifetime - time.Minute} })
	request, key := w.request(1, 1)
	w.Key = key
	w.sign(request, key, start.Add(-time.Hour))
	stored := w.decide()
	w.expect(stored, issuance.Store, v1.ReasonReady)
	w.store(request, key)
	kept := w.decide()
	w.expect(kept, issuance.Keep, v1.ReasonReady)
	if !kept.Recheck.After(w.Now) || !kept.Recheck.Equal(stored.Recheck) || !kept.Recheck.Equal(w.Certificate.Status.RenewalTime.Time) {
		t.Errorf("stored until %s, kept until %s, renewal is told for %s", stored.Recheck, kept.Recheck, w.Certificate.Status.RenewalTime)
	}
	w.Now = kept.Recheck
	w.expect(w.decide(), issuance.Begin, v1.ReasonRenewing)
}

func TestBackoff(t *testing.T) {
	for name, test := range map[string]struct {
		class     outcome.Class
		failures  int
		remaining time.Duration
		want      time.Duration
	}{
		"first refusal":                          {outcome.ClassRefused, 1, 0, time.Minute},
		"second refusal":                         {outcome.ClassRefused, 2, 0, 10 * time.Minute},
		"third refusal":                          {outcome.ClassRefused, 3, 0, 100 * time.Minute},
		"then daily":                             {outcome.ClassRefused, 9, 0, day},
		"faster for local faults":                {outcome.ClassLocal, 1, 0, 5 * time.Second},
		"at most a sixth of what is left":        {outcome.ClassRefused, 4, 12 * time.Hour, 2 * time.Hour},
		"but not below the first step":           {outcome.ClassRefused, 4, time.Minute, time.Minute},
		"nor below the pause of validations":     {outcome.ClassValidation, 4, time.Minute, 12 * time.Minute},
		"a first failed validation of a renewal": {outcome.ClassValidation, 1, 30 * day, 12 * time.Minute},
		"plain steps without a certificate":      {outcome.ClassValidation, 1, -time.Hour, time.Minute},
		"an unknown class is a refusal":          {"", 2, 0, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			if got := issuance.Backoff(test.class, test.failures, test.remaining); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}
