package acmetest

import (
	"strings"

	"github.com/miekg/dns"
)

// maxAliases bounds a chain of CNAMEs.
const maxAliases = 8

// maxTXTString is the longest character-string of a TXT record in bytes (RFC
// 1035 section 3.3).
const maxTXTString = 255

// answer fills in the reply to a question and logs the question.
func (d *DNS) answer(reply *dns.Msg, question dns.Question, network string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := canonical(question.Name)
	d.queries = append(d.queries, Query{
		Name:    strings.TrimSuffix(name, "."),
		Type:    dns.TypeToString[question.Qtype],
		Network: network,
	})
	owner := question.Name
	for range maxAliases {
		target, found := d.cname[name]
		if !found || question.Qtype == dns.TypeCNAME {
			break
		}
		reply.Answer = append(reply.Answer, &dns.CNAME{Hdr: header(owner, dns.TypeCNAME), Target: target})
		name, owner = target, target
	}
	reply.Answer = append(reply.Answer, d.records(owner, name, question.Qtype)...)
	if len(reply.Answer) > 0 {
		return
	}
	if zone := d.zoneOf(name); zone != "" {
		reply.Ns = []dns.RR{d.soa(zone, zone)}
	}
}

// records returns the records of one type at a name. Owner is the name as it
// was asked for, whose letter case the answer repeats.
func (d *DNS) records(owner, name string, qtype uint16) []dns.RR {
	switch qtype {
	case dns.TypeA, dns.TypeAAAA:
		return d.addresses(owner, qtype)
	case dns.TypeTXT:
		return d.texts(owner, name)
	case dns.TypeCNAME:
		if target, found := d.cname[name]; found {
			return []dns.RR{&dns.CNAME{Hdr: header(owner, dns.TypeCNAME), Target: target}}
		}
	case dns.TypeSOA:
		if d.zoneOf(name) == name {
			return []dns.RR{d.soa(owner, name)}
		}
	case dns.TypeNS:
		if d.zoneOf(name) == name {
			return []dns.RR{&dns.NS{Hdr: header(owner, dns.TypeNS), Ns: "ns1." + name}}
		}
	}
	return nil
}

// addresses answers for every name alike.
func (d *DNS) addresses(owner string, qtype uint16) []dns.RR {
	target := d.options.Target
	switch {
	case qtype == dns.TypeA && target.Is4():
		return []dns.RR{&dns.A{Hdr: header(owner, dns.TypeA), A: target.AsSlice()}}
	case qtype == dns.TypeAAAA && target.Is6():
		return []dns.RR{&dns.AAAA{Hdr: header(owner, dns.TypeAAAA), AAAA: target.AsSlice()}}
	}
	return nil
}

func (d *DNS) texts(owner, name string) []dns.RR {
	var records []dns.RR
	for _, value := range d.txt[name] {
		records = append(records, &dns.TXT{Hdr: header(owner, dns.TypeTXT), Txt: splitTXT(value)})
	}
	return records
}

// splitTXT cuts a value into character-strings; there is always at least one.
func splitTXT(value string) []string {
	var parts []string
	for len(value) > maxTXTString {
		parts = append(parts, value[:maxTXTString])
		value = value[maxTXTString:]
	}
	return append(parts, value)
}

func (d *DNS) soa(owner, zone string) dns.RR {
	return &dns.SOA{
		Hdr:     header(owner, dns.TypeSOA),
		Ns:      "ns1." + zone,
		Mbox:    "hostmaster." + zone,
		Serial:  d.serial,
		Refresh: 3600,
		Retry:   600,
		Expire:  86400,
		Minttl:  recordTTL,
	}
}

// zoneOf returns the longest of our zones that holds a name, or "".
func (d *DNS) zoneOf(name string) string {
	longest := ""
	for _, zone := range d.options.Zones {
		if dns.IsSubDomain(zone, name) && len(zone) > len(longest) {
			longest = zone
		}
	}
	return longest
}

func header(name string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: recordTTL}
}
