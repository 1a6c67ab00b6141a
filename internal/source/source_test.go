package source

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
)

func config() *Config {
	return &Config{Names: api.DefaultNames(), Auto: []string{api.AnnotationTLSACME}}
}

func ingress(annotations map[string]string, tls ...networkingv1.IngressTLS) *networkingv1.Ingress {
	if tls == nil {
		tls = []networkingv1.IngressTLS{{SecretName: "web-tls", Hosts: []string{"web.example.test"}}}
	}
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "web-uid", Annotations: annotations},
		Spec:       networkingv1.IngressSpec{TLS: tls},
	}
}

// with are annotations for an issuer, and one more.
func with(key, value string) map[string]string {
	return map[string]string{"certwright.dev/issuer": "ca", key: value}
}

// Each annotation that cannot be followed leaves the claim without a Certificate, names the annotation and says what
// to write.
func TestAnnotationsThatCannotBeFollowed(t *testing.T) {
	for _, test := range []struct {
		annotations map[string]string
		want        []string
	}{
		{map[string]string{"certwright.dev/issuer": ""}, []string{"certwright.dev/issuer", "names no issuer"}},
		{with("certwright.dev/cluster-issuer", "b"), []string{"certwright.dev/cluster-issuer", "excludes"}},
		{map[string]string{"certwright.dev/cluster-issuer": "b", "certwright.dev/issuer-kind": "Issuer"}, []string{"excludes"}},
		{map[string]string{"certwright.dev/cluster-issuer": "b", "certwright.dev/issuer-group": "example.com"}, []string{"excludes"}},
		{with("certwright.dev/issuer-kind", "Other"), []string{"certwright.dev/issuer-kind", "Issuer or ClusterIssuer"}},
		{map[string]string{"kubernetes.io/tls-acme": "true"}, []string{"default issuer", "--default-issuer-name"}},
		{with("certwright.dev/common-name", strings.Repeat("a", 65)), []string{"certwright.dev/common-name", "64"}},
		{with("certwright.dev/alt-names", `a"b`), []string{"certwright.dev/alt-names", "double quotes"}},
		{with("certwright.dev/alt-names", "not a name"), []string{"not a name"}},
		{with("certwright.dev/ip-sans", "300.1.1.1"), []string{"certwright.dev/ip-sans", `"300.1.1.1"`, "192.0.2.1"}},
		{with("certwright.dev/ip-sans", "fe80::1%eth0"), []string{"certwright.dev/ip-sans"}},
		{with("certwright.dev/uri-sans", "not-absolute"), []string{"not-absolute"}},
		{with("certwright.dev/email-sans", "no address"), []string{"no address"}},
		{with("certwright.dev/duration", "1 hour"), []string{"certwright.dev/duration", "1h", `"1 hour"`}},
		{with("certwright.dev/duration", "59m59s"), []string{"certwright.dev/duration", "at least 1h "}},
		{with("certwright.dev/renew-before", "4m"), []string{"certwright.dev/renew-before", "at least 5m "}},
		{with("certwright.dev/renew-before", "2160h"), []string{"certwright.dev/renew-before", "less than the duration of 2160h"}},
		{with("certwright.dev/renew-before-percentage", "0"), []string{"certwright.dev/renew-before-percentage", "1 to 99"}},
		{with("certwright.dev/renew-before-percentage", "4294967297"), []string{"certwright.dev/renew-before-percentage"}},
		{map[string]string{"certwright.dev/issuer": "ca", "certwright.dev/renew-before": "10m", "certwright.dev/renew-before-percentage": "3"}, []string{"remove one"}},
		{with("certwright.dev/usages", "server auth,nonsense"), []string{"certwright.dev/usages", `"nonsense"`}},
		{with("certwright.dev/revision-history-limit", "0"), []string{"certwright.dev/revision-history-limit"}},
		{with("certwright.dev/private-key-algorithm", "DSA"), []string{"certwright.dev/private-key-algorithm", "RSA or ECDSA or Ed25519"}},
		{with("certwright.dev/private-key-encoding", "PEM"), []string{"certwright.dev/private-key-encoding", "PKCS1 or PKCS8"}},
		{with("certwright.dev/private-key-rotation-policy", "Sometimes"), []string{"Never or Always"}},
		{with("certwright.dev/private-key-size", "1024"), []string{"certwright.dev/private-key-size", "2048"}},
		{map[string]string{"certwright.dev/issuer": "ca", "certwright.dev/private-key-size": "2048", "certwright.dev/private-key-algorithm": "ECDSA"}, []string{"256, 384 or 521"}},
		{with("certwright.dev/secret-template", `{"label": {}}`), []string{"certwright.dev/secret-template", "unknown field"}},
		{with("acme.certwright.dev/http01-edit-in-place", "yes"), []string{"http01-edit-in-place", `"yes"`}},
		{map[string]string{
			"certwright.dev/issuer": "ca", "acme.certwright.dev/http01-edit-in-place": "true", "acme.certwright.dev/http01-ingress-class": "nginx",
		}, []string{"exclude each other"}},
		{with("acme.certwright.dev/http01-parentrefname", "edge"), []string{"http01-parentrefkind"}},
	} {
		plan := config().OfIngress(ingress(test.annotations))
		if len(plan.Claims) != 1 || plan.Claims[0].Certificate != nil {
			t.Errorf("%v: claims %+v, want one without a Certificate", test.annotations, plan.Claims)
			continue
		}
		for _, want := range test.want {
			if !strings.Contains(plan.Claims[0].Problem, want) {
				t.Errorf("%v: the problem is %q, want %q in it", test.annotations, plan.Claims[0].Problem, want)
			}
		}
		if len(plan.Told) != 1 || plan.Told[0].Reason != BadConfig || plan.Told[0].Normal || plan.Told[0].Message != plan.Claims[0].Problem {
			t.Errorf("%v: told %+v", test.annotations, plan.Told)
		}
	}
}

