package acme

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParsePersistRecord(t *testing.T) {
	const account = "https://ca.example/acct/1"
	plain := PersistRecord{Issuer: "ca.example", AccountURI: account}
	wildcard, ends := plain, plain
	wildcard.Wildcard = true
	ends.Until = time.Unix(1767225600, 0).UTC()
	farthest := plain
	farthest.Until = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	tests := map[string]struct {
		value string
		want  PersistRecord
	}{
		"plain":             {"ca.example; accounturi=" + account, plain},
		"without spaces":    {"ca.example;accounturi=" + account, plain},
		"with more spaces":  {" \tCA.example ;\t accounturi = " + account + "  ", plain},
		"wildcard":          {"ca.example; accounturi=" + account + "; policy=wildcard", wildcard},
		"wildcard, shouted": {"ca.example; POLICY=WildCard; AccountURI=" + account, wildcard},
		"another policy":    {"ca.example; accounturi=" + account + "; policy=strict", plain},
		"an empty policy":   {"ca.example; accounturi=" + account + "; policy=", plain},
		"with an end":       {"ca.example; persistUntil=1767225600; accounturi=" + account, ends},
		"an end far away":   {"ca.example; persistUntil=9223372036854775807; accounturi=" + account, farthest},
		"unknown parameter": {"ca.example; novel-7=x=y; accounturi=" + account, plain},
	}
	for name, test := range tests {
		got, err := ParsePersistRecord(test.value)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		again, err := got.Value()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParsePersistRecord(again); back != got || err != nil {
			t.Errorf("%s: %q is read as %+v, %v", name, again, back, err)
		}
	}
}

func TestParsePersistRecordRefuses(t *testing.T) {
	for _, value := range []string{
		"", ";", "v=spf1 -all", "ca.example", "ca.example;", "ca example; accounturi=x", "; accounturi=x",
		"ca.example; accounturi=x;", "ca.example; accounturi=x; ", "ca.example;; accounturi=x",
		"ca.example; accounturi", "ca.example; =x", "ca.example; accounturi=", "ca.example; -a=x; accounturi=x",
		"ca.example; accounturi=x; accounturi=x", "ca.example; accounturi=x; AccountUri=y",
		"ca.example; novel=1; NOVEL=2; accounturi=x",
		"ca.example; accounturi=a b", "ca.example; accounturi=ä", "ca.example; accounturi=a\x00",
		"ca.example; accounturi=x; persistUntil=soon", "ca.example; accounturi=x; persistUntil=-1",
		"ca.example; accounturi=x; persistUntil=+1", "ca.example; accounturi=x; persistUntil=",
		"ca.example; accounturi=x; persistUntil=99999999999999999999",
		"ca.example; accounturi=" + strings.Repeat("x", maxPersistRecord),
	} {
		if record, err := ParsePersistRecord(value); !errors.Is(err, ErrPersistRecord) {
			t.Errorf("%.60q: %+v, %v, want ErrPersistRecord", value, record, err)
		}
	}
}

func TestPersistRecordPermits(t *testing.T) {
	wanted := PersistRecord{Issuer: "ca.example", AccountURI: "https://ca.example/acct/1"}
	change := func(edit func(*PersistRecord)) PersistRecord {
		record := wanted
		edit(&record)
		return record
	}
	wildcard := change(func(r *PersistRecord) { r.Wildcard = true })
	tests := map[string]struct {
		found, wanted PersistRecord
		want          bool
	}{
		"same":                    {wanted, wanted, true},
		"wildcard for a name":     {wildcard, wanted, true},
		"name for a wildcard":     {wanted, wildcard, false},
		"another CA":              {change(func(r *PersistRecord) { r.Issuer = "other.example" }), wanted, false},
		"another account":         {change(func(r *PersistRecord) { r.AccountURI += "0" }), wanted, false},
		"account in another case": {change(func(r *PersistRecord) { r.AccountURI = strings.ToUpper(r.AccountURI) }), wanted, false},
		"ends at this instant":    {change(func(r *PersistRecord) { r.Until = testNow }), wanted, true},
		"has ended":               {change(func(r *PersistRecord) { r.Until = testNow.Add(-time.Second) }), wanted, false},
	}
	for name, test := range tests {
		if got := test.found.Permits(test.wanted, testNow); got != test.want {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestTXTStrings(t *testing.T) {
	for length, want := range map[int][]int{0: {0}, 1: {1}, 255: {255}, 256: {255, 1}, 600: {255, 255, 90}} {
		value := strings.Repeat("x", length)
		parts := TXTStrings(value)
		var lengths []int
		for _, part := range parts {
			lengths = append(lengths, len(part))
		}
		if diff := cmp.Diff(want, lengths); diff != "" || strings.Join(parts, "") != value {
			t.Errorf("%d bytes (-want +got):\n%s", length, diff)
		}
	}
}

func TestDNSPersist01Name(t *testing.T) {
	if got, want := DNSPersist01Name("example.com"), "_validation-persist.example.com"; got != want {
		t.Errorf("name %q, want %q", got, want)
	}
}
