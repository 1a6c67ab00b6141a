package backend

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/certwright/certwright/api"
	"github.com/certwright/certwright/internal/kube"
	"github.com/certwright/certwright/internal/limiter"
	"github.com/certwright/certwright/internal/testkit"
)

// process is one process of the operator, with what it asks of the API server and logs.
type process struct {
	*Limiters
	clock *clock

	mu     sync.Mutex
	calls  map[string]int
	broken bool
	logged []string
}

// counted counts the calls about Secrets, and breaks them.
type counted struct {
	next http.RoundTripper
	*process
}

func (c counted) RoundTrip(request *http.Request) (*http.Response, error) {
	if strings.Contains(request.URL.Path, "/secrets") {
		c.mu.Lock()
		c.calls[request.Method]++
		broken := c.broken
		c.mu.Unlock()
		if broken {
			return nil, fmt.Errorf("the network is down")
		}
	}
	return c.next.RoundTrip(request)
}

func newProcess(t *testing.T, cfg *rest.Config, namespace string) *process {
	t.Helper()
	p := &process{clock: &clock{now: limitsStart}, calls: map[string]int{}}
	cfg = rest.CopyConfig(cfg)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return counted{next, p} })
	c, err := client.New(cfg, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p.Limiters = &Limiters{
		Client:      &kube.Client{Cached: c, Live: c, Writes: kube.NewWrites(), Now: func() time.Time { return p.clock.now }},
		Namespace:   namespace,
		Annotations: LimitAnnotations{Force: "example.com/force", Directory: "example.com/directory", Account: "example.com/account"},
		Log:         funcr.New(func(_, args string) { p.logged = append(p.logged, args) }, funcr.Options{}),
	}
	return p
}

// writes are the writes since they were last counted.
func (p *process) writes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.calls[http.MethodPost] + p.calls[http.MethodPut] + p.calls[http.MethodPatch]
	clear(p.calls)
	return n
}

func (p *process) breakNetwork(broken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = broken
}

// limitedWorld is a control plane with an account of its own for each test.
type limitedWorld struct {
	plane *testkit.ControlPlane
	admin client.Client
}

const (
	limitsNamespace = "limits"
	exactSet        = 3
)

var sameNames = limiter.Order{Set: limiter.SetOf([]string{"a.test"})}

func (w *limitedWorld) process(t *testing.T) *process {
	return newProcess(t, w.plane.Config, limitsNamespace)
}

func (w *limitedWorld) create(t *testing.T, object client.Object) {
	t.Helper()
	if err := w.admin.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

func (w *limitedWorld) secret(t *testing.T, account string) *corev1.Secret {
	t.Helper()
	key := accountKey{directory: "https://ca.test/directory", account: "https://ca.test/account/" + account}
	secret := &corev1.Secret{}
	if err := w.admin.Get(t.Context(), types.NamespacedName{Namespace: limitsNamespace, Name: key.secretName()}, secret); err != nil {
		t.Fatal(err)
	}
	return secret
}

// issue has a process count a certificate for the same names.
func (p *process) issue(account, order string) {
	p.Issued(limitedIssuer(account, 0, exactSet), sameNames, order)
}

// left is how many certificates for the same names a process lets through before it stops them.
func (p *process) left(t *testing.T, account string) int {
	t.Helper()
	for n := range exactSet {
		if permit, wait := askFor(t, p.Limiters, limitedIssuer(account, 0, int32(n+1)), "1", sameNames); wait == 0 {
			permit.Release()
			return exactSet - n
		}
	}
	return 0
}

func TestLimitsAreKept(t *testing.T) {
	plane, err := testkit.StartControlPlane(testkit.ControlPlaneOptions{Names: api.DefaultNames(), NoCRDs: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	w := &limitedWorld{plane: plane}
	if w.admin, err = client.New(plane.Config, client.Options{}); err != nil {
		t.Fatal(err)
	}
	w.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: limitsNamespace}})
	for name, test := range map[string]func(*testing.T){
		"a restart":                            w.restart,
		"two processes":                        w.twoProcesses,
		"writes":                               w.fewWrites,
		"a stop":                               w.stop,
		"a namespace that is not there":        w.noNamespace,
		"a process without rights":             w.noRights,
		"a Secret of somebody else":            w.foreignSecret,
		"a Secret that is deleted":             w.deletedSecret,
		"a state that cannot be read":          w.unreadable,
		"an API server that cannot be reached": w.unreachable,
		"many at once":                         w.manyAtOnce,
	} {
		t.Run(name, test)
	}
}

