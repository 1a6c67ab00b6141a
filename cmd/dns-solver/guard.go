package main

import (
	"os"

	"github.com/certwright/certwright/internal/dnssolver/wire"
)

type guard struct{}

func newGuard(wire.Request) (*guard, error) { return &guard{}, nil }
func (g *guard) files() []*os.File          { return nil }
func (g *guard) started(*os.Process)        {}
func (g *guard) forget()                    {}
func (g *guard) refused() error             { return nil }
func (g *guard) close()                     {}

func askForGuard(wire.Request, string) wire.Answer { return wire.Answer{} }
