package acmetest

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
)

// Status is what the server itself says of a certificate that it issued: Valid or Revoked.
func (s *Server) Status(ctx context.Context, leaf *x509.Certificate) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/cert-status-by-serial/%x", s.ManagementURL, leaf.SerialNumber), nil)
	if err != nil {
		return "", err
	}
	response, err := s.HTTPClient().Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }() // It has been read.
	var answer struct{ Status string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return "", fmt.Errorf("what Pebble says about the certificate %x (%s): %w", leaf.SerialNumber, response.Status, err)
	}
	return answer.Status, nil
}
