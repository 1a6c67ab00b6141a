package acme

import (
	"testing"
	"time"
)

func FuzzParseRenewalInfo(f *testing.F) {
	f.Add([]byte(`{"suggestedWindow":{"start":"2026-12-01T04:00:00Z","end":"2026-12-03T04:00:00Z"},"explanationURL":"/why"}`), uint64(1<<63))
	f.Add([]byte(`{"suggestedWindow":{"start":"0001-01-01T00:00:00Z","end":"9999-12-31T23:59:59Z"}}`), uint64(1<<64-1))
	f.Add([]byte(`{"suggestedWindow":{}}`), uint64(0))
	base := testBase(f)
	f.Fuzz(func(t *testing.T, body []byte, random uint64) {
		info, err := parseRenewalInfo(body, base)
		if err != nil {
			return
		}
		wantClean(t, "explanation", info.ExplanationURL, maxURL)
		picked := info.Window.Pick(random)
		if picked.Before(info.Window.Start) || !picked.Before(info.Window.End) {
			t.Errorf("picked %v from %v", picked, info.Window)
		}
	})
}

func FuzzParseOrderList(f *testing.F) {
	f.Add([]byte(`{"orders":["https://ca.example/1","/2",""]}`))
	f.Add([]byte(`{"orders":null}`))
	base := testBase(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		if list, err := parseOrderList(body, base); err == nil && len(list.Orders) > maxOrders {
			t.Errorf("%d orders", len(list.Orders))
		}
	})
}

func FuzzParsePersistRecord(f *testing.F) {
	f.Add("ca.example; accounturi=https://ca.example/acct/1; policy=wildcard; persistUntil=1767225600")
	f.Add("ca.example;accounturi=x;;")
	f.Add("ca.example; persistUntil=9223372036854775807; accounturi=x")
	f.Fuzz(func(t *testing.T, value string) {
		record, err := ParsePersistRecord(value)
		if err != nil {
			return
		}
		again, err := record.Value()
		if err != nil {
			t.Fatalf("%q is read as %+v, which has no value: %v", value, record, err)
		}
		if back, err := ParsePersistRecord(again); err != nil || back != record {
			t.Errorf("%q is read as %+v, and %q as %+v, %v", value, record, again, back, err)
		}
		if !record.Until.IsZero() && record.Until.After(time.Unix(maxPersistUntil, 0)) {
			t.Errorf("until %v", record.Until)
		}
	})
}
