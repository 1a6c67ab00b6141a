package controllers_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/dnssolver/wire"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit/acmetest"
	"github.com/certwright/certwright/internal/testkit/awstest"
)

const roleARN = "arn:aws:iam::123456789012:role/dns"

// tokenVariable is what dns-solver is handed a token as.
const tokenVariable = "AWS_WEB_IDENTITY_TOKEN"

// byToken solves by Route 53 as a role, with a token of the ServiceAccount "dns".
func byToken(audiences ...string) v1.ACMESolver {
	return v1.ACMESolver{DNS01: &v1.DNS01Solver{Route53: &v1.Route53Provider{
		Region: "eu-central-1", HostedZoneID: awstest.HostedZoneID, Role: roleARN,
		Auth: &v1.Route53Auth{Kubernetes: v1.Route53KubernetesAuth{ServiceAccountRef: v1.ServiceAccountRef{Name: "dns", Audiences: audiences}}},
	}}}
}

// signIns plays dns-solver, and keeps what it was given to sign in with.
type signIns struct {
	dns    *acmetest.DNS
	socket string

	mu       sync.Mutex
	requests []wire.Request
}

func startSignIns(dns *acmetest.DNS) *signIns {
	GinkgoHelper()
	s := &signIns{dns: dns}
	s.socket = scriptedDNSSolver(s.answer)
	return s
}

func (s *signIns) operator(options *operator.Options) { options.DNSSolverSocket = s.socket }

func (s *signIns) answer(request wire.Request) wire.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request)
	values := []string{acme.DNS01Value(request.KeyAuthorization)}
	if request.Action == wire.CleanUp {
		values = nil
	}
	s.dns.SetTXT(request.FQDN, values...)
	return wire.Answer{}
}

func (s *signIns) asked() []wire.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// expectToken asks the API server whose token it is, and looks how long it is good for.
func expectToken(ctx context.Context, s *space, token, user, audience string) {
	GinkgoHelper()
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{audience, "another"}}}
	Expect(s.Create(ctx, review)).To(Succeed())
	Expect(review.Status.Authenticated).To(BeTrue(), review.Status.Error)
	Expect(review.Status.User.Username).To(Equal(user))
	Expect(review.Status.Audiences).To(ConsistOf(audience))
	parts := strings.Split(token, ".")
	Expect(parts).To(HaveLen(3))
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	Expect(err).NotTo(HaveOccurred())
	claims := struct{ Exp, Iat int64 }{}
	Expect(json.Unmarshal(text, &claims)).To(Succeed())
	Expect(time.Duration(claims.Exp-claims.Iat) * time.Second).To(Equal(10 * time.Minute))
}

// expectNotKept finds a token in nothing that the operator wrote.
func expectNotKept(ctx context.Context, s *space, token string) {
	GinkgoHelper()
	secrets := &corev1.SecretList{}
	Expect(s.List(ctx, secrets)).To(Succeed())
	orders, err := ordersIn(ctx, s, s.namespace)
	Expect(err).NotTo(HaveOccurred())
	for _, written := range []any{secrets.Items, orders} {
		text, err := json.Marshal(written)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(text)).NotTo(ContainSubstring(token))
		Expect(string(text)).NotTo(ContainSubstring(base64.StdEncoding.EncodeToString([]byte(token))))
	}
}

// startAWS starts a Route 53 that writes to a DNS server, for whoever has the credentials of a role; and the exchange of
// the tokens of a user of the cluster for these.
func startAWS(ctx context.Context, s *space, dns *acmetest.DNS, user string) *httptest.Server {
	sts := &awstest.STS{Role: roleARN, Trusts: func(token string) bool {
		review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: []string{"sts.amazonaws.com"}}}
		return s.Create(ctx, review) == nil && review.Status.Authenticated && review.Status.User.Username == user
	}}
	records := awstest.Route53(zone, dns)
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case request.URL.Path == "/":
			sts.ServeHTTP(w, request)
		case request.Header.Get("X-Amz-Security-Token") != awstest.SessionToken:
			http.Error(w, "no", http.StatusForbidden)
		default:
			request.URL.Path = strings.TrimSuffix(request.URL.Path, "/")
			records.ServeHTTP(w, request)
		}
	}))
	DeferCleanup(server.Close)
	return server
}

func serviceAccount(namespace string) *corev1.ServiceAccount {
	return &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "dns"}}
}

