package main

import (
	"bytes"

	"github.com/certwright/certwright/internal/dnssolver/providers"
)

func page(all []providers.Provider) []byte { return new(bytes.Buffer).Bytes() }
