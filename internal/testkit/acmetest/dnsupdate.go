package acmetest

import (
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// tsigFudge is the clock difference, in seconds, that a signed reply allows.
const tsigFudge = 300

// update carries out an RFC 2136 update, wholly or not at all, and returns its
// response code. It knows TXT records and no prerequisites, which is what DNS-01
// needs; anything else is not implemented. An update must be signed.
func (d *DNS) update(request *dns.Msg, signed bool) int {
	switch {
	case !signed:
		return dns.RcodeRefused
	case len(request.Question) != 1 || request.Question[0].Qtype != dns.TypeSOA:
		return dns.RcodeFormatError
	case len(request.Answer) > 0:
		return dns.RcodeNotImplemented
	}
	zone := canonical(request.Question[0].Name)
	if !slices.Contains(d.options.Zones, zone) {
		return dns.RcodeNotAuth
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, record := range request.Ns {
		if code := d.checkChange(zone, record.Header()); code != dns.RcodeSuccess {
			return code
		}
	}
	for _, record := range request.Ns {
		d.change(record)
	}
	d.serial++
	return dns.RcodeSuccess
}

// checkChange is the prescan of RFC 2136 section 3.4.1, for TXT records.
func (d *DNS) checkChange(zone string, header *dns.RR_Header) int {
	wholeName := header.Class == dns.ClassANY && header.Rrtype == dns.TypeANY
	switch {
	case d.zoneOf(canonical(header.Name)) != zone:
		return dns.RcodeNotZone
	case header.Rrtype != dns.TypeTXT && !wholeName:
		return dns.RcodeNotImplemented
	case header.Class == dns.ClassINET:
		return dns.RcodeSuccess
	case header.Class != dns.ClassNONE && header.Class != dns.ClassANY, header.Ttl != 0:
		return dns.RcodeFormatError
	}
	return dns.RcodeSuccess
}

// change applies one record of the update section: its class says whether it
// is added, or deleted by value or by name (RFC 2136 section 2.5).
func (d *DNS) change(record dns.RR) {
	name := canonical(record.Header().Name)
	text := ""
	if txt, ok := record.(*dns.TXT); ok {
		text = strings.Join(txt.Txt, "")
	}
	switch record.Header().Class {
	case dns.ClassINET:
		if !slices.Contains(d.txt[name], text) {
			d.txt[name] = append(d.txt[name], text)
		}
	case dns.ClassNONE:
		d.txt[name] = slices.DeleteFunc(d.txt[name], func(value string) bool { return value == text })
	case dns.ClassANY:
		delete(d.txt, name)
	}
	if len(d.txt[name]) == 0 {
		delete(d.txt, name)
	}
}
