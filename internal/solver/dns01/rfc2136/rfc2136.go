package rfc2136

import (
	"context"
	"errors"
	"fmt"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/solver/dns01"
	"github.com/certwright/certwright/internal/solver/internal/dnsclient"
)

// ttl is the lifetime, in seconds, of a record in caches.
const ttl = 60

// Provider writes records to one name server. It is safe for concurrent use.
type Provider struct {
	server string
	client dnsclient.Client
}

var _ dns01.Provider = (*Provider)(nil)

// Present adds the record. Others at the same name stay, and one that is there already too (RFC 2136
// section 2.5.1).
func (p *Provider) Present(ctx context.Context, record dns01.Record) error {
	if err := p.change(ctx, record, true); err != nil {
		return fmt.Errorf("cannot add the TXT record at %s: %w", record.FQDN, err)
	}
	return nil
}

// CleanUp removes the record, by its exact value; others at the same name stay (RFC 2136 section 2.5.4).
func (p *Provider) CleanUp(ctx context.Context, record dns01.Record) error {
	if err := p.change(ctx, record, false); err != nil {
		return fmt.Errorf("cannot remove the TXT record at %s: %w", record.FQDN, err)
	}
	return nil
}

func (p *Provider) change(ctx context.Context, record dns01.Record, add bool) error {
	if err := record.Validate(); err != nil {
		return err
	}
	zone, err := p.zone(ctx, record.FQDN, add)
	if err != nil {
		return err
	}
	update := new(dns.Msg)
	update.SetUpdate(zone)
	txt := &dns.TXT{
		Hdr: dns.RR_Header{Name: record.FQDN, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: ttl},
		Txt: []string{record.Value},
	}
	if add {
		update.Insert([]dns.RR{txt})
	} else {
		update.Remove([]dns.RR{txt})
	}
	answer, err := p.client.Exchange(ctx, p.server, update)
	if err != nil {
		return err
	}
	if answer.Rcode != dns.RcodeSuccess {
		return &Error{Server: p.server, Zone: zone, Name: record.FQDN, Code: codeOf(answer)}
	}
	return nil
}

// zone asks the server itself for the zone of a name: only what it thinks counts for an update, and others
// may not see the zone at all. The question is signed as well, because a server may choose by the key what
// it shows.
func (p *Provider) zone(ctx context.Context, fqdn string, add bool) (string, error) {
	return dnsclient.FindZone(fqdn, func(name string) (*dns.Msg, error) {
		answer, err := p.client.Exchange(ctx, p.server, dnsclient.Question(name, dns.TypeSOA, false))
		if err != nil {
			return nil, err
		}
		if !dnsclient.Known(answer) {
			return nil, &Error{Server: p.server, Name: name, Code: codeOf(answer)}
		}
		if add && dnsclient.AliasTarget(answer, fqdn) != "" {
			// A server leaves out such an addition without a word (RFC 2136 section 3.4.2.2).
			return nil, errors.New("a CNAME record stands there, beside which there can be no other: set cnameStrategy to Follow")
		}
		return answer, nil
	})
}