func (w *limitedWorld) restart(t *testing.T) {
	before := w.process(t)
	issuer := limitedIssuer("restart", 1, exactSet)
	permit, _ := askFor(t, before.Limiters, issuer, "1", sameNames)
	permit.Ordered()
	before.issue("restart", "1")
	before.Refused(limitedIssuer("restart-held", 0, 0), accountLimited(time.Hour))
	before.flush(t.Context(), false)

	after := w.process(t)
	if left := after.left(t, "restart"); left != exactSet-1 {
		t.Errorf("%d certificates are left, want %d", left, exactSet-1)
	}
	if _, wait := askFor(t, after.Limiters, issuer, "2", limiter.Order{}); wait != 3*time.Hour {
		t.Errorf("the next order waits %s, want 3h", wait)
	}
	if _, wait := askFor(t, after.Limiters, limitedIssuer("restart-held", 0, 0), "1", limiter.Order{}); wait != time.Hour {
		t.Errorf("an order of an account that is held waits %s, want 1h", wait)
	}
	if n := after.calls[http.MethodGet]; n != 2 {
		t.Errorf("the Secrets of two accounts were read %d times", n)
	}
	// What this process has not asked about before it has a certificate is not lost either.
	resumed := w.process(t)
	resumed.issue("restart", "2")
	resumed.flush(t.Context(), false)
	if left := w.process(t).left(t, "restart"); left != exactSet-2 {
		t.Errorf("%d certificates are left, want %d", left, exactSet-2)
	}

	secret := w.secret(t, "restart")
	if secret.Type != corev1.SecretTypeOpaque || len(secret.Data) != 1 || len(secret.Labels) != 1 || secret.Labels["app.kubernetes.io/managed-by"] != "certwright" ||
		secret.Annotations["example.com/directory"] != "https://ca.test/directory" || secret.Annotations["example.com/account"] != "https://ca.test/account/restart" {
		t.Errorf("the Secret is %+v", secret)
	}
	if state := string(secret.Data["state.json"]); strings.Contains(state, "a.test") || !strings.HasPrefix(state, `{"version":1,`) {
		t.Errorf("the state is %s", state)
	}
	if len(secret.Name) != len("certwright-limits-")+16 {
		t.Errorf("the Secret's name is %s", secret.Name)
	}
}

func (w *limitedWorld) twoProcesses(t *testing.T) {
	one, other := w.process(t), w.process(t)
	for _, p := range []*process{one, other} {
		if left := p.left(t, "two"); left != exactSet {
			t.Fatalf("%d certificates are left at first", left)
		}
	}
	one.issue("two", "1")
	one.flush(t.Context(), false)
	// The other creates what is there already, and then the one updates what has changed.
	other.issue("two", "2")
	other.flush(t.Context(), false)
	one.issue("two", "3")
	one.clock.add(writePause)
	one.flush(t.Context(), false)
	for name, p := range map[string]*process{"the one": one, "a third": w.process(t)} {
		if left := p.left(t, "two"); left != 0 {
			t.Errorf("for %s process, %d certificates are left after three", name, left)
		}
	}
	if len(one.logged)+len(other.logged) != 0 {
		t.Errorf("logged: %q %q", one.logged, other.logged)
	}
}

func (w *limitedWorld) fewWrites(t *testing.T) {
	p := w.process(t)
	p.left(t, "writes")
	if pause := p.flush(t.Context(), false); p.writes() != 0 || pause != forgetAfter {
		t.Errorf("what nobody changed was written, or will be in %s", pause)
	}
	p.issue("writes", "1")
	if p.flush(t.Context(), false); p.writes() != 1 {
		t.Error("the first change was not written at once")
	}
	for range 4 {
		p.clock.add(time.Second)
		p.issue("writes", p.clock.now.String())
		if pause := p.flush(t.Context(), false); pause != limitsStart.Add(writePause).Sub(p.clock.now) {
			t.Errorf("the next write is in %s", pause)
		}
	}
	if n := p.writes(); n != 0 {
		t.Errorf("%d writes within 5 s of another", n)
	}
	p.clock.add(time.Second)
	if p.flush(t.Context(), false); p.writes() != 1 {
		t.Error("four changes are not one write 5 s after the last")
	}
	p.clock.add(time.Minute)
	p.issue("writes", "1")
	if pause := p.flush(t.Context(), false); p.writes() != 0 || pause != forgetAfter {
		t.Errorf("a certificate that was counted was written again, or will be in %s", pause)
	}
}