// However much is wrong, what is told of it stays short enough for an annotation and an event.
func TestManyProblems(t *testing.T) {
	plan := config().OfIngress(ingress(with("certwright.dev/usages", strings.Repeat("x,", 10000))))
	if len(plan.Claims) != 1 || plan.Claims[0].Certificate != nil || !strings.Contains(plan.Claims[0].Problem, "certwright.dev/usages") {
		t.Fatalf("claims %+v", plan.Claims)
	}
	if length := len(plan.Claims[0].Problem); length > 1024 {
		t.Errorf("the problem has %d bytes", length)
	}
}

// A Secret's name that no object can have is told where it is written, and asked of nobody.
func TestNamesThatNoSecretHas(t *testing.T) {
	for _, name := range []string{"a/b", "..", "Web", "web_tls", "web-tls."} {
		plan := config().OfIngress(ingress(with("a", "b"), networkingv1.IngressTLS{SecretName: name, Hosts: []string{"web.example.test"}}))
		if len(plan.Claims) != 0 || len(plan.Told) != 1 || plan.Told[0].Reason != BadConfig || !strings.Contains(plan.Told[0].Message, "no name of a Secret") {
			t.Errorf("%q: %+v", name, plan)
		}
	}
}

func TestIssuers(t *testing.T) {
	for name, test := range map[string]struct {
		annotations map[string]string
		want        v1.IssuerRef
	}{
		"issuer":         {with("a", "b"), v1.IssuerRef{Name: "ca", Kind: "Issuer", Group: "certwright.dev"}},
		"cluster issuer": {map[string]string{"certwright.dev/cluster-issuer": "ca"}, v1.IssuerRef{Name: "ca", Kind: "ClusterIssuer", Group: "certwright.dev"}},
		"issuer of a kind": {
			map[string]string{"certwright.dev/issuer": "ca", "certwright.dev/issuer-kind": "Step", "certwright.dev/issuer-group": "example.com"},
			v1.IssuerRef{Name: "ca", Kind: "Step", Group: "example.com"},
		},
		"default":                     {map[string]string{"kubernetes.io/tls-acme": "true"}, v1.IssuerRef{Name: "everyone", Kind: "ClusterIssuer", Group: "certwright.dev"}},
		"an issuer beside tls-acme":   {with("kubernetes.io/tls-acme", "true"), v1.IssuerRef{Name: "ca", Kind: "Issuer", Group: "certwright.dev"}},
		"default, but of another one": {map[string]string{"kubernetes.io/tls-acme": "true", "certwright.dev/issuer-kind": "Issuer"}, v1.IssuerRef{Name: "everyone", Kind: "Issuer", Group: "certwright.dev"}},
	} {
		c := config()
		c.DefaultIssuer = v1.IssuerRef{Name: "everyone", Kind: "ClusterIssuer"}
		plan := c.OfIngress(ingress(test.annotations))
		if len(plan.Claims) != 1 || plan.Claims[0].Certificate == nil {
			t.Errorf("%s: %+v", name, plan)
			continue
		}
		if diff := cmp.Diff(test.want, plan.Claims[0].Certificate.Spec.IssuerRef); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func TestIngressesThatAskForNothing(t *testing.T) {
	answering := ingress(with("a", "b"))
	answering.Labels = map[string]string{"acme.certwright.dev/http01-solver": "true"}
	for name, object := range map[string]*networkingv1.Ingress{
		"no annotation":             ingress(nil),
		"of another group":          ingress(map[string]string{"cert-manager.io/issuer": "ca"}),
		"only a kind":               ingress(map[string]string{"certwright.dev/issuer-kind": "Issuer"}),
		"tls-acme switched off":     ingress(map[string]string{"kubernetes.io/tls-acme": "false"}),
		"one that answers":          answering,
		"tls-acme with other words": ingress(map[string]string{"kubernetes.io/tls-acme": "sure"}),
	} {
		if plan := config().OfIngress(object); len(plan.Claims)+len(plan.Told) > 0 {
			t.Errorf("%s: %+v", name, plan)
		}
	}
}

func TestBlocksWithoutSecretOrHosts(t *testing.T) {
	plan := config().OfIngress(ingress(with("a", "b"),
		networkingv1.IngressTLS{Hosts: []string{"a.example.test"}}, networkingv1.IngressTLS{SecretName: "b-tls"},
		networkingv1.IngressTLS{SecretName: "c-tls", Hosts: []string{"c.example.test", "c.example.test"}}))
	if len(plan.Told) != 2 || !strings.Contains(plan.Told[0].Message, "spec.tls[0]") || !strings.Contains(plan.Told[1].Message, `spec.tls[1], Secret "b-tls"`) {
		t.Errorf("told %+v", plan.Told)
	}
	if len(plan.Claims) != 1 || !cmp.Equal(plan.Claims[0].Certificate.Spec.DNSNames, []string{"c.example.test"}) {
		t.Errorf("claims %+v", plan.Claims)
	}
}

// A Certificate is the source's by its controller, or by its mark where that does not contradict it.
func TestOwns(t *testing.T) {
	key, yes := api.DefaultNames().Annotation.Source, true
	reference := func(kind, name string, uid types.UID) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: "networking.k8s.io/v1", Kind: kind, Name: name, UID: uid, Controller: &yes}}
	}
	for name, test := range map[string]struct {
		namespace, mark string
		owners          []metav1.OwnerReference
		want            bool
	}{
		"its controller":                           {"ns", "", reference("Ingress", "web", "web-uid"), true},
		"its mark":                                 {"ns", "Ingress/ns/web", nil, true},
		"another mark":                             {"ns", "Ingress/ns/other", nil, false},
		"nothing":                                  {"ns", "", nil, false},
		"its mark, of the Ingress before":          {"ns", "Ingress/ns/web", reference("Ingress", "web", "old"), true},
		"no mark, of the Ingress before":           {"ns", "", reference("Ingress", "web", "old"), false},
		"its mark, but another's":                  {"ns", "Ingress/ns/web", reference("Ingress", "other", "other"), false},
		"its mark, but of something of that name":  {"ns", "Ingress/ns/web", reference("Widget", "web", "other"), false},
		"its mark, in a namespace that is another": {"other", "Ingress/ns/web", nil, false},
	} {
		crt := &v1.Certificate{ObjectMeta: metav1.ObjectMeta{Namespace: test.namespace, Name: "web-tls", OwnerReferences: test.owners}}
		if test.mark != "" {
			crt.Annotations = map[string]string{key: api.SourceMark(test.mark, test.namespace, "web-tls")}
		}
		if got := IngressSource(ingress(nil)).owns(crt, key); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
		crt.Name = "copy"
		if got := IngressSource(ingress(nil)).owns(crt, key); got && test.mark != "" {
			t.Errorf("a copy of %s: %v", name, got)
		}
	}
}

