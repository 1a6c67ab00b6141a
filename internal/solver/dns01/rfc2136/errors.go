package rfc2136

import (
	"fmt"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/solver/internal/dnsclient"
)

// Error is an update, or a question for the zone, that the server answered with a failure. Its text is the
// same for the same failure.
type Error struct {
	Server string // "host:port"
	// Zone is what was to be updated; empty where the server did not tell the zone of a name.
	Zone string
	// Name is where the record is to stand.
	Name string
	// Code is the response code (RFC 2136 section 2.2), or the TSIG error (RFC 8945 section 3) where the
	// answer has one, such as dns.RcodeBadKey.
	Code int
}

// Error implements error.
func (e *Error) Error() string {
	asked := "an update of zone " + e.Zone
	advice := updateAdvices[e.Code]
	if e.Zone == "" {
		asked = "the question for the zone of " + e.Name
		advice = questionAdvices[e.Code]
	}
	if advice == "" {
		advice = advices[e.Code]
	}
	if advice == "" {
		advice = "see its log"
	}
	return fmt.Sprintf("name server %s answers %s with %s: %s", e.Server, asked, dnsclient.Rcode(e.Code), advice)
}

// What response codes mean and what to change, where that depends on what was asked.
var (
	updateAdvices = map[int]string{
		dns.RcodeRefused:        "let the TSIG key change this name in the zone's update policy",
		dns.RcodeNotAuth:        "set nameserver to the primary server of the zone, this one is not",
		dns.RcodeNotImplemented: "set nameserver to a server that takes dynamic updates, this one does not",
		dns.RcodeNotZone:        "the record's name is outside the zone",
	}
	questionAdvices = map[int]string{
		dns.RcodeRefused:        "set nameserver to the primary server of the zone, and let it answer the operator's address",
		dns.RcodeNotAuth:        "set nameserver to the primary server of the zone, this one is not",
		dns.RcodeNotImplemented: "set nameserver to the primary server of the zone",
	}
)

// advices are those for any message.
var advices = map[int]string{
	dns.RcodeFormatError:   "it does not understand the message",
	dns.RcodeServerFailure: "it failed on its side, see its log",
	dns.RcodeBadSig:        "the signature is wrong, compare the TSIG secret with the server's",
	dns.RcodeBadKey:        "it does not know the key, compare TSIG key name and algorithm with the server's",
	dns.RcodeBadTime:       "its clock and ours differ by more than 5 minutes, set the clocks",
	dns.RcodeBadTrunc:      "it wants a longer signature, choose another TSIG algorithm",
}

// codeOf returns the code that says most about a failure.
func codeOf(answer *dns.Msg) int {
	code := answer.Rcode
	if signature := answer.IsTsig(); signature != nil && signature.Error != 0 {
		code = int(signature.Error)
	}
	return code
}