// A manager that stops loses nothing, although it has written a moment ago.
func (w *limitedWorld) stop(t *testing.T) {
	p := w.process(t)
	p.issue("stop", "1")
	p.flush(t.Context(), false)
	p.issue("stop", "2")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if left := w.process(t).left(t, "stop"); left != exactSet-2 {
		t.Errorf("%d certificates are left, want %d", left, exactSet-2)
	}
	if len(p.logged) != 0 {
		t.Errorf("logged: %q", p.logged)
	}
}

func (w *limitedWorld) noNamespace(t *testing.T) {
	const namespace = "not-yet"
	p := newProcess(t, w.plane.Config, namespace)
	for i, want := range []time.Duration{5, 10, 20, 40, 80, 160, 300, 300} {
		p.issue("namespace", fmt.Sprint(i))
		if _, wait := askFor(t, p.Limiters, limitedIssuer("namespace", 0, 0), "1", sameNames); wait != 0 {
			t.Errorf("issuance waits %s", wait)
		}
		if pause := p.flush(t.Context(), false); pause != want*time.Second {
			t.Errorf("try %d is followed by another in %s, want %ds", i, pause, want)
		}
		if n := p.writes(); n != 1 {
			t.Errorf("try %d is %d writes", i, n)
		}
		p.clock.add(want * time.Second)
	}
	if len(p.logged) != 1 || !strings.Contains(p.logged[0], "not found") {
		t.Errorf("logged: %q", p.logged)
	}
	w.create(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})
	if pause := p.flush(t.Context(), false); pause != forgetAfter {
		t.Errorf("the namespace is there, and it is written in %s", pause)
	}
	if left := newProcess(t, w.plane.Config, namespace).left(t, "namespace"); left != 0 {
		t.Errorf("%d certificates are left", left)
	}
}

func (w *limitedWorld) noRights(t *testing.T) {
	p := w.process(t)
	p.issue("rights", "1")
	p.flush(t.Context(), false)

	const name = "nobody"
	user, err := w.plane.Environment.AddUser(envtest.User{Name: name}, w.plane.Config)
	if err != nil {
		t.Fatal(err)
	}
	nobody := newProcess(t, user.Config(), limitsNamespace)
	for range 3 {
		if left := nobody.left(t, "rights"); left != exactSet {
			t.Errorf("without the right to read, %d certificates are left", left)
		}
	}
	nobody.issue("rights", "2")
	nobody.clock.add(writePause)
	nobody.flush(t.Context(), false)
	if n := nobody.calls[http.MethodGet]; n != 2 || nobody.writes() != 0 {
		t.Errorf("the Secret that may not be read was read %d times, or written", n)
	}
	if len(nobody.logged) != 1 || !strings.Contains(nobody.logged[0], "forbidden") {
		t.Errorf("logged: %q", nobody.logged)
	}

	meta := metav1.ObjectMeta{Namespace: limitsNamespace, Name: name}
	w.create(t, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "create", "update"},
	}}})
	w.create(t, &rbacv1.RoleBinding{
		ObjectMeta: meta, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	})
	deadline, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// The authorizer takes a moment to know the role.
	for nobody.writes() == 0 && deadline.Err() == nil {
		nobody.clock.add(longestWritePause)
		nobody.flush(t.Context(), false)
	}
	if left := w.process(t).left(t, "rights"); left != exactSet-2 {
		t.Errorf("with the right to read, %d certificates are left, want %d", left, exactSet-2)
	}
}

func (w *limitedWorld) foreignSecret(t *testing.T) {
	p := w.process(t)
	name := accountKey{directory: "https://ca.test/directory", account: "https://ca.test/account/foreign"}.secretName()
	w.create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: limitsNamespace, Name: name}, StringData: map[string]string{"state.json": "mine"},
	})
	if left := p.left(t, "foreign"); left != exactSet {
		t.Errorf("%d certificates are left", left)
	}
	p.issue("foreign", "1")
	p.clock.add(writePause)
	p.flush(t.Context(), false)
	if p.writes() != 0 || string(w.secret(t, "foreign").Data["state.json"]) != "mine" {
		t.Error("the Secret of somebody else was written")
	}
	if len(p.logged) != 1 || !strings.Contains(p.logged[0], "delete it") {
		t.Errorf("logged: %q", p.logged)
	}
}