// What was written once is not written again.
func TestDecideSettles(t *testing.T) {
	c := config()
	object := ingress(with("certwright.dev/duration", "100h"))
	object.Labels = map[string]string{"a": "b"}
	source, plan := IngressSource(object), c.OfIngress(object)
	name := plan.Claims[0].NamespacedName
	writes := c.Decide(source, &plan, nil, nil)
	if len(writes) != 1 || writes[0].Verb != Create {
		t.Fatalf("writes %+v", writes)
	}
	there := writes[0].Certificate.DeepCopy()
	there.Spec.IssuerRef.Group = ""
	existing := map[types.NamespacedName]*v1.Certificate{name: there}
	if writes := c.Decide(source, &plan, existing, []v1.Certificate{*there}); len(writes) != 0 {
		t.Errorf("writes %+v", writes)
	}
	going := metav1.Now()
	there.DeletionTimestamp = &going
	there.Spec.DNSNames = nil
	if writes := c.Decide(source, &plan, existing, []v1.Certificate{*there}); len(writes) != 0 {
		t.Errorf("writes about one that is going: %+v", writes)
	}
}

func TestRoutesThatAttach(t *testing.T) {
	all, none, selector := gatewayv1.NamespacesFromAll, gatewayv1.NamespacesFromNone, gatewayv1.NamespacesFromSelector
	name, other, kind, group := gatewayv1.SectionName("web"), gatewayv1.SectionName("other"), gatewayv1.Kind("Service"), gatewayv1.Group("")
	port, otherPort := gatewayv1.PortNumber(443), gatewayv1.PortNumber(80)
	home, away := gatewayv1.Namespace("ns"), gatewayv1.Namespace("away")
	chosen := &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}}
	for title, test := range map[string]struct {
		namespace string
		ref       gatewayv1.ParentReference
		from      *gatewayv1.FromNamespaces
		selector  *metav1.LabelSelector
		kinds     []gatewayv1.RouteGroupKind
		want      bool
	}{
		"by name":                                  {"ns", gatewayv1.ParentReference{Name: "edge"}, nil, nil, nil, true},
		"of another name":                          {"ns", gatewayv1.ParentReference{Name: "other"}, nil, nil, nil, false},
		"of another kind":                          {"ns", gatewayv1.ParentReference{Name: "edge", Kind: &kind, Group: &group}, nil, nil, nil, false},
		"in another namespace":                     {"ns", gatewayv1.ParentReference{Name: "edge", Namespace: &away}, nil, nil, nil, false},
		"by listener":                              {"ns", gatewayv1.ParentReference{Name: "edge", SectionName: &name}, nil, nil, nil, true},
		"another listener":                         {"ns", gatewayv1.ParentReference{Name: "edge", SectionName: &other}, nil, nil, nil, false},
		"by port":                                  {"ns", gatewayv1.ParentReference{Name: "edge", Port: &port}, nil, nil, nil, true},
		"another port":                             {"ns", gatewayv1.ParentReference{Name: "edge", Port: &otherPort}, nil, nil, nil, false},
		"from elsewhere by default":                {"away", gatewayv1.ParentReference{Name: "edge", Namespace: &home}, nil, nil, nil, false},
		"from elsewhere where all may":             {"away", gatewayv1.ParentReference{Name: "edge", Namespace: &home}, &all, nil, nil, true},
		"where none may":                           {"ns", gatewayv1.ParentReference{Name: "edge"}, &none, nil, nil, false},
		"selected":                                 {"chosen", gatewayv1.ParentReference{Name: "edge", Namespace: &home}, &selector, chosen, nil, true},
		"not selected":                             {"away", gatewayv1.ParentReference{Name: "edge", Namespace: &home}, &selector, chosen, nil, false},
		"of a namespace that is not known":         {"gone", gatewayv1.ParentReference{Name: "edge", Namespace: &home}, &selector, &metav1.LabelSelector{}, nil, false},
		"selected by nothing":                      {"away", gatewayv1.ParentReference{Name: "edge", Namespace: &home}, &selector, nil, nil, false},
		"where HTTPRoutes may":                     {"ns", gatewayv1.ParentReference{Name: "edge"}, nil, nil, []gatewayv1.RouteGroupKind{{Kind: "GRPCRoute"}, {Kind: "HTTPRoute"}}, true},
		"where only others may":                    {"ns", gatewayv1.ParentReference{Name: "edge"}, nil, nil, []gatewayv1.RouteGroupKind{{Kind: "GRPCRoute"}}, false},
		"where HTTPRoutes of another group may be": {"ns", gatewayv1.ParentReference{Name: "edge"}, nil, nil, []gatewayv1.RouteGroupKind{{Kind: "HTTPRoute", Group: &group}}, false},
	} {
		gateway := &gatewayv1.Gateway{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "edge", Annotations: map[string]string{"certwright.dev/issuer": "ca"}},
			Spec: gatewayv1.GatewaySpec{Listeners: []gatewayv1.Listener{{
				Name: "web", Port: 443, Protocol: gatewayv1.HTTPSProtocolType,
				TLS:           &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "web-tls"}}},
				AllowedRoutes: &gatewayv1.AllowedRoutes{Namespaces: &gatewayv1.RouteNamespaces{From: test.from, Selector: test.selector}, Kinds: test.kinds},
			}}},
		}
		route := gatewayv1.HTTPRoute{
			ObjectMeta: metav1.ObjectMeta{Namespace: test.namespace, Name: "route"},
			Spec: gatewayv1.HTTPRouteSpec{
				CommonRouteSpec: gatewayv1.CommonRouteSpec{ParentRefs: []gatewayv1.ParentReference{test.ref}},
				Hostnames:       []gatewayv1.Hostname{"route.example.test"},
			},
		}
		world := &World{Routes: []gatewayv1.HTTPRoute{route}, Namespaces: map[string]map[string]string{"ns": nil, "away": {}, "chosen": {"a": "b"}}}
		plan := config().OfGateway(gateway, world)
		if got := len(plan.Claims) == 1; got != test.want {
			t.Errorf("a route %s: attached %v, %+v", title, got, plan)
		}
		world.Routes[0].Labels = map[string]string{"acme.certwright.dev/http01-solver": "true"}
		if plan := config().OfGateway(gateway, world); len(plan.Claims) > 0 {
			t.Errorf("a route %s that answers challenges gives a certificate its names: %+v", title, plan)
		}
	}
}

