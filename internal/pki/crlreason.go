package pki

import (
	"errors"
	"fmt"
	"slices"
)

// RevocationReason is the CRLReason of RFC 5280 5.3.1.
type RevocationReason int

// The reasons of RFC 5280 5.3.1. The number 7 is not used.
const (
	ReasonUnspecified          RevocationReason = 0
	ReasonKeyCompromise        RevocationReason = 1
	ReasonCACompromise         RevocationReason = 2
	ReasonAffiliationChanged   RevocationReason = 3
	ReasonSuperseded           RevocationReason = 4
	ReasonCessationOfOperation RevocationReason = 5
	ReasonCertificateHold      RevocationReason = 6
	ReasonRemoveFromCRL        RevocationReason = 8
	ReasonPrivilegeWithdrawn   RevocationReason = 9
	ReasonAACompromise         RevocationReason = 10
)

// reasonNames are the names in RFC 5280, by number.
var reasonNames = []string{
	"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded", "cessationOfOperation",
	"certificateHold", "", "removeFromCRL", "privilegeWithdrawn", "aACompromise",
}

// ParseRevocationReason gives the reason of a name in RFC 5280; an empty name is
// unspecified.
func ParseRevocationReason(name string) (RevocationReason, error) {
	if name == "" {
		return ReasonUnspecified, nil
	}
	at := slices.Index(reasonNames, name)
	if at < 0 {
		return 0, errors.New("not a revocation reason of RFC 5280: write one such as keyCompromise or superseded")
	}
	return RevocationReason(at), nil
}

// String gives the name in RFC 5280.
func (r RevocationReason) String() string {
	if !r.known() {
		return fmt.Sprintf("reason %d", int(r))
	}
	return reasonNames[r]
}

func (r RevocationReason) known() bool {
	return r >= 0 && int(r) < len(reasonNames) && reasonNames[r] != ""
}

// listable says whether an entry of a complete list can have the reason:
// removeFromCRL is for delta lists only.
func (r RevocationReason) listable() bool {
	return r.known() && r != ReasonRemoveFromCRL
}

// weight orders reasons given for the same moment: any says more than none, and
// those with the lower numbers are the graver ones.
func (r RevocationReason) weight() int {
	if r == ReasonUnspecified {
		return len(reasonNames)
	}
	return int(r)
}
