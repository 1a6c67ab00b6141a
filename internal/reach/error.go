package reach

// Class says what an address is that is not public. It completes the sentence "its address is …".
type Class string

// Classes of addresses.
const (
	ClassUnspecified   Class = "unspecified"
	ClassLoopback      Class = "a loopback address"
	ClassPrivate       Class = "private"
	ClassShared        Class = "shared among a provider's customers"
	ClassLinkLocal     Class = "link-local"
	ClassPlatform      Class = "a service of the cloud platform"
	ClassMulticast     Class = "a multicast address"
	ClassBroadcast     Class = "a broadcast address"
	ClassDocumentation Class = "for documentation only"
	ClassBenchmark     Class = "for benchmarks only"
	ClassProtocol      Class = "set aside for a protocol"
	ClassTranslated    Class = "an IPv4 address in translation"
	ClassTunnel        Class = "the end of a tunnel over IPv4"
	ClassDiscard       Class = "for discarding only"
	ClassReserved      Class = "reserved"
	ClassOddForm       Class = "not in the usual form"
	ClassCredentials   Class = "where a cloud gives out credentials"
)

// Error is an address that a Policy does not allow. Its text is the same for every address of a class, and
// names no address: what a name resolves to inside the cluster is nothing to tell a tenant.
type Error struct{ Class Class }

// Error implements error.
func (e *Error) Error() string {
	if e.Class == ClassCredentials {
		return "its address is " + string(e.Class) + ", where no issuer's server may be: use another address"
	}
	return "its address is " + string(e.Class) + ", and the Issuer of a namespace reaches public addresses only: " +
		"use a ClusterIssuer, or have the network named in --allow-private-addresses"
}

// Forbidden tells package acme, which does not know this one, that the error is a rule of this side's and
// not a failure of the network.
func (e *Error) Forbidden() {}
