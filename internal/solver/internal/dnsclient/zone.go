package dnsclient

import (
	"errors"
	"fmt"

	"github.com/miekg/dns"
)

// ErrNoZone means that no zone but the root holds a name: it does not exist where it was asked for.
var ErrNoZone = errors.New("no zone below the root holds the name: does the domain exist?")

// FindZone returns the name of the zone that holds a name. It asks for the SOA record of the name and then
// of each parent until an answer tells: the zone's top has the record, and inside a zone the denial of one
// carries it (RFC 2308 section 3). Ask puts a question of type SOA to a server.
func FindZone(fqdn string, ask func(name string) (*dns.Msg, error)) (string, error) {
	name := dns.CanonicalName(fqdn)
	for _, offset := range dns.Split(name) {
		answer, err := ask(name[offset:])
		if err != nil {
			return "", err
		}
		zone, err := zoneFrom(answer, name[offset:])
		if err != nil {
			return "", err
		}
		if zone == "." {
			break
		}
		if zone != "" {
			return zone, nil
		}
	}
	return "", ErrNoZone
}

// zoneFrom returns the zone an answer to a SOA question names, or "" where it names none.
func zoneFrom(answer *dns.Msg, name string) (string, error) {
	if !Known(answer) {
		return "", fmt.Errorf("SOA of %s: %s", name, Rcode(answer.Rcode))
	}
	if AliasTarget(answer, name) != "" {
		// The SOA in this answer is that of the alias's target. A top of a zone is no alias (RFC 1034
		// section 3.6.2), so that the parent is in the same zone.
		return "", nil
	}
	if owner := soaOwner(answer.Answer, name); owner == name {
		return owner, nil
	}
	if owner := soaOwner(answer.Ns, name); owner != "" {
		return owner, nil
	}
	if delegated := delegation(answer, name); delegated != "" {
		return "", fmt.Errorf("SOA of %s: the server only refers to those of %s, it does not hold the zone", name, delegated)
	}
	return "", nil
}

// soaOwner returns the canonical owner of a SOA record that may stand above a name, or "".
func soaOwner(section []dns.RR, name string) string {
	for _, record := range section {
		if soa, ok := record.(*dns.SOA); ok && dns.IsSubDomain(soa.Hdr.Name, name) {
			return dns.CanonicalName(soa.Hdr.Name)
		}
	}
	return ""
}

// delegation returns the zone that a referral (RFC 1034 section 4.3.2, step 3b) leads to, or "". A referral
// to the root or to nothing at all only means that the server knows nothing.
func delegation(answer *dns.Msg, name string) string {
	if answer.Authoritative || len(answer.Answer) > 0 {
		return ""
	}
	for _, record := range answer.Ns {
		if ns, ok := record.(*dns.NS); ok && ns.Hdr.Name != "." && dns.IsSubDomain(ns.Hdr.Name, name) {
			return dns.CanonicalName(ns.Hdr.Name)
		}
	}
	return ""
}
