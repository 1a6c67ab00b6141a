package dnsclient

import (
	"github.com/miekg/dns"
)

// MaxAliases bounds a chain of CNAME records. CAs give up at about as many.
const MaxAliases = 10

// AliasTarget returns where the CNAME record of a name in an answer leads, canonical, or "".
func AliasTarget(answer *dns.Msg, name string) string {
	for _, record := range answer.Answer {
		if alias, ok := record.(*dns.CNAME); ok && SameName(alias.Hdr.Name, name) {
			return dns.CanonicalName(alias.Target)
		}
	}
	return ""
}

// RecordsOf returns the records of an answer whose owner is a name, or the name that CNAME records in the
// same answer lead it to. A server may put other records there, which mean nothing.
func RecordsOf(answer *dns.Msg, name string) []dns.RR {
	for range MaxAliases {
		target := AliasTarget(answer, name)
		if target == "" {
			break
		}
		name = target
	}
	var owned []dns.RR
	for _, record := range answer.Answer {
		if SameName(record.Header().Name, name) {
			owned = append(owned, record)
		}
	}
	return owned
}
