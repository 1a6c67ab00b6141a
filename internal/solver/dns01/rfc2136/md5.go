package rfc2136

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // G501: HMAC-MD5 is what the API signs with by default; see md5Key
	"encoding/hex"

	"github.com/miekg/dns"

	"github.com/certwright/certwright/internal/solver/internal/dnsclient"
)

// md5Key signs with HMAC-MD5 (RFC 8945 section 6), which the DNS library has dropped. The API's default is
// that algorithm, and servers have keys for it, so that leaving it out would break manifests that work. It
// is weak but not broken here: the known attacks find collisions of MD5, and forging an HMAC takes more
// (RFC 6151 section 2.3).
type md5Key struct {
	name   string // canonical
	secret []byte
}

// Generate implements dns.TsigProvider.
func (k md5Key) Generate(message []byte, signature *dns.TSIG) ([]byte, error) {
	if !dnsclient.SameName(signature.Hdr.Name, k.name) {
		return nil, dns.ErrSecret
	}
	if !dnsclient.SameName(signature.Algorithm, dns.HmacMD5) {
		return nil, dns.ErrKeyAlg
	}
	mac := hmac.New(md5.New, k.secret)
	mac.Write(message)
	return mac.Sum(nil), nil
}

// Verify implements dns.TsigProvider.
func (k md5Key) Verify(message []byte, signature *dns.TSIG) error {
	want, err := k.Generate(message, signature)
	if err != nil {
		return err
	}
	got, err := hex.DecodeString(signature.MAC)
	if err != nil || !hmac.Equal(want, got) {
		return dns.ErrSig
	}
	return nil
}