var _ = Describe("A provider of DNS that signs in with a ServiceAccount's token", func() {
	s := eachInItsOwnSpace()

	for name, test := range map[string]struct {
		audiences []string
		want      string
	}{
		"AWS's":            {nil, "sts.amazonaws.com"},
		"the issuer's own": {[]string{"sts.amazonaws.com.cn"}, "sts.amazonaws.com.cn"},
	} {
		It("gets one for each call, good for ten minutes and for the audience that is "+name, func(ctx SpecContext) {
			world := startACME()
			aws := startSignIns(world.dns)
			startOperator(s.namespace, world.operator, aws.operator)
			create(ctx, s, serviceAccount(s.namespace), world.issuer(s.namespace, byToken(test.audiences...)))
			crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web."+zone)))
			expectSignedBy(ctx, s, crt, world.ca.Roots())
			Eventually(aws.asked).Should(HaveExactElements(HaveField("Action", wire.Present), HaveField("Action", wire.CleanUp)))
			asked := aws.asked()
			Expect(asked[0].Variables[tokenVariable]).NotTo(Equal(asked[1].Variables[tokenVariable]))
			for _, request := range asked {
				Expect(request.Ambient).To(BeFalse())
				Expect(request.Reach.Unrestricted).To(BeFalse())
				Expect(request.Public).NotTo(ContainElement(tokenVariable))
				token := request.Variables[tokenVariable]
				expectToken(ctx, s, token, "system:serviceaccount:"+s.namespace+":dns", test.want)
				expectNotKept(ctx, s, token)
				delete(request.Variables, tokenVariable)
				Expect(request.Variables).To(Equal(map[string]string{
					"AWS_REGION": "eu-central-1", "AWS_HOSTED_ZONE_ID": "Z1", "AWS_ROLE_ARN": roleARN, "AWS_ROLE_SESSION_NAME": "certwright",
				}))
			}
		})
	}

	It("proves a name at AWS as a role that trusts the ServiceAccount", func(ctx SpecContext) {
		world := startACME()
		aws := startAWS(ctx, s, world.dns, "system:serviceaccount:"+s.namespace+":dns")
		for _, service := range []string{"STS", "ROUTE_53"} {
			GinkgoT().Setenv("AWS_ENDPOINT_URL_"+service, aws.URL)
		}
		startOperator(s.namespace, world.operator, withDNSSolver)
		create(ctx, s, serviceAccount(s.namespace), world.issuer(s.namespace, byToken()))
		crt := issue(ctx, s, certificate(s.namespace, "web", "acme", withNames("web."+zone, "*.web."+zone)))
		expectSignedBy(ctx, s, crt, world.ca.Roots())
		Eventually(func() []string { return world.dns.TXT("_acme-challenge.web." + zone) }).Should(BeEmpty())
	})

	It("finds a ClusterIssuer's ServiceAccount where its Secrets are, and signs in as nobody else", func(ctx SpecContext) {
		world := startACME()
		aws := startSignIns(world.dns)
		home := newNamespace(ctx, s)
		startOperator(s.namespace, world.operator, aws.operator, func(options *operator.Options) {
			options.ClusterResourceNamespace, options.AmbientClusterIssuers = home, true
		})
		cluster := &v1.ClusterIssuer{ObjectMeta: metav1.ObjectMeta{Name: s.namespace}, Spec: world.issuer("", byToken()).Spec}
		create(ctx, s, serviceAccount(home), cluster)
		issue(ctx, s, certificate(s.namespace, "web", cluster.Name, withNames("web."+zone), func(crt *v1.Certificate) {
			crt.Spec.IssuerRef.Kind = v1.ClusterIssuerKind
		}))
		request := aws.asked()[0]
		expectToken(ctx, s, request.Variables[tokenVariable], "system:serviceaccount:"+home+":dns", "sts.amazonaws.com")
		Expect(request.Ambient).To(BeFalse())
	})

	It("waits for the ServiceAccount of the Issuer's namespace, whoever else has one of its name", func(ctx SpecContext) {
		world := startACME()
		aws := startSignIns(world.dns)
		home := newNamespace(ctx, s)
		startOperator(s.namespace, world.operator, aws.operator, func(options *operator.Options) { options.ClusterResourceNamespace = home })
		create(ctx, s, serviceAccount(home), world.issuer(s.namespace, byToken()))
		crt := certificate(s.namespace, "web", "acme", withNames("web."+zone))
		create(ctx, s, crt)
		expectWaiting(ctx, s, crt, `there is no ServiceAccount "dns" in namespace "`+s.namespace+`": make it`)
		Expect(aws.asked()).To(BeEmpty())
		create(ctx, s, serviceAccount(s.namespace))
		expectReady(ctx, s, crt)
	})

	It("is told on the Certificate which right the operator lacks, and goes on once it is there", func(ctx SpecContext) {
		const user = "system:serviceaccount:certwright-system:certwright"
		world := startACME()
		aws := startSignIns(world.dns)
		startOperator(s.namespace, world.operator, aws.operator, func(options *operator.Options) {
			// The operator of a spec may do everything. For these calls it is a user like any other.
			wrapAPI(options, func(next http.RoundTripper) http.RoundTripper {
				return transportFunc(func(request *http.Request) (*http.Response, error) {
					if strings.HasSuffix(request.URL.Path, "/token") {
						request = request.Clone(request.Context())
						request.Header.Set("Impersonate-User", user)
					}
					return next.RoundTrip(request)
				})
			})
		})
		create(ctx, s, serviceAccount(s.namespace), world.issuer(s.namespace, byToken()))
		crt := certificate(s.namespace, "web", "acme", withNames("web."+zone))
		create(ctx, s, crt)
		for _, part := range []string{
			`the operator may not make a token of ServiceAccount "dns"`, `a Role in namespace "` + s.namespace + `"`,
			`the verb create on serviceaccounts/token and the resourceName "dns"`, `User "` + user + `" cannot`,
		} {
			expectWaiting(ctx, s, crt, part)
		}
		create(ctx, s,
			&rbacv1.Role{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "tokens"},
				Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"serviceaccounts/token"}, ResourceNames: []string{"dns"}, Verbs: []string{"create"}}},
			},
			&rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "tokens"},
				RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "tokens"},
				Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
			})
		expectReady(ctx, s, crt)
	})

	It("is refused without a role, before anything is ordered", func(ctx SpecContext) {
		world := startACME()
		aws := startSignIns(world.dns)
		startOperator(s.namespace, world.operator, aws.operator)
		issuer := world.issuer(s.namespace, byToken())
		issuer.Spec.ACME.Solvers[0].DNS01.Route53.Role = ""
		create(ctx, s, issuer)
		expectIssuer(ctx, s, issuer, beFalse(v1.ReasonInvalidSolver, "spec.acme.solvers[0].dns01: route53.auth signs in as a role of AWS: set route53.role"))
		edit(ctx, s, issuer, func() { issuer.Spec.ACME.Solvers[0].DNS01.Route53.Role = roleARN })
		expectIssuer(ctx, s, issuer, beTrue)
	})
})
