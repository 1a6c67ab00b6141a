package acme

import (
	"context"
	"encoding/json"
	"net/url"
	"time"
)

// maxOrders bounds the orders of one page.
const maxOrders = 10000

// OrderList is one page of an account's orders (RFC 8555 section 7.1.2.1).
// Invalid orders are not listed, and few CAs have such a list at all.
type OrderList struct {
	Orders []string // URLs, none of them checked before it is fetched

	// Next is the URL of the next page; empty on the last.
	Next string

	RetryAfter time.Time
}

// FetchOrders reads a page of orders by the URL in Registration.Orders or
// OrderList.Next.
func (c *Client) FetchOrders(ctx context.Context, account Account, ordersURL string) (*OrderList, error) {
	resp, err := c.post(ctx, signedRequest{op: OpOrders, url: ordersURL, account: account})
	if err != nil {
		return nil, err
	}
	list, err := parseOrderList(resp.body, resp.url)
	if err != nil {
		return nil, err
	}
	if next := resp.links("next"); len(next) > 0 {
		list.Next = next[0]
	}
	list.RetryAfter = resp.retryAfter
	return list, nil
}

func parseOrderList(body []byte, base *url.URL) (*OrderList, error) {
	var wire struct {
		Orders []string `json:"orders"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return nil, &ProtocolError{Op: OpOrders, Reason: ReasonMalformed}
	}
	if len(wire.Orders) > maxOrders {
		return nil, &ProtocolError{Op: OpOrders, Reason: ReasonTooLarge}
	}
	return &OrderList{Orders: resolveAll(base, wire.Orders)}, nil
}
