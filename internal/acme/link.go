package acme

import (
	"net/url"
	"slices"
	"strings"
)

// Bounds on Link headers.
const (
	maxLinks      = 64
	maxLinkHeader = 16 << 10 // bytes of one header line
)

// links returns the targets of an answer's links with a relation, resolved, in
// the order in which they came (RFC 8288 section 3).
func (r *response) links(relation string) []string {
	return parseLinks(r.header.Values("Link"), relation, r.url)
}

// parseLinks reads Link headers: several headers, several links in each, and
// several relations in one link. What does not parse is passed over.
func parseLinks(headers []string, relation string, base *url.URL) []string {
	var targets []string
	for _, header := range headers {
		if len(header) > maxLinkHeader {
			continue
		}
		for header != "" && len(targets) < maxLinks {
			var link string
			link, header = cutUnquoted(header, ',')
			if target, ok := linkTarget(link, relation); ok {
				targets = append(targets, resolve(base, target))
			}
		}
	}
	return targets
}

// linkTarget returns the target of one link if it has the relation.
func linkTarget(link, relation string) (string, bool) {
	link = strings.TrimSpace(link)
	target, params, found := strings.Cut(link, ">")
	if !found || !strings.HasPrefix(target, "<") || len(target) > maxURL {
		return "", false
	}
	for params != "" {
		var param string
		param, params = cutUnquoted(params, ';')
		name, value, _ := strings.Cut(param, "=")
		if !strings.EqualFold(strings.TrimSpace(name), "rel") {
			continue
		}
		// Only the first rel of a link counts (RFC 8288 section 3.3).
		return target[1:], hasRelation(value, relation)
	}
	return "", false
}

func hasRelation(value, relation string) bool {
	names := strings.Fields(strings.Trim(strings.TrimSpace(value), `"`))
	return slices.ContainsFunc(names, func(name string) bool {
		return strings.EqualFold(name, relation)
	})
}

// cutUnquoted cuts text at the first separator that is outside a quoted string
// and outside the angle brackets of a target.
func cutUnquoted(text string, separator byte) (before, after string) {
	quoted, bracketed := false, false
	for i := 0; i < len(text); i++ {
		switch b := text[i]; {
		case quoted && b == '\\':
			i++
		case b == '"' && !bracketed:
			quoted = !quoted
		case quoted:
		case b == '<':
			bracketed = true
		case b == '>':
			bracketed = false
		case b == separator && !bracketed:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}
