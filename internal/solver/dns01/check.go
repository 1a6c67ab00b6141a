package dns01

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/internal/dnsclient"
)

// LackingError says which servers do not serve a record yet. Its text is the same for the same failure.
type LackingError struct {
	// FQDN is where the value was looked for: the record's name, or where its CNAME records end.
	FQDN string
	// Zone is the zone asked about; empty where recursive name servers were asked.
	Zone string
	// Lacking of Asked servers do not serve the value.
	Lacking, Asked int
	// Server is the first of those that lack it and Cause what it said.
	Server, Cause string
	// Err is the cause where there was no answer; else nil.
	Err error
}

// Error implements error.
func (e *LackingError) Error() string {
	servers := "recursive name servers"
	if e.Zone != "" {
		servers = "authoritative servers of zone " + e.Zone
	}
	return fmt.Sprintf("%d of %d %s lack the TXT record at %s, the first is %s: %s", e.Lacking, e.Asked, servers, e.FQDN, e.Server, e.Cause)
}

// Unwrap returns the cause.
func (e *LackingError) Unwrap() error { return e.Err }

// Check returns nil where every authoritative server of the zone that holds the record, or with Only every
// recursive name server, returns the record's value. It follows CNAME records first, as a CA does. A
// *LackingError says that some do not; any other error that the servers could not be found.
//
// Where no server of one address family can be reached and the other family answers, the check counts
// the latter only: what it lacks is a route from here, which says nothing about the record. Nor do servers
// at addresses that must not be asked, as long as there are others.
func (r Resolver) Check(ctx context.Context, record Record) error {
	if err := record.Validate(); err != nil {
		return err
	}
	return r.CheckAny(ctx, record.FQDN, func(value string) bool { return value == record.Value })
}

// CheckAny is Check for a TXT record whose value fits.
func (r Resolver) CheckAny(ctx context.Context, fqdn string, fits func(value string) bool) error {
	record := wanted{fqdn: fqdn, fits: fits}
	if r.Only {
		nameservers, err := r.nameservers()
		if err != nil {
			return err
		}
		return r.ask(ctx, nameservers, record, true).lacking(LackingError{FQDN: record.fqdn})
	}
	target, err := r.Follow(ctx, record.fqdn)
	if err != nil {
		return err
	}
	zone, err := r.Zone(ctx, target)
	if err != nil {
		return err
	}
	record.fqdn = target
	return r.ask(ctx, zone.Servers, record, false).permitted().reachable().lacking(LackingError{FQDN: target, Zone: zone.Name})
}

// wanted is a TXT record at a name whose value fits.
type wanted struct {
	fqdn string
	fits func(value string) bool
}

// sighting is what one server said about a record.
type sighting struct {
	server string
	seen   bool
	cause  string
	err    error
}

type sightings []sighting

// ask asks all servers at once; the sightings are in the order of the servers.
func (r Resolver) ask(ctx context.Context, servers []string, record wanted, recursive bool) sightings {
	found := make(sightings, len(servers))
	var questions sync.WaitGroup
	for i, server := range servers {
		questions.Go(func() {
			answer, err := r.client(recursive).Exchange(ctx, server, dnsclient.Question(record.fqdn, dns.TypeTXT, recursive))
			found[i] = sight(answer, err, record)
			found[i].server = server
		})
	}
	questions.Wait()
	return found
}

func sight(answer *dns.Msg, err error, record wanted) sighting {
	var exchange *dnsclient.Error
	switch {
	case errors.As(err, &exchange):
		return sighting{cause: exchange.Cause, err: err}
	case err != nil:
		return sighting{cause: "the exchange failed", err: err}
	case answer.Rcode == dns.RcodeNameError:
		return sighting{cause: "the name does not exist there"}
	case answer.Rcode != dns.RcodeSuccess:
		return sighting{cause: "it answers " + dnsclient.Rcode(answer.Rcode)}
	}
	return sightValue(answer, record)
}

func sightValue(answer *dns.Msg, record wanted) sighting {
	others := false
	for _, found := range dnsclient.RecordsOf(answer, record.fqdn) {
		txt, ok := found.(*dns.TXT)
		if !ok {
			continue
		}
		// RFC 8555 section 8.4 leaves open how a value is cut into character-strings.
		if record.fits(strings.Join(txt.Txt, "")) {
			return sighting{seen: true}
		}
		others = true
	}
	if others {
		return sighting{cause: "it has other TXT records there only"}
	}
	return sighting{cause: "it has no TXT record there"}
}

// permitted leaves out servers that must not be asked, where there are others.
func (s sightings) permitted() sightings {
	kept := slices.DeleteFunc(slices.Clone(s), func(found sighting) bool {
		_, refused := errors.AsType[*reach.Error](found.err)
		return refused
	})
	if len(kept) == 0 {
		return s
	}
	return kept
}

// reachable leaves out an address family none of whose servers answered, where the other's did.
func (s sightings) reachable() sightings {
	answered := map[bool]bool{}
	for _, found := range s {
		if isAnswer(found.err) {
			answered[isIPv6(found.server)] = true
		}
	}
	if len(answered) != 1 {
		return s
	}
	var kept sightings
	for _, found := range s {
		if answered[isIPv6(found.server)] {
			kept = append(kept, found)
		}
	}
	return kept
}

func isAnswer(err error) bool {
	var exchange *dnsclient.Error
	return err == nil || errors.As(err, &exchange) && exchange.Answered
}

func isIPv6(server string) bool {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		return false
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Is6()
}

// lacking completes the error for servers that have not seen the record; nil where all have.
func (s sightings) lacking(failure LackingError) error {
	failure.Asked = len(s)
	for _, found := range s {
		if found.seen {
			continue
		}
		if failure.Lacking == 0 {
			failure.Server, failure.Cause, failure.Err = found.server, found.cause, found.err
		}
		failure.Lacking++
	}
	if failure.Lacking == 0 {
		return nil
	}
	return &failure
}
