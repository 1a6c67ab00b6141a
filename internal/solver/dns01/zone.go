package dns01

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/solver/internal/dnsclient"
)

// How many servers an answer may make us ask. The largest zones have 13 with two addresses each.
const (
	maxServerNames = 32
	maxServers     = 64
)

const defaultPort = 53

// Zone is a zone and where its authoritative servers listen.
type Zone struct {
	Name    string   // canonical, with the final dot
	Servers []string // "host:port", sorted
}

// Zone finds the zone that holds a name, by SOA records from the name upward, and the IPv4 and IPv6
// addresses of its NS records. It follows no CNAME: it finds where the name itself is kept.
func (r Resolver) Zone(ctx context.Context, fqdn string) (Zone, error) {
	name, err := dnsclient.FindZone(fqdn, func(name string) (*dns.Msg, error) {
		return r.recurse(ctx, name, dns.TypeSOA)
	})
	if err != nil {
		return Zone{}, fmt.Errorf("cannot find the zone of %s: %w", dns.CanonicalName(fqdn), err)
	}
	hosts, err := r.serverNames(ctx, name)
	if err != nil {
		return Zone{}, fmt.Errorf("cannot find the name servers of zone %s: %w", name, err)
	}
	addresses, err := r.addresses(ctx, hosts)
	if err != nil {
		return Zone{}, fmt.Errorf("cannot find the addresses of the name servers of zone %s: %w", name, err)
	}
	return Zone{Name: name, Servers: hostPorts(addresses, strconv.Itoa(r.port()))}, nil
}

func (r Resolver) port() int {
	if r.Port == 0 {
		return defaultPort
	}
	return int(r.Port)
}

// serverNames returns the targets of a zone's NS records, sorted.
func (r Resolver) serverNames(ctx context.Context, zone string) ([]string, error) {
	answer, err := r.recurse(ctx, zone, dns.TypeNS)
	if err != nil {
		return nil, err
	}
	var hosts []string
	for _, record := range answer.Answer {
		if ns, ok := record.(*dns.NS); ok && dnsclient.SameName(ns.Hdr.Name, zone) {
			hosts = append(hosts, dns.CanonicalName(ns.Ns))
		}
	}
	hosts = distinct(hosts, maxServerNames)
	if len(hosts) == 0 {
		return nil, errors.New("there is no NS record")
	}
	return hosts, nil
}

// addresses looks up hosts, all at once, and returns their addresses, sorted. A host whose address cannot
// be found is left out as long as there are others: a CA that asks the same way passes it over too.
func (r Resolver) addresses(ctx context.Context, hosts []string) ([]string, error) {
	types := []uint16{dns.TypeA, dns.TypeAAAA}
	answers := make([]*dns.Msg, len(hosts)*len(types))
	errs := make([]error, len(answers))
	var lookups sync.WaitGroup
	for i := range answers {
		lookups.Go(func() {
			answers[i], errs[i] = r.recurse(ctx, hosts[i/len(types)], types[i%len(types)])
		})
	}
	lookups.Wait()
	var found []string
	for i, answer := range answers {
		found = append(found, addressesOf(hosts[i/len(types)], answer)...)
	}
	if found = distinct(found, maxServers); len(found) > 0 {
		return found, nil
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return nil, fmt.Errorf("%s and the others have none", hosts[0])
}

// addressesOf returns the addresses of a host in an answer, which may be nil.
func addressesOf(host string, answer *dns.Msg) []string {
	if answer == nil {
		return nil
	}
	var found []string
	for _, record := range dnsclient.RecordsOf(answer, host) {
		var ip net.IP
		switch typed := record.(type) {
		case *dns.A:
			ip = typed.A
		case *dns.AAAA:
			ip = typed.AAAA
		}
		address, ok := netip.AddrFromSlice(ip)
		if ok && !address.IsUnspecified() && !address.IsMulticast() {
			found = append(found, address.Unmap().String())
		}
	}
	return found
}

// distinct returns at most limit of the texts, each once, sorted.
func distinct(texts []string, limit int) []string {
	slices.Sort(texts)
	texts = slices.Compact(texts)
	return texts[:min(len(texts), limit)]
}

func hostPorts(hosts []string, port string) []string {
	joined := make([]string, len(hosts))
	for i, host := range hosts {
		joined[i] = net.JoinHostPort(host, port)
	}
	return joined
}
