package orderflow

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// TurnKey is the same for Orders of one account for exactly the same names, in whatever order and case they
// are written: they take turns.
func TurnKey(accountURL string, order *acmev1.Order) string {
	names := slices.Concat(order.Spec.DNSNames, order.Spec.IPAddresses)
	for i := range names {
		names[i] = strings.ToLower(names[i])
	}
	slices.Sort(names)
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q", accountURL, slices.Compact(names)))
	return hex.EncodeToString(sum[:])
}
