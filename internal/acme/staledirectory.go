package acme

import (
	"errors"
	"net/http"
	"slices"
)

// forgetIfStale makes the next call read the directory anew where an error may
// come from an old one.
func (c *Client) forgetIfStale(err error) {
	if directoryIsStale(err) {
		c.ForgetDirectory()
	}
}

// directoryIsStale says whether an error may come from a directory that is out
// of date: the resource is gone or has moved, the profile is no longer on
// offer, or the host does not answer as it did. A failure that leaves the
// answer open, such as a timeout, says nothing about the directory.
func directoryIsStale(err error) bool {
	if problem, ok := AsProblem(err); ok {
		return problem.Status == http.StatusNotFound || problem.Status == http.StatusGone || problem.HasType(TypeInvalidProfile)
	}
	if protocol, ok := errors.AsType[*ProtocolError](err); ok {
		return protocol.Reason == ReasonRedirect
	}
	network, ok := errors.AsType[*NetworkError](err)
	return ok && slices.Contains([]NetworkKind{NetworkDNS, NetworkRefused, NetworkWrongName, NetworkTLS}, network.Kind)
}
