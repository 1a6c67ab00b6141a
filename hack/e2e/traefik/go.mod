module github.com/certwright/certwright/hack/e2e/traefik

go 1.26.0

require github.com/traefik/traefik/v3 v3.7.13

// What Traefik's own go.mod replaces, but for the fork of go-http-auth, whose newest version no proxy has.
replace (
	github.com/abbot/go-http-auth => github.com/containous/go-http-auth v0.4.1-0.20200324110947-a37a7636d23e
	github.com/gorilla/mux => github.com/containous/mux v0.0.0-20250523120546-41b6ec3aed59
)

// The extension point of Traefik's makers, empty.
replace github.com/traefik/traefik/dynamic/ext => ./ext

// A copy of lego without its DNS providers, which hack/e2e/build.sh makes beside this file.
replace github.com/go-acme/lego/v5 => ./lego

exclude github.com/tencentcloud/tencentcloud-sdk-go v3.0.83+incompatible
