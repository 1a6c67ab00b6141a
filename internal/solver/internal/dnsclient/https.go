package dnsclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// messageType is the media type of DNS over HTTPS (RFC 8484 section 6).
const messageType = "application/dns-message"

// overHTTPS says whether a server is the URL of one that is asked over HTTPS.
func overHTTPS(server string) bool { return strings.HasPrefix(server, "https://") }

// CheckServer says what is wrong with the address of a recursive name server: "host:port", or the https URL of one that
// is asked over HTTPS (RFC 8484), without the variable part of its template.
func CheckServer(server string) error {
	if overHTTPS(server) {
		if target, err := url.Parse(server); err != nil || target.Host == "" || target.User != nil || strings.ContainsAny(server, "{} ") {
			return fmt.Errorf("%q is no URL of a name server: write one such as https://dns.example/dns-query", server)
		}
		return nil
	}
	host, port, err := net.SplitHostPort(server)
	if _, portErr := strconv.ParseUint(port, 10, 16); err != nil || host == "" || portErr != nil {
		return fmt.Errorf("%q is no name server: write host:port, such as 9.9.9.9:53, or a URL such as https://dns.example/dns-query", server)
	}
	return nil
}

// statusError is an answer that is no DNS message, by its HTTP status or its type.
type statusError struct{ text string }

func (e *statusError) Error() string { return e.text }

// ask asks over HTTPS, by POST, so that nothing on the way keeps the answer (RFC 8484 section 4.1).
func (c Client) ask(ctx context.Context, server string, message *dns.Msg) (*dns.Msg, error) {
	timeout := c.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	sent := message.Copy()
	sent.Id = 0
	body, err := sent.Pack()
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, server, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", messageType)
	request.Header.Set("Accept", messageType)
	dialer := &net.Dialer{ControlContext: c.Reach.ControlContext}
	client := &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, DisableKeepAlives: true, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: dns.MaxMsgSize,
			TLSClientConfig: &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // It was only read from.
	if response.StatusCode != http.StatusOK {
		return nil, &statusError{fmt.Sprintf("it answers with HTTP status %d", response.StatusCode)}
	}
	if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err != nil || kind != messageType {
		return nil, &statusError{"the answer is not a DNS message"}
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, dns.MaxMsgSize+1))
	if err != nil {
		return nil, err
	}
	answer := new(dns.Msg)
	if err := answer.Unpack(data); err != nil || answer.Id != 0 {
		return nil, &statusError{"the answer is not a DNS message"}
	}
	answer.Id = message.Id
	return answer, nil
}
