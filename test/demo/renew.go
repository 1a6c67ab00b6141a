package main

import (
	"context"
	"errors"
	"fmt"

	v1 "github.com/certwright/certwright/api/v1"
)

// renewal asks for a new certificate, as a person with the right to edit Certificates can.
const renewal = `[{"op":"add","path":"/status/conditions/-","value":` +
	`{"type":"Issuing","status":"True","reason":"` + v1.ReasonManuallyTriggered + `","message":"Asked for by hand"}}]`

// renew has the ACME certificate renewed, and proves that it is another one.
func (w *world) renew(ctx context.Context) error {
	w.out.say("Renewing %s by hand.", byACME.name)
	before, err := w.chain(ctx, byACME)
	if err != nil {
		return err
	}
	if err := w.shell(ctx, "kubectl patch certificate "+byACME.name+" --subresource=status --type=json -p '"+renewal+"'"); err != nil {
		return err
	}
	err = w.await(ctx, "the renewal of "+byACME.name, func(crt *v1.Certificate) bool { return hasRevision(crt, 2) }, byACME)
	if err != nil {
		return err
	}
	after, err := w.chain(ctx, byACME)
	if err != nil {
		return err
	}
	if before.Leaf().SerialNumber.Cmp(after.Leaf().SerialNumber) == 0 {
		return errors.New("the renewal left the old certificate in the Secret")
	}
	if err := w.verify(ctx, byACME); err != nil {
		return fmt.Errorf("verifying %s after its renewal: %w", byACME.name, err)
	}
	w.row("  replaced", "serial %x", before.Leaf().SerialNumber)
	return nil
}
