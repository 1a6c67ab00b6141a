// Package issuance decides what happens to a Certificate: a snapshot of what is in the cluster goes
// in, a plan comes out. The ordered checks of the target Secret, the renewal time, the backoff and
// the status that tells people about it are all here.
//
// Controllers gather the snapshot and carry the plan out. This package is pure: it has no client,
// no clock and no randomness.
package issuance