func (w *limitedWorld) deletedSecret(t *testing.T) {
	p := w.process(t)
	p.issue("deleted", "1")
	p.flush(t.Context(), false)
	if err := w.admin.Delete(t.Context(), w.secret(t, "deleted")); err != nil {
		t.Fatal(err)
	}
	p.issue("deleted", "2")
	p.clock.add(writePause)
	p.flush(t.Context(), false)
	if left := w.process(t).left(t, "deleted"); left != exactSet-2 || len(p.logged) != 0 {
		t.Errorf("%d certificates are left, want %d; logged: %q", left, exactSet-2, p.logged)
	}
}

func (w *limitedWorld) unreadable(t *testing.T) {
	p := w.process(t)
	p.issue("unreadable", "1")
	p.flush(t.Context(), false)
	secret := w.secret(t, "unreadable")
	secret.Data["state.json"] = []byte("{")
	if err := w.admin.Update(t.Context(), secret); err != nil {
		t.Fatal(err)
	}
	after := w.process(t)
	if left := after.left(t, "unreadable"); left != exactSet {
		t.Errorf("%d certificates are left", left)
	}
	if len(after.logged) != 1 || !strings.Contains(after.logged[0], "cannot be read") {
		t.Errorf("logged: %q", after.logged)
	}
	after.issue("unreadable", "2")
	after.flush(t.Context(), false)
	if left := w.process(t).left(t, "unreadable"); left != exactSet-1 {
		t.Errorf("%d certificates are left, want %d", left, exactSet-1)
	}
}

// Before the Secret was read once, nothing is ordered: there may be a loop that a restart must not hide.
func (w *limitedWorld) unreachable(t *testing.T) {
	p := w.process(t)
	p.breakNetwork(true)
	if _, err := p.Ask(t.Context(), limitedIssuer("unreachable", 0, exactSet), "1", sameNames); err == nil || !strings.Contains(err.Error(), "reading Secret") {
		t.Errorf("error %v", err)
	}
	p.breakNetwork(false)
	if left := p.left(t, "unreachable"); left != exactSet {
		t.Errorf("%d certificates are left", left)
	}
	p.breakNetwork(true)
	p.issue("unreachable", "1")
	if pause := p.flush(t.Context(), false); pause != writePause || len(p.logged) != 1 {
		t.Errorf("another try is in %s; logged: %q", pause, p.logged)
	}
	if left := p.left(t, "unreachable"); left != exactSet-1 {
		t.Errorf("%d certificates are left", left)
	}
}

func (w *limitedWorld) manyAtOnce(t *testing.T) {
	p := w.process(t)
	ctx, cancel := context.WithCancel(t.Context())
	var writer, workers sync.WaitGroup
	writer.Go(func() {
		if err := p.Start(ctx); err != nil {
			t.Error(err)
		}
	})
	var mu sync.Mutex
	allowed := 0
	issuer := limitedIssuer("many", 10, exactSet)
	for i := range 50 {
		workers.Go(func() {
			permit, err := p.Ask(ctx, issuer, types.UID(fmt.Sprint(i)), limiter.Order{Set: fmt.Sprintf("%032x", i)})
			if err != nil {
				return
			}
			defer permit.Release()
			permit.Ordered()
			p.Issued(issuer, limiter.Order{Set: fmt.Sprintf("%032x", i)}, fmt.Sprint(i))
			mu.Lock()
			defer mu.Unlock()
			allowed++
		})
	}
	workers.Wait()
	cancel()
	writer.Wait()
	if allowed != 10 {
		t.Errorf("%d of 50 orders were allowed at once, want 10", allowed)
	}
	state, err := limiter.Parse(w.secret(t, "many").Data["state.json"])
	if err != nil || len(state.Sets) != 10 || !state.OrdersFullAt.Equal(limitsStart.Add(3*time.Hour)) {
		t.Errorf("the state is %+v, %v", state, err)
	}
}