func TestTooManyNames(t *testing.T) {
	hosts := make([]gatewayv1.Hostname, 0, mostNames+1)
	for range mostNames + 1 {
		hosts = append(hosts, gatewayv1.Hostname(strings.Repeat("a", 1+len(hosts)%60)+"."+strings.Repeat("b", 1+len(hosts)/60)+".test"))
	}
	gateway := &gatewayv1.Gateway{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "edge", Annotations: map[string]string{"certwright.dev/issuer": "ca"}},
		Spec: gatewayv1.GatewaySpec{Listeners: []gatewayv1.Listener{{
			Name: "web", Protocol: gatewayv1.HTTPSProtocolType,
			TLS: &gatewayv1.ListenerTLSConfig{CertificateRefs: []gatewayv1.SecretObjectReference{{Name: "web-tls"}}},
		}}},
	}
	route := gatewayv1.HTTPRoute{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}}
	route.Spec.ParentRefs, route.Spec.Hostnames = []gatewayv1.ParentReference{{Name: "edge"}}, hosts
	plan := config().OfGateway(gateway, &World{Routes: []gatewayv1.HTTPRoute{route}})
	if len(plan.Claims) != 1 || !strings.Contains(plan.Claims[0].Problem, "1001 DNS names") {
		t.Errorf("got %.300v", plan)
	}
}

