package orderflow_test

import (
	"fmt"
	"strings"
	"testing"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/orderflow"
)

// A CA may have much to say about each of many names; a status that quoted all of it could not be written.
func TestReasonOfAFailureIsBounded(t *testing.T) {
	order := &acmev1.Order{}
	order.Status.URL = "https://ca.test/order/1"
	progress := orderflow.NewProgress("uid")
	progress.Order = &acme.Order{Status: acme.OrderInvalid}
	for i := range 100 {
		url := fmt.Sprintf("https://ca.test/authz/%d", i)
		order.Status.Authorizations = append(order.Status.Authorizations, acmev1.Authorization{URL: url})
		progress.Authorizations[url] = &acme.Authorization{
			Status: acme.AuthorizationInvalid, Identifier: acme.DNSIdentifier("www.example.test"),
			Challenges: []acme.Challenge{{Error: &acme.Problem{
				Type: acme.TypeDNS, Detail: strings.Repeat("ä", 500),
			}}},
		}
	}
	order.CreationTimestamp.Time = now
	next := orderflow.Decide(orderflow.Snapshot{Now: now, Order: order, Progress: progress})
	if next.Step != orderflow.Fail || !strings.HasPrefix(next.Failure.Message, "www.example.test: dns: ä") {
		t.Fatalf("step %s, failure %.80v", next.Step, next.Failure)
	}
	if got := len(next.Failure.Message); got > 4096 {
		t.Errorf("the reason has %d bytes", got)
	}
}
