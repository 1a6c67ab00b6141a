package controllers_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
	gatewayv1beta1 "sigs.k8s.io/gateway-api/apis/v1beta1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/operator"
)

// edge stands where an ingress controller and a gateway stand: it takes requests at the port where the CA asks, finds
// the Ingress or HTTPRoute that they fit, and passes them to an endpoint of its backend. It goes by what the API
// server has at the time, and gives every route its address.
type edge struct {
	client.Client
	world     *acmeWorld
	namespace string
	// own is the operator's namespace, replica the port that it answers at there.
	own     string
	replica string
	// tlsReplica is the port that the operator answers at over TLS.
	tlsReplica string

	mu sync.Mutex
	// before, if set, takes requests before they are routed, and says whether it did.
	before func(http.ResponseWriter, *http.Request) bool
	// blind lets no endpoint of this namespace be reached, as load balancers do that know nodes only.
	blind bool
	// refuses has the Gateway carry no TLSRoute.
	refuses bool
	// served counts the requests that a backend answered, by its Service.
	served map[string]int
}

// hostAddress is an address of this machine that EndpointSlices may have: they take no loopback.
func hostAddress() string {
	GinkgoHelper()
	addresses, err := net.InterfaceAddrs()
	Expect(err).NotTo(HaveOccurred())
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.To4() != nil && network.IP.IsGlobalUnicast() {
			return network.IP.String()
		}
	}
	Skip("this machine has no address but loopback, which an EndpointSlice cannot have")
	return ""
}

// startEdge starts a CA, an edge where it asks, and an operator that has its Service in a namespace of its own.
func startEdge(ctx context.Context, s *space, change ...func(*operator.Options)) *edge {
	GinkgoHelper()
	e := &edge{Client: s.Client, namespace: s.namespace, own: newNamespace(ctx, s.Client), served: map[string]int{}}
	e.world = startACME()
	address := hostAddress()
	_, e.replica, _ = net.SplitHostPort(freeAddress())
	_, e.tlsReplica, _ = net.SplitHostPort(freeAddress())
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", e.world.solver)
	Expect(err).NotTo(HaveOccurred())
	server := &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	DeferCleanup(server.Close)
	e.passThrough(ctx)
	e.ownService(ctx, address)
	startOperator(s.namespace, append([]func(*operator.Options){e.world.operator, func(options *operator.Options) {
		options.OwnNamespace, options.ClusterResourceNamespace = e.own, e.own
		options.HTTP01SolverAddress, options.HTTP01SolverService = net.JoinHostPort("0.0.0.0", e.replica), "solver"
		_, port, _ := net.SplitHostPort(e.world.solver)
		options.HTTP01Port, err = strconv.Atoi(port)
		Expect(err).NotTo(HaveOccurred())
		options.TLSALPN01SolverAddress = net.JoinHostPort("0.0.0.0", e.tlsReplica)
		_, port, _ = net.SplitHostPort(e.world.passthrough)
		options.TLSALPN01Port, err = strconv.Atoi(port)
		Expect(err).NotTo(HaveOccurred())
	}}, change...)...)
	return e
}

// ownService is the operator's own Service, with this process behind it.
func (e *edge) ownService(ctx context.Context, address string) {
	GinkgoHelper()
	port, err := strconv.Atoi(e.replica)
	Expect(err).NotTo(HaveOccurred())
	create(ctx, e.Client,
		&corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: e.own, Name: "solver"},
			Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: int32(port)}}},
		},
		&discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Namespace: e.own, Name: "solver-1", Labels: map[string]string{discoveryv1.LabelServiceName: "solver"}},
			AddressType: discoveryv1.AddressTypeIPv4,
			Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: new(true)}}},
			Ports:       []discoveryv1.EndpointPort{{Name: new("http"), Port: new(int32(port))}},
		})
}

// ServeHTTP implements http.Handler.
func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	before := e.before
	e.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	namespace, service, port := e.find(r.Context(), host, r.URL.Path)
	if service == "" {
		http.Error(w, "no route", http.StatusNotFound)
		return
	}
	endpoint := e.endpoint(r.Context(), namespace, service, port)
	if endpoint == "" {
		http.Error(w, "no endpoint", http.StatusServiceUnavailable)
		return
	}
	e.mu.Lock()
	e.served[service]++
	e.mu.Unlock()
	proxy := httputil.ReverseProxy{Rewrite: func(out *httputil.ProxyRequest) {
		out.SetURL(&url.URL{Scheme: "http", Host: endpoint})
		out.Out.Host = out.In.Host
	}}
	proxy.ServeHTTP(w, r)
}

// find is the backend of the route that fits best: an exact path before a prefix.
func (e *edge) find(ctx context.Context, host, path string) (namespace, service string, port int32) {
	longest := -1
	better := func(rule string, exact bool) bool {
		fits := path == rule || !exact && strings.HasPrefix(path, strings.TrimSuffix(rule, "/")+"/")
		return fits && len(rule) > longest
	}
	var ingresses networkingv1.IngressList
	_ = e.List(ctx, &ingresses, client.InNamespace(e.namespace))
	for _, ingress := range ingresses.Items {
		for _, rule := range ingress.Spec.Rules {
			if rule.Host != "" && !strings.EqualFold(rule.Host, host) || rule.HTTP == nil {
				continue
			}
			for _, p := range rule.HTTP.Paths {
				if better(p.Path, *p.PathType == networkingv1.PathTypeExact) {
					longest, namespace, service, port = len(p.Path), ingress.Namespace, p.Backend.Service.Name, p.Backend.Service.Port.Number
				}
			}
		}
	}
	var routes gatewayv1.HTTPRouteList
	_ = e.List(ctx, &routes, client.InNamespace(e.namespace))
	for _, route := range routes.Items {
		for _, rule := range route.Spec.Rules {
			match, backend := rule.Matches[0].Path, rule.BackendRefs[0]
			if e.attached(ctx, &route, host) && better(*match.Value, *match.Type == gatewayv1.PathMatchExact) {
				longest, namespace, service, port = len(*match.Value), route.Namespace, string(backend.Name), *backend.Port
				if backend.Namespace != nil {
					namespace = string(*backend.Namespace)
				}
			}
		}
	}
	return namespace, service, port
}

