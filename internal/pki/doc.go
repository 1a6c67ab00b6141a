// Package pki holds everything Certwright knows about keys, certificate
// requests and certificate chains: it makes them, reads them, signs them and
// says whether they match each other and what was asked for.
//
// Every layer above may import it; it imports the standard library only, and
// knows neither Kubernetes nor any CA. It reads no clock (callers hand in the
// time), takes randomness from crypto/rand alone, does no input or output, and
// never puts key material into an error.
//
// What comes from outside (a PEM file, a request, an answer of a CA) is bounded
// in size before it is decoded. Parsed values are shared, not copied: callers
// must not modify a certificate that a function of this package returned.
package pki
