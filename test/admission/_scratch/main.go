package main

import (
	"fmt"
	"os"
	"os/signal"

	"github.com/certwright/certwright/api"
	"github.com/certwright/certwright/internal/testkit"
)

func main() {
	cp, err := testkit.StartControlPlane(testkit.ControlPlaneOptions{Names: api.DefaultNames(), CRDFolder: os.Args[1]})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.WriteFile("/tmp/kc-admission", cp.KubeConfig, 0o600)
	fmt.Println("up")
	c := make(chan os.Signal, 1)
	signal.Notify(c, os.Interrupt)
	<-c
	cp.Stop()
}
