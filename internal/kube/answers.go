package kube

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	acmev1 "github.com/certwright/certwright/api/acme/v1"
)

// Answer finds the answer to an HTTP-01 challenge among the Orders in the cache: for this token, and
// for no other host than the one it was given out for.
func Answer(ctx context.Context, reader client.Reader, host, token string) (string, bool) {
	var orders acmev1.OrderList
	if err := reader.List(ctx, &orders, client.MatchingFields{IndexToken: token}, client.UnsafeDisableDeepCopy); err != nil {
		return "", false
	}
	for i := range orders.Items {
		for j := range orders.Items[i].Status.Authorizations {
			authorization := &orders.Items[i].Status.Authorizations[j]
			c := authorization.Challenge
			if c != nil && c.Type == acmev1.HTTP01 && c.Token == token && strings.EqualFold(authorization.Identifier, host) {
				return c.KeyAuthorization, c.KeyAuthorization != ""
			}
		}
	}
	return "", false
}

// TLSAnswer finds the key authorization of a TLS-ALPN-01 challenge for a name, in lower case, among the Orders in the
// cache. One name has one answer at a time: where several Orders wait for theirs, the one that was presented first is
// answered, by every replica alike, and the others after it.
func TLSAnswer(ctx context.Context, reader client.Reader, name string) (string, bool) {
	var orders acmev1.OrderList
	if err := reader.List(ctx, &orders, client.MatchingFields{IndexTLSName: name}, client.UnsafeDisableDeepCopy); err != nil {
		return "", false
	}
	var first *acmev1.ChallengeProgress
	for i := range orders.Items {
		for j := range orders.Items[i].Status.Authorizations {
			authorization := &orders.Items[i].Status.Authorizations[j]
			if !waitsForTLS(authorization) || !strings.EqualFold(authorization.Identifier, name) {
				continue
			}
			if first == nil || isBefore(authorization.Challenge, first) {
				first = authorization.Challenge
			}
		}
	}
	if first == nil {
		return "", false
	}
	return first.KeyAuthorization, true
}

// isBefore orders challenges by when they were presented, and those of the same second by their address.
func isBefore(a, b *acmev1.ChallengeProgress) bool {
	if a.PresentedAt.Equal(b.PresentedAt) {
		return a.URL < b.URL
	}
	return a.PresentedAt.Before(b.PresentedAt)
}

// RevocationList finds an entry of a Secret with revocation lists in the cache, and what identifies this version of
// the Secret. The bytes are the cache's own.
func RevocationList(ctx context.Context, reader client.Reader, label string, name types.NamespacedName, entry string) (list []byte, version string, found bool) {
	secret := &corev1.Secret{}
	if err := reader.Get(ctx, name, secret, client.UnsafeDisableDeepCopy); err != nil || secret.Labels[label] != api.RevocationLists {
		return nil, "", false
	}
	list, found = secret.Data[entry]
	return list, string(secret.UID) + "/" + secret.ResourceVersion, found
}

// ReadyEndpoints are the addresses (host:port) behind a port of a Service that are ready to answer.
func ReadyEndpoints(ctx context.Context, reader client.Reader, namespace, service string, port int) ([]string, error) {
	addresses, err := ReadyAddresses(ctx, reader, namespace, service)
	for i, address := range addresses {
		addresses[i] = net.JoinHostPort(address, strconv.Itoa(port))
	}
	return addresses, err
}

// ReadyAddresses are the IP addresses behind a Service that are ready to answer, each once.
func ReadyAddresses(ctx context.Context, reader client.Reader, namespace, service string) ([]string, error) {
	var list discoveryv1.EndpointSliceList
	if err := reader.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{discoveryv1.LabelServiceName: service}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var addresses []string
	for i := range list.Items {
		for _, endpoint := range list.Items[i].Endpoints {
			if ptr.Deref(endpoint.Conditions.Ready, true) {
				addresses = append(addresses, endpoint.Addresses...)
			}
		}
	}
	slices.Sort(addresses)
	return slices.Compact(addresses), nil
}
