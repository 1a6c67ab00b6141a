package main

import (
	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/providers/dns/httpreq"
)

// providers make a provider from the environment.
var providers = map[string]func() (challenge.Provider, error){
	"httpreq": func() (challenge.Provider, error) { return httpreq.NewDNSProvider() },
}
var exacts = map[string]func() exact{}
