package acme

import (
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds, in bytes, on text that is taken from a CA and shown to people.
const (
	maxDetail         = 1024
	maxIdentifierText = 256
	maxShortText      = 128
)

// cleanText makes remote text fit for a status field, a log line and a
// terminal: one line, no control or direction-changing characters, at most
// limit bytes of valid UTF-8.
func cleanText(text string, limit int) string {
	var clean strings.Builder
	space := false
	for _, r := range text {
		if unicode.IsSpace(r) || !unicode.IsGraphic(r) || r == utf8.RuneError {
			space = clean.Len() > 0
			continue
		}
		need := utf8.RuneLen(r)
		if space {
			need++
		}
		if clean.Len()+need > limit {
			break
		}
		if space {
			clean.WriteByte(' ')
			space = false
		}
		clean.WriteRune(r)
	}
	return clean.String()
}

func cleanList(list []string, limit int) []string {
	if len(list) == 0 {
		return nil
	}
	clean := make([]string, 0, min(len(list), limit))
	for _, entry := range list[:min(len(list), limit)] {
		clean = append(clean, cleanText(entry, maxIdentifierText))
	}
	return clean
}

// displayURL returns a URL that is shown to people and never asked: http or
// https, without control characters, and not overlong. Anything else is "".
func displayURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil {
		return ""
	}
	if cleanText(raw, maxURL) != raw {
		return ""
	}
	return raw
}

// wireTime is an RFC 3339 time (RFC 8555 section 7.1.3). One that cannot be
// read is as if it were absent, like every optional field.
type wireTime struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (w *wireTime) UnmarshalJSON(data []byte) error {
	if parsed, err := time.Parse(`"`+time.RFC3339+`"`, string(data)); err == nil {
		w.Time = parsed.UTC()
	}
	return nil
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
