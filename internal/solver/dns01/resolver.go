package dns01

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/internal/dnsclient"
)

const resolvConf = "/etc/resolv.conf"

// ErrAliasLoop means that following CNAME records comes to no end.
var ErrAliasLoop = errors.New("the CNAME records form a loop or a chain of more than 10: point the name at its target directly")

// Resolver looks at DNS the way a CA does. Without Nameservers it asks those of /etc/resolv.conf for the
// way, and then the authoritative servers for the record. It is safe for concurrent use.
type Resolver struct {
	// Nameservers are recursive name servers as "host:port", or as the https URL of one that is asked over HTTPS, asked in this order until one answers; empty
	// means those of /etc/resolv.conf, which is read once.
	Nameservers []string

	// NameserverReach says at which addresses Nameservers, or those of /etc/resolv.conf, may be asked.
	NameserverReach reach.Policy

	// Reach says at which addresses a zone's own servers may be asked: whoever owns the zone can name any.
	Reach reach.Policy

	// Only makes Check ask the recursive name servers, each of them, instead of the authoritative ones:
	// for networks from which those cannot be reached.
	Only bool

	// Timeout bounds each question by each protocol, the context all of them; 0 means 2 seconds.
	Timeout time.Duration

	// Roots are what the certificates of name servers over HTTPS are verified against; nil means the system's.
	Roots *x509.CertPool

	// Port is where authoritative servers listen; 0 means 53.
	Port uint16
}

// CheckNameserver says what is wrong with an entry of Nameservers.
func CheckNameserver(server string) error { return dnsclient.CheckServer(server) }

// Follow returns the name at which a chain of CNAME records that starts at fqdn ends, canonical; fqdn
// itself where it is no alias. A chain of more than 10, or one that loops, gives ErrAliasLoop.
func (r Resolver) Follow(ctx context.Context, fqdn string) (string, error) {
	name := dns.CanonicalName(fqdn)
	for range dnsclient.MaxAliases + 1 {
		answer, err := r.recurse(ctx, name, dns.TypeCNAME)
		if err != nil {
			return "", fmt.Errorf("cannot look for a CNAME record at %s: %w", name, err)
		}
		target := dnsclient.AliasTarget(answer, name)
		if target == "" {
			return name, nil
		}
		name = target
	}
	return "", fmt.Errorf("%s: %w", dns.CanonicalName(fqdn), ErrAliasLoop)
}

// recurse asks the recursive name servers in order until one knows the answer or that there is none.
func (r Resolver) recurse(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	nameservers, err := r.nameservers()
	if err != nil {
		return nil, err
	}
	var failures []error
	for _, server := range nameservers {
		answer, err := r.client(true).Exchange(ctx, server, dnsclient.Question(name, qtype, true))
		if err != nil {
			failures = append(failures, err)
			continue
		}
		if dnsclient.Known(answer) {
			return answer, nil
		}
		failures = append(failures, &dnsclient.Error{Server: server, Cause: dnsclient.Rcode(answer.Rcode), Answered: true})
	}
	// One line for a condition: the first server is the one that is meant to answer.
	return nil, fmt.Errorf("none of %d recursive name servers answers: %w", len(nameservers), failures[0])
}

// client asks recursive name servers, or those of a zone.
func (r Resolver) client(recursive bool) dnsclient.Client {
	if recursive {
		return dnsclient.Client{Timeout: r.Timeout, Reach: r.NameserverReach, Roots: r.Roots}
	}
	return dnsclient.Client{Timeout: r.Timeout, Reach: r.Reach}
}

func (r Resolver) nameservers() ([]string, error) {
	if len(r.Nameservers) > 0 {
		return r.Nameservers, nil
	}
	return systemNameservers()
}

// systemNameservers holds what /etc/resolv.conf says for the life of the process.
var systemNameservers = sync.OnceValues(func() ([]string, error) { return readNameservers(resolvConf) })

// readNameservers returns the name servers of a file in the form of resolv.conf(5).
func readNameservers(path string) ([]string, error) {
	config, err := dns.ClientConfigFromFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the recursive name servers, set --dns01-recursive-nameservers: %w", err)
	}
	if len(config.Servers) == 0 {
		return nil, fmt.Errorf("%s names no recursive name server: set --dns01-recursive-nameservers", path)
	}
	return slices.Compact(hostPorts(config.Servers, config.Port)), nil
}
