// Package acme speaks the ACME protocol (RFC 8555, and RFC 8738 for IP
// identifiers) to a certificate authority: one file per resource of the RFC.
//
// One call is one exchange. A call signs one request, sends it and returns
// what the CA answered. It never waits and never polls: when to ask again is
// in the RetryAfter of every answer, and the caller's to decide. Two things
// are repeated inside a call: a nonce is fetched when none is at hand, and a
// request whose nonce the CA refused is signed again with the nonce it gave
// (at most ten times, without a pause).
//
// What a call can return besides an answer is one of three types, to be found
// with errors.As:
//
//   - *Problem: the CA refused, in its own words (or in its bare HTTP status);
//   - *NetworkError: no complete answer came, so what the CA did is unknown;
//   - *ProtocolError: an answer came that this package will not act on.
//
// Anything else is a mistake in the arguments (ErrUnsupportedKey among them).
//
// The controllers' lower layers may import it. It knows nothing of Kubernetes,
// keeps nothing on disk, logs nothing and generates no certificate requests;
// the encoding of keys is not its business either.
package acme
