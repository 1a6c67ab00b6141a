// Package crl keeps the certificate revocation lists of ca issuers: one for each signing key, in Secrets beside
// the CA's own, signed anew before they end. It also answers the HTTP requests for them.
//
// A Secret <issuer>-crl has the lists, and nothing secret. A Secret <issuer>-crl-keys has the key pairs that have
// lists, so that a former key's list can be signed as long as its CA certificate is valid.
//
// The issuer reconciler calls Keep, whoever revokes calls Revoke; no one else writes the two Secrets. Nothing
// here waits: every call ends with its context.
package crl
