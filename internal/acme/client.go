package acme

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Operation names, as handed to an Observer and as used in errors. They name
// the resource that is asked (RFC 8555 section 7.1), not the URL.
const (
	OpDirectory     = "directory"
	OpNewNonce      = "newNonce"
	OpNewAccount    = "newAccount"
	OpAccount       = "account"
	OpOrders        = "orders"
	OpKeyChange     = "keyChange"
	OpNewOrder      = "newOrder"
	OpOrder         = "order"
	OpNewAuthz      = "newAuthz"
	OpAuthorization = "authorization"
	OpChallenge     = "challenge"
	OpFinalize      = "finalize"
	OpCertificate   = "certificate"
	OpRevokeCert    = "revokeCert"
	OpRenewalInfo   = "renewalInfo" // RFC 9773 section 4.1
)

// Defaults of a Client whose fields are left empty.
const (
	defaultUserAgent    = "certwright"
	defaultLanguage     = "en"
	defaultHTTPTimeout  = 30 * time.Second
	defaultDirectoryTTL = time.Hour
)

// maxNonceRetries bounds how often one request is signed again because its
// nonce was refused (RFC 8555 section 6.5 leaves the number open).
const maxNonceRetries = 10

// ErrNotOffered is wrapped by the error of a call for which the CA's directory
// has no resource. Without pre-authorization, revocation, key rollover or
// renewal information everything else still works.
var ErrNotOffered = errors.New("the CA does not offer this; its directory has no such resource")

// Observer is told of every HTTP request after it has ended: the operation,
// the host asked, the HTTP status (0 when no answer came) and how long it
// took. It is called on the goroutine of the request and must not block.
type Observer func(op, host string, status int, elapsed time.Duration)

// Client talks to one CA, named by its directory URL. Its fields are set once,
// before the first call; after that it is safe for concurrent use and must not
// be copied. Nonces and the directory are kept per Client, so one Client is
// shared by every account at the same directory (RFC 8555 section 6.5).
type Client struct {
	// Directory is the URL of the CA's directory resource. Required.
	Directory string

	// HTTP carries the requests: its transport holds the CA bundle and the
	// proxy. Its cookie jar and redirect policy are not used. Nil means a
	// client with a timeout of 30 seconds.
	HTTP *http.Client

	// UserAgent identifies this program and its version (RFC 8555 section
	// 6.1). Empty means "certwright".
	UserAgent string

	// Language is sent as Accept-Language, for the text of problems. Empty
	// means "en".
	Language string

	// DirectoryTTL is how long a directory is used before it is fetched again.
	// Zero means one hour.
	DirectoryTTL time.Duration

	// AllowedHosts are further hosts that the CA's links may lead to, each as
	// "host" (any port) or "host:port". The directory's own host and port are
	// always allowed.
	AllowedHosts []string

	// AllowHTTP permits URLs without TLS. For tests.
	AllowHTTP bool

	// Now is the clock. Nil means time.Now.
	Now func() time.Time

	// Observer is told of every request. Nil means nobody is.
	Observer Observer

	once      sync.Once
	transport *http.Client
	directory directoryCache
	nonces    noncePool
}

func (c *Client) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

// signedRequest is one POST to be signed and sent (RFC 8555 section 6.2).
type signedRequest struct {
	op      string
	url     string
	account Account
	payload []byte // empty for POST-as-GET (section 6.3)
	accept  string

	// embedKey signs with the key itself instead of the account's URL, where
	// the account may not exist yet (section 6.2).
	embedKey bool
}

// post signs and sends a request and returns the CA's answer, signing again
// with the nonce the CA gave as long as it refuses the one used (RFC 8555
// section 6.5). An answer outside 2xx comes back as a *Problem.
func (c *Client) post(ctx context.Context, req signedRequest) (*response, error) {
	if req.account.URL == "" && !req.embedKey {
		return nil, wrapOp(req.op, ErrNotRegistered)
	}
	target, err := c.checkURL(req.op, req.url)
	if err != nil {
		return nil, err
	}
	nonce, err := c.takeNonce(ctx)
	if err != nil {
		return nil, err
	}
	for retries := 0; ; retries++ {
		body, err := signJWS(req, nonce)
		if err != nil {
			return nil, err
		}
		resp, err := c.send(ctx, httpRequest{op: req.op, method: http.MethodPost, target: target, body: body, accept: req.accept})
		if err != nil {
			return nil, err
		}
		problem := resp.problem()
		if problem == nil {
			c.keepNonce(resp)
			return resp, nil
		}
		if !problem.HasType(TypeBadNonce) || retries == maxNonceRetries {
			c.keepNonce(resp)
			return nil, wrapOp(req.op, problem)
		}
		if nonce, err = c.nonceAfterRefusal(ctx, resp); err != nil {
			return nil, err
		}
	}
}

// postToDirectory is post to a URL that the directory names. An error that may
// come from an outdated URL makes the next call read the directory anew. A
// resource without a URL is one that the CA does not have (RFC 8555 section 7.1.1).
func (c *Client) postToDirectory(ctx context.Context, req signedRequest) (*response, error) {
	if req.url == "" {
		return nil, wrapOp(req.op, ErrNotOffered)
	}
	resp, err := c.post(ctx, req)
	c.forgetIfStale(err)
	return resp, err
}
