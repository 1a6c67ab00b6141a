package controllers_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"
)

// passThrough stands where a Gateway passes TLS through: it takes connections at the port where the CA asks, reads the
// server name, finds the TLSRoute that it fits, and copies all bytes to and from an endpoint of its backend.
func (e *edge) passThrough(ctx context.Context) {
	GinkgoHelper()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", e.world.passthrough)
	Expect(err).NotTo(HaveOccurred())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go e.carry(ctx, conn)
		}
	}()
	DeferCleanup(func() { _ = listener.Close(); <-ended })
}

// carry passes one connection on, or closes it.
func (e *edge) carry(ctx context.Context, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	hello, name := serverName(conn)
	namespace, service, port := e.findTLS(ctx, name)
	if service == "" {
		return
	}
	backend, err := (&net.Dialer{}).DialContext(ctx, "tcp", e.endpoint(ctx, namespace, service, port))
	if err != nil {
		return
	}
	defer func() { _ = backend.Close() }()
	e.mu.Lock()
	e.served["tls/"+name]++
	e.mu.Unlock()
	if _, err := backend.Write(hello); err != nil {
		return
	}
	go func() { _, _ = io.Copy(backend, conn) }()
	_, _ = io.Copy(conn, backend)
}

// serverName reads a connection as far as the name that a client asks for, and gives what it read.
func serverName(conn net.Conn) (read []byte, name string) {
	var heard bytes.Buffer
	enough := errors.New("the name is known")
	_ = tls.Server(listening{Conn: conn, Reader: io.TeeReader(conn, &heard)}, &tls.Config{
		GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			name = hello.ServerName
			return nil, enough
		},
	}).Handshake()
	return heard.Bytes(), name
}

// listening is a connection that nothing is said to.
type listening struct {
	net.Conn
	io.Reader
}

func (l listening) Read(b []byte) (int, error) { return l.Reader.Read(b) }
func (listening) Write(b []byte) (int, error)  { return len(b), nil }

// findTLS is the backend of the TLSRoute for a host that a listener in mode Passthrough carries, and that may lead there.
func (e *edge) findTLS(ctx context.Context, host string) (namespace, service string, port int32) {
	var routes gatewayv1.TLSRouteList
	_ = e.List(ctx, &routes, client.InNamespace(e.namespace))
	for i := range routes.Items {
		route := &routes.Items[i]
		backend := route.Spec.Rules[0].BackendRefs[0]
		for _, name := range route.Spec.Hostnames {
			if strings.EqualFold(string(name), host) && e.isPassedThrough(ctx, route) && e.isGranted(ctx, route, backend) {
				return string(*backend.Namespace), string(backend.Name), *backend.Port
			}
		}
	}
	return "", "", 0
}

func (e *edge) isPassedThrough(ctx context.Context, route *gatewayv1.TLSRoute) bool {
	e.mu.Lock()
	refuses := e.refuses
	e.mu.Unlock()
	gateway := &gatewayv1.Gateway{}
	if err := e.Get(ctx, client.ObjectKey{Namespace: route.Namespace, Name: string(route.Spec.ParentRefs[0].Name)}, gateway); err != nil {
		return false
	}
	listener := gateway.Spec.Listeners[0]
	return !refuses && listener.Protocol == gatewayv1.TLSProtocolType && *listener.TLS.Mode == gatewayv1.TLSModePassthrough
}

func (e *edge) isGranted(ctx context.Context, route *gatewayv1.TLSRoute, backend gatewayv1.BackendRef) bool {
	var grants gatewayv1beta1.ReferenceGrantList
	_ = e.List(ctx, &grants, client.InNamespace(string(*backend.Namespace)))
	for _, grant := range grants.Items {
		for _, from := range grant.Spec.From {
			if from.Kind == "TLSRoute" && string(from.Namespace) == route.Namespace && *grant.Spec.To[0].Name == backend.Name {
				return true
			}
		}
	}
	return false
}
