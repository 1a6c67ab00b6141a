package acme

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func testBase(t testing.TB) *url.URL {
	t.Helper()
	base, err := url.Parse("https://ca.example/acme/cert/1")
	if err != nil {
		t.Fatal(err)
	}
	return base
}

func TestParseLinks(t *testing.T) {
	tests := map[string]struct {
		headers []string
		want    []string
	}{
		"none":                     {nil, nil},
		"one":                      {[]string{`<https://ca.example/2>;rel="alternate"`}, []string{"https://ca.example/2"}},
		"unquoted, spaced":         {[]string{`  < https://x > ; rel=up, <https://ca.example/2> ; rel = alternate `}, []string{"https://ca.example/2"}},
		"several headers":          {[]string{`</2>;rel="alternate"`, `</dir>;rel="index"`, `</3>;rel="alternate"`}, []string{"https://ca.example/2", "https://ca.example/3"}},
		"several in a header":      {[]string{`</2>;rel="alternate",</3>;rel="alternate"`}, []string{"https://ca.example/2", "https://ca.example/3"}},
		"several relations":        {[]string{`</2>;rel="up Alternate"`}, []string{"https://ca.example/2"}},
		"relation is part of name": {[]string{`</2>;rel="alternates"`}, nil},
		"separators in quotes":     {[]string{`</2>;title="a, b; rel=\"up\"";rel="alternate"`}, []string{"https://ca.example/2"}},
		"escaped quote":            {[]string{`</2>;title="a\", b";rel="alternate"`}, []string{"https://ca.example/2"}},
		"separators in the target": {[]string{`</2?a,b;c>;rel="alternate"`}, []string{"https://ca.example/2?a,b;c"}},
		"first relation counts":    {[]string{`</2>;rel="up";rel="alternate"`}, nil},
		"absolute kept as it is":   {[]string{`<HTTPS://CA.example:443/a/../%7eb>;rel="alternate"`}, []string{"HTTPS://CA.example:443/a/../%7eb"}},
		"no brackets":              {[]string{`https://ca.example/2;rel="alternate"`}, nil},
		"no end":                   {[]string{`<https://ca.example/2;rel="alternate"`}, nil},
		"open quote":               {[]string{`</2>;rel="alternate`}, []string{"https://ca.example/2"}},
		"no relation":              {[]string{`</2>`}, nil},
		"overlong header":          {[]string{`</2>;rel="alternate";t="` + strings.Repeat("a", maxLinkHeader) + `"`}, nil},
		"overlong target":          {[]string{`</` + strings.Repeat("a", maxURL) + `>;rel="alternate"`}, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, parseLinks(test.headers, "alternate", testBase(t))); diff != "" {
				t.Errorf("links (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseLinksIsBounded(t *testing.T) {
	headers := strings.Split(strings.Repeat("</a>;rel=alternate\n", 3*maxLinks), "\n")
	if got := len(parseLinks(headers, "alternate", testBase(t))); got != maxLinks {
		t.Errorf("%d links, want %d", got, maxLinks)
	}
}
