module github.com/certwright/certwright/cmd/dns-solver

go 1.26.0

require (
	github.com/certwright/certwright v0.0.0
	github.com/go-acme/lego/v5 v5.4.1
	github.com/miekg/dns v1.1.73
	golang.org/x/sys v0.48.0
)

require (
	github.com/cenkalti/backoff/v5 v5.0.3 // indirect
	github.com/go-jose/go-jose/v4 v4.1.9 // indirect
	golang.org/x/net v0.59.0 // indirect
)

replace github.com/certwright/certwright => ../..
