// Package routing decides which objects lead a CA's HTTP-01 request (RFC 8555 section 8.3), or its TLS-ALPN-01 handshake
// (RFC 8737 section 3), to what answers it: the Services, EndpointSlices, Ingresses, HTTPRoutes, TLSRoutes and
// ReferenceGrants of a namespace, the Pods of orders that have a pod of their own, and the paths that are added to
// Ingresses of others.
//
// It is pure: the orders and the objects of one namespace go in, a Plan comes out. The routing reconciler carries plans
// out, and the order controller asks which way an answer takes.
package routing