// attached says whether an HTTPRoute is for a host, and may lead where it leads.
func (e *edge) attached(ctx context.Context, route *gatewayv1.HTTPRoute, host string) bool {
	names := route.Spec.Hostnames
	forHost := len(names) == 0
	for _, name := range names {
		forHost = forHost || strings.EqualFold(string(name), host)
	}
	backend := route.Spec.Rules[0].BackendRefs[0]
	if !forHost || backend.Namespace == nil || string(*backend.Namespace) == route.Namespace {
		return forHost
	}
	var grants gatewayv1beta1.ReferenceGrantList
	_ = e.List(ctx, &grants, client.InNamespace(string(*backend.Namespace)))
	for _, grant := range grants.Items {
		if string(grant.Spec.From[0].Namespace) == route.Namespace && *grant.Spec.To[0].Name == backend.Name {
			return true
		}
	}
	return false
}

// endpoint is an address behind a Service: in its EndpointSlices, or a pod that it selects.
func (e *edge) endpoint(ctx context.Context, namespace, service string, port int32) string {
	e.mu.Lock()
	blind := e.blind
	e.mu.Unlock()
	found := &corev1.Service{}
	if err := e.Get(ctx, client.ObjectKey{Namespace: namespace, Name: service}, found); err != nil {
		return ""
	}
	if found.Spec.Selector != nil {
		var pods corev1.PodList
		_ = e.List(ctx, &pods, client.InNamespace(namespace), client.MatchingLabels(found.Spec.Selector))
		for _, pod := range pods.Items {
			if pod.Status.PodIP != "" {
				return net.JoinHostPort(pod.Status.PodIP, strconv.Itoa(int(found.Spec.Ports[0].TargetPort.IntVal)))
			}
		}
		return ""
	}
	var list discoveryv1.EndpointSliceList
	_ = e.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabels{discoveryv1.LabelServiceName: service})
	for _, slice := range list.Items {
		if len(slice.Endpoints) > 0 && !blind {
			return net.JoinHostPort(slice.Endpoints[0].Addresses[0], strconv.Itoa(int(port)))
		}
	}
	return ""
}

// intercept has requests handled before they are routed.
func (e *edge) intercept(before func(http.ResponseWriter, *http.Request) bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.before = before
}

// answeredBy says whether a backend of this name has answered.
func (e *edge) answeredBy(service string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.served[service]
}

// giveAddresses tells, as the controller of an Ingress does, that all Ingresses are reached at the edge.
func (e *edge) giveAddresses(ctx context.Context) {
	var ingresses networkingv1.IngressList
	_ = e.List(ctx, &ingresses, client.InNamespace(e.namespace))
	for _, ingress := range ingresses.Items {
		if len(ingress.Status.LoadBalancer.Ingress) == 0 {
			ingress.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "127.0.0.1"}}
			_ = e.Status().Update(ctx, &ingress)
		}
	}
}

// runPods does for the pods of orders what a kubelet does: it runs their program, at an address of their own.
func (e *edge) runPods(ctx context.Context, solverProgram string) {
	var pods corev1.PodList
	_ = e.List(ctx, &pods, client.InNamespace(e.namespace))
	for i := range pods.Items {
		pod := &pods.Items[i]
		if pod.Status.PodIP != "" {
			continue
		}
		address, _, _ := net.SplitHostPort(freePodAddress())
		program := exec.Command(solverProgram, append([]string{"-listen", address + ":8089"}, pod.Spec.Containers[0].Args...)...)
		program.Stderr = GinkgoWriter
		Expect(program.Start()).To(Succeed())
		DeferCleanup(func() { _ = program.Process.Kill(); _ = program.Wait() })
		pod.Status.Phase, pod.Status.PodIP = corev1.PodRunning, address
		pod.Status.PodIPs = []corev1.PodIP{{IP: address}}
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		Expect(e.Status().Update(ctx, pod)).To(Succeed())
	}
}

var podAddresses struct {
	sync.Mutex
	last int
}

// freePodAddress is a loopback address that no other pod of this machine's specs has.
func freePodAddress() string {
	suite, _ := GinkgoConfiguration()
	podAddresses.Lock()
	defer podAddresses.Unlock()
	podAddresses.last++
	return fmt.Sprintf("127.77.%d.%d:8089", suite.ParallelProcess, podAddresses.last)
}

// buildSolver builds the program of solver pods.
func buildSolver() string {
	GinkgoHelper()
	program := filepath.Join(GinkgoT().TempDir(), "solver")
	output, err := exec.Command("go", "build", "-o", program, "../cmd/solver").CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
	return program
}

// byIngress solves through an Ingress.
func byIngress(ingress v1.HTTP01Ingress) v1.ACMESolver {
	return v1.ACMESolver{HTTP01: &v1.HTTP01Solver{Ingress: &ingress}}
}

// byGateway solves through an HTTPRoute.
func byGateway(gateway v1.HTTP01GatewayHTTPRoute) v1.ACMESolver {
	return v1.ACMESolver{HTTP01: &v1.HTTP01Solver{GatewayHTTPRoute: &gateway}}
}
