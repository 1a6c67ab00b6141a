package httpreq

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/certwright/certwright/internal/dnssolver/wire"
	"github.com/certwright/certwright/internal/solver/internal/guarded"
)

// refusal says what the server did not do, in its words where it has some for people.
func (p *Provider) refusal(response *http.Response) error {
	text := fmt.Sprintf("the httpreq server answers with status %d%s", response.StatusCode, advice(response.StatusCode))
	if quoted := p.quote(response); quoted != "" {
		text += ": " + quoted
	}
	return errors.New(text)
}

// advice is what to do about a status that has one cause mostly.
func advice(status int) string {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return ", check " + envUsername + " and " + envPassword
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return ", check that it takes POST /present and POST /cleanup below " + envEndpoint
	case status/100 == 3:
		return ", a redirect, which is not followed: set " + envEndpoint + " to where it leads"
	}
	return ""
}

// quotable are the types of content that may say in a line what is wrong. A page does not.
var quotable = []string{"text/plain", "application/json", "application/problem+json"}

// quote is what the server says, without credentials. Of an answer that is longer than anybody would write for people,
// nothing is: cut anywhere, half of a credential could be left at its end.
func (p *Provider) quote(response *http.Response) string {
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || !slices.Contains(quotable, kind) {
		return ""
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, guarded.MaxAnswer+1))
	if err != nil || len(answer) > guarded.MaxAnswer {
		return ""
	}
	return wire.Clean(string(answer), p.secrets, p.parts...)
}

// partsOf are what a server may repeat, each by itself, of a URL that must not be shown.
func partsOf(endpoint *url.URL) []string {
	parts := strings.Split(endpoint.Path, "/")
	var whole []string
	for key, values := range endpoint.Query() {
		parts, whole = append(parts, key), append(whole, values...)
	}
	for _, part := range []string{endpoint.Path, endpoint.EscapedPath(), endpoint.RawQuery} {
		if part != "/" {
			whole = append(whole, part)
		}
	}
	return append(whole, slices.DeleteFunc(parts, func(part string) bool { return len(part) < minPart })...)
}

// minPart is how long a part of a URL is at least, in bytes, that may be a credential by itself: shorter ones are
// ordinary words.
const minPart = 8
