package rfc2136

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/reach"
	"github.com/certwright/certwright/internal/solver/internal/dnsclient"
)

const (
	defaultPort      = "53"
	defaultAlgorithm = "HMACMD5"
)

// algorithms are the names of the API and those of RFC 8945 section 6.
var algorithms = map[string]string{
	"HMACMD5":    dns.HmacMD5,
	"HMACSHA1":   dns.HmacSHA1,
	"HMACSHA224": dns.HmacSHA224,
	"HMACSHA256": dns.HmacSHA256,
	"HMACSHA384": dns.HmacSHA384,
	"HMACSHA512": dns.HmacSHA512,
}

// Config says where and how to send updates.
type Config struct {
	// Nameserver is the primary server of the zone as host or host:port; the default port is 53.
	Nameserver string
	// Reach says at which addresses the server may be.
	Reach reach.Policy
	// Protocol is UDP (the default) or TCP, in any case of letters.
	Protocol string

	// TSIGKeyName and TSIGSecret (base64) sign all messages; without both, none is signed.
	TSIGKeyName string
	TSIGSecret  string
	// TSIGAlgorithm is HMACMD5 (the default), HMACSHA1, HMACSHA224, HMACSHA256, HMACSHA384 or HMACSHA512,
	// in any case of letters.
	TSIGAlgorithm string
}

// New returns a provider, or an error that says which setting to change.
func New(config Config) (*Provider, error) {
	server, err := hostPort(config.Nameserver)
	if err != nil {
		return nil, err
	}
	tcp, err := isTCP(config.Protocol)
	if err != nil {
		return nil, err
	}
	key, err := newKey(config)
	if err != nil {
		return nil, err
	}
	return &Provider{server: server, client: dnsclient.Client{TCP: tcp, Key: key, Reach: config.Reach}}, nil
}

// hostPort completes the address of a server. An IPv6 address without a port may lack its brackets.
func hostPort(nameserver string) (string, error) {
	if address, err := netip.ParseAddr(strings.Trim(nameserver, "[]")); err == nil {
		return net.JoinHostPort(address.String(), defaultPort), nil
	}
	host, port := nameserver, defaultPort
	if strings.Contains(nameserver, ":") {
		var err error
		host, port, err = net.SplitHostPort(nameserver)
		if err != nil {
			return "", fmt.Errorf("nameserver %q must be host or host:port, with an IPv6 address in brackets", nameserver)
		}
	}
	if number, err := strconv.ParseUint(port, 10, 16); err != nil || number == 0 {
		return "", fmt.Errorf("the port of nameserver %q must be a number from 1 to 65535", nameserver)
	}
	if !isHost(host) {
		return "", fmt.Errorf("nameserver %q must be host or host:port, and the host an IP address or a DNS name", nameserver)
	}
	return net.JoinHostPort(host, port), nil
}

func isHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	_, ok := dns.IsDomainName(host)
	return ok && host != "" && host != "." && !strings.ContainsAny(host, " \t\r\n/@\\[]:")
}

func isTCP(protocol string) (bool, error) {
	switch strings.ToUpper(protocol) {
	case "", "UDP":
		return false, nil
	case "TCP":
		return true, nil
	}
	return false, fmt.Errorf("protocol %q must be UDP or TCP", protocol)
}

// newKey returns nil where updates are not to be signed.
func newKey(config Config) (*dnsclient.Key, error) {
	name := strings.TrimSpace(config.TSIGKeyName)
	secret := strings.TrimSpace(config.TSIGSecret)
	algorithm, err := algorithmName(config.TSIGAlgorithm)
	switch {
	case err != nil:
		return nil, err
	case name == "" && secret == "":
		return nil, nil
	case name == "":
		return nil, errors.New("there is a TSIG secret but no key name: set tsigKeyName")
	case secret == "":
		return nil, errors.New("there is a TSIG key name but no secret: set tsigSecretSecretRef")
	}
	if _, ok := dns.IsDomainName(name); !ok {
		return nil, fmt.Errorf("tsigKeyName %q must be a domain name, as the server's key statement has it", name)
	}
	raw, err := base64.StdEncoding.DecodeString(secret)
	if err != nil || len(raw) == 0 {
		return nil, errors.New("the TSIG secret must be base64, as the server's key statement has it")
	}
	key := &dnsclient.Key{Name: dns.CanonicalName(name), Algorithm: algorithm, Secret: secret}
	if algorithm == dns.HmacMD5 {
		key.Provider = md5Key{name: key.Name, secret: raw}
	}
	return key, nil
}

func algorithmName(algorithm string) (string, error) {
	if algorithm == "" {
		algorithm = defaultAlgorithm
	}
	name, found := algorithms[strings.ToUpper(algorithm)]
	if !found {
		return "", fmt.Errorf("tsigAlgorithm %q must be HMACMD5, HMACSHA1, HMACSHA224, HMACSHA256, HMACSHA384 or HMACSHA512", algorithm)
	}
	return name, nil
}