func TestKeys(t *testing.T) {
	name, ok := ParseKey(KeyOf("Gateway", "ns", "edge"), "Gateway")
	if !ok || name != (types.NamespacedName{Namespace: "ns", Name: "edge"}) {
		t.Errorf("got %v, %v", name, ok)
	}
	for _, mark := range []string{"", "Gateway", "Gateway/ns", "Gateway/ns/", "Gateway//edge", "Gateway/ns/edge/more", "Ingress/ns/edge"} {
		if name, ok := ParseKey(mark, "Gateway"); ok {
			t.Errorf("%q: got %v", mark, name)
		}
	}
}

// What annotations say that exclude each other, or are on few sources only: the others are in the specs of test/sources.
func TestAnnotationsThatStandAlone(t *testing.T) {
	for name, test := range map[string]struct {
		annotations map[string]string
		check       func(*v1.Certificate) bool
	}{
		"renew-before": {with("certwright.dev/renew-before", "240h"), func(crt *v1.Certificate) bool {
			return crt.Spec.RenewBefore != nil && crt.Spec.RenewBefore.Hours() == 240 && crt.Spec.RenewBeforePercentage == nil
		}},
		"an Ed25519 key of whatever size": {map[string]string{
			"certwright.dev/issuer": "ca", "certwright.dev/private-key-algorithm": "Ed25519", "certwright.dev/private-key-size": "1",
		}, func(crt *v1.Certificate) bool { return crt.Spec.PrivateKey.Algorithm == v1.Ed25519KeyAlgorithm }},
		"ingressclassname": {with("acme.certwright.dev/http01-ingress-ingressclassname", "nginx"), func(crt *v1.Certificate) bool {
			return crt.Annotations["acme.certwright.dev/http01-override-ingress-ingressclassname"] == "nginx"
		}},
		"edit-in-place that is off": {with("acme.certwright.dev/http01-edit-in-place", "false"), func(crt *v1.Certificate) bool {
			_, overrides := crt.Annotations["acme.certwright.dev/http01-override-ingress-name"]
			_, temporary := crt.Annotations["certwright.dev/issue-temporary-certificate"]
			return !overrides && !temporary
		}},
		"a parent of routes": {map[string]string{
			"certwright.dev/issuer": "ca", "acme.certwright.dev/http01-parentrefname": "edge", "acme.certwright.dev/http01-parentrefkind": "Gateway",
			"acme.certwright.dev/http01-parentrefnamespace": "infra",
		}, func(crt *v1.Certificate) bool {
			return crt.Annotations["acme.certwright.dev/http01-parentrefname"] == "edge" && crt.Annotations["acme.certwright.dev/http01-parentrefkind"] == "Gateway" &&
				crt.Annotations["acme.certwright.dev/http01-parentrefnamespace"] == "infra"
		}},
		"values with spaces around them": {with("certwright.dev/duration", " 100h\n"), func(crt *v1.Certificate) bool { return crt.Spec.Duration.Hours() == 100 }},
		"empty ones": {map[string]string{
			"certwright.dev/issuer": "ca", "certwright.dev/duration": "", "certwright.dev/usages": "", "certwright.dev/secret-template": "", "certwright.dev/private-key-size": "",
		}, func(crt *v1.Certificate) bool {
			return crt.Spec.Duration == nil && crt.Spec.SecretTemplate == nil && crt.Spec.PrivateKey == nil && cmp.Equal(crt.Spec.Usages, v1.DefaultUsages())
		}},
		"usages in capitals": {with("certwright.dev/usages", "Server Auth"), func(crt *v1.Certificate) bool { return cmp.Equal(crt.Spec.Usages, []v1.KeyUsage{v1.UsageServerAuth}) }},
	} {
		plan := config().OfIngress(ingress(test.annotations))
		if len(plan.Claims) != 1 || plan.Claims[0].Certificate == nil || !test.check(plan.Claims[0].Certificate) {
			t.Errorf("%s: %+v", name, plan)
		}
	}
}
