package wire

import (
	"encoding/base64"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// mask stands for what must not be shown.
const mask = "***"

// maxCleaned is how long a text may be that is looked through, in bytes.
const maxCleaned = 64 << 10

// addresses are IP addresses with or without a port, and "on 10.96.0.10:53" of a failed look-up: what names
// resolve to inside a cluster is nothing to tell a tenant, and changes from one try to the next.
var addresses = regexp.MustCompile(`( on)? ?(\[[0-9A-Fa-f:.%]*:[0-9A-Fa-f:.%]*\]|\b\d{1,3}(\.\d{1,3}){3}\b)(:\d+)?(->)?`)

// Clean makes a text fit to be shown: no secret of it, in plain, in base64, as in a URL, in JSON or in a page, no
// address, one line of printable characters, at most MaxError bytes. Parts are secrets too, as many as somebody likes:
// none of them stands in a text together with another.
func Clean(text string, secrets []string, parts ...string) string {
	if text == "" {
		return ""
	}
	if len(text) > maxCleaned {
		// Cut anywhere, half of a secret could be left at the end.
		return "an error came that is too long to be shown"
	}
	var pairs []string
	for _, form := range forms(text, secrets, parts) {
		pairs = append(pairs, form, mask)
	}
	text = strings.NewReplacer(pairs...).Replace(text)
	text = addresses.ReplaceAllString(text, "")
	text = strings.Map(func(c rune) rune {
		if c == unicode.ReplacementChar || !unicode.IsPrint(c) && !unicode.IsSpace(c) {
			return -1
		}
		return c
	}, text)
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > MaxError {
		text = strings.ToValidUTF8(text[:MaxError-len("…")], "") + "…"
	}
	return text
}

// forms are the ways in which secrets stand in a text, the longest first, so that none is left in part because
// another begins like it. How long secrets are and how many is a tenant's choice: what cannot be in the text is not
// even made, and what is not in it is dropped at once.
func forms(text string, secrets, parts []string) []string {
	var found []string
	look := func(forms ...string) {
		for _, form := range forms {
			if form != "" && strings.Contains(text, form) {
				found = append(found, form)
			}
		}
	}
	// An error mostly holds a secret without the line break that its Secret has at the end.
	for _, secret := range withTrimmed(secrets, len(text)) {
		look(alone(secret)...)
		for _, other := range withTrimmed(secrets, min(len(text), maxHeader)-len(secret)-len(":")) {
			// HTTP basic authentication (RFC 7617 section 2).
			look(encoded(secret + ":" + other)...)
		}
	}
	for _, part := range withTrimmed(parts, len(text)) {
		look(alone(part)...)
	}
	for _, secret := range secrets {
		// A provider may have the lines of a key one by one, and what a list of names and passwords is made of.
		for piece := range strings.FieldsFuncSeq(secret, isBreak) {
			_, value, _ := strings.Cut(piece, ":")
			for _, text := range []string{strings.TrimSpace(piece), strings.TrimSpace(value)} {
				if len(text) >= minPart {
					look(text)
				}
			}
		}
	}
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return slices.Compact(found)
}

// withTrimmed are the secrets of at most so many bytes, as they are and without the space around them.
func withTrimmed(secrets []string, most int) []string {
	var all []string
	for _, secret := range secrets {
		trimmed := strings.TrimSpace(secret)
		if len(secret) <= most {
			all = append(all, secret)
		}
		if trimmed != secret && len(trimmed) <= most {
			all = append(all, trimmed)
		}
	}
	return all
}

// maxHeader is how long a name and a password together may be, in bytes, to be looked for as they stand in a header:
// servers take no longer ones.
const maxHeader = 8 << 10

// minPart is the length from which pieces are looked for: a shorter one would hit ordinary words.
const minPart = 8

func isBreak(c rune) bool { return c == '\n' || c == '\r' || c == ',' }

// alone are the ways in which one secret is written by itself, and in base64 together with what is no secret.
func alone(secret string) []string {
	all := append(encoded(secret), within(secret)...)
	for _, escaped := range []string{url.QueryEscape(secret), url.PathEscape(secret)} {
		all = append(all, escaped, escape.ReplaceAllStringFunc(escaped, strings.ToLower))
	}
	page := html.EscapeString(secret)
	all = append(all, secret, page, ofPHP.Replace(page))
	for _, text := range []string{quoting.Replace(secret), strings.Trim(strconv.QuoteToASCII(secret), `"`)} {
		// What JSON may escape beyond what it must depends on who writes it.
		all = append(all, text, strings.ReplaceAll(text, "/", `\/`), ofGo.Replace(text))
	}
	return all
}

var (
	// quoting is what %q and JSON do to a text.
	quoting = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`)
	// ofGo is what JSON escapes where Go writes it, and ofPHP how a page names quotes where PHP does.
	ofGo  = strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`)
	ofPHP = strings.NewReplacer("&#34;", "&quot;", "&#39;", "&#039;")
)

// escape is one byte in a URL.
var escape = regexp.MustCompile(`%[0-9A-F]{2}`)

// minWithin is the length from which a secret is looked for within base64, in characters of that.
const minWithin = 6

// within are the ways in which a secret stands in base64 after a name that is no secret, as in HTTP basic
// authentication, without the characters that it shares with its neighbours.
func within(secret string) []string {
	var found []string
	for before, from := range []int{0, 2, 3} {
		text := strings.Repeat("\x00", before) + secret
		for _, form := range encoded(text) {
			if len(text)%3 != 0 {
				form = form[:len(form)-1]
			}
			if len(form) >= from+minWithin {
				found = append(found, form[from:])
			}
		}
	}
	return found
}

func encoded(text string) []string {
	return []string{base64.RawStdEncoding.EncodeToString([]byte(text)), base64.RawURLEncoding.EncodeToString([]byte(text))}
}
