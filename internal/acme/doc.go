// Package acme speaks the ACME protocol to a certificate authority: one file
// per resource of RFC 8555 and of its extensions, which are renewal information
// (RFC 9773), IP identifiers (RFC 8738), tls-alpn-01 (RFC 8737), profiles, and
// the drafts of dns-account-01 and dns-persist-01. docs/acme-divergences.md
// says where it departs from them.
//
// One call is one exchange. A call signs one request, sends it and returns
// what the CA answered. It never waits and never polls: when to ask again is
// in the RetryAfter of every answer, and the caller's to decide. Two things
// are repeated inside a call: a nonce is fetched when none is at hand, and a
// request whose nonce the CA refused is signed again with the nonce it gave
// (at most ten times, without a pause). FindAccountKey alone makes an exchange
// for each key that it is given.
//
// Decisions stay with the caller. What they rest on is here as pure functions:
// ChooseProfile, IsReplacesRefusal, Window.Pick, RenewalInfoRetry, the names and
// values of challenge responses, and the records of dns-persist-01, which is
// answered only by a caller that asks for it.
//
// What a call can return besides an answer is one of three types, to be found
// with errors.As:
//
//   - *Problem: the CA refused, in its own words (or in its bare HTTP status);
//   - *NetworkError: no complete answer came, so what the CA did is unknown;
//   - *ProtocolError: an answer came that this package will not act on.
//
// Anything else is a mistake in the arguments (ErrUnsupportedKey among them), or
// ErrNotOffered for a resource that the CA does not have.
//
// The controllers' lower layers may import it. It knows nothing of Kubernetes,
// keeps nothing on disk, logs nothing and generates no certificate requests;
// the encoding of keys is not its business either.
package acme
