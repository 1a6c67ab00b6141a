// Package ext stands in for the extension point of Traefik's makers, which is a folder of their repository and no module
// that could be fetched: with nothing in it, Traefik is what they publish.
package ext

// HTTP extends the dynamic configuration of HTTP.
type HTTP struct{}

// Router extends that of a router.
type Router struct{}
