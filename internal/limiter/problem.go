package limiter

import "strings"

// rateLimited is the problem type of limits (RFC 8555 section 6.7).
const rateLimited = "urn:ietf:params:acme:error:rateLimited"

// IsAccountWide says whether a CA's refusal is of every order of the account, and not only of the names of the
// one that it refused. problemType and detail are the problem's; ofIdentifiers says that a subproblem has an
// identifier. RFC 8555 has no way to say it, so the words of CAs are looked for: those that are not known
// hold nobody else back.
func IsAccountWide(problemType, detail string, ofIdentifiers bool) bool {
	if problemType != rateLimited || ofIdentifiers {
		return false
	}
	return strings.Contains(strings.ToLower(detail), "too many new orders") && strings.Contains(strings.ToLower(detail), "this account")
}
