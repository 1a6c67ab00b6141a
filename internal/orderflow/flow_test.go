package orderflow_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	acmev1 "github.com/certwright/certwright/api/acme/v1"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/orderflow"
	"github.com/certwright/certwright/internal/outcome"
)

const (
	finalizer = "acme.certwright.dev/finalizer"
	first     = "https://ca.test/authz/1"
	second    = "https://ca.test/authz/2"
)

// flow is an order for two names whose authorizations are written down and pending.
func flow(change ...func(*orderflow.Snapshot)) orderflow.Snapshot {
	order := &acmev1.Order{
		ObjectMeta: metav1.ObjectMeta{Name: "leaf-1", CreationTimestamp: metav1.NewTime(now)},
		Spec:       acmev1.OrderSpec{DNSNames: []string{"a.test", "b.test"}},
		Status:     acmev1.OrderStatus{URL: "https://ca.test/order/1", State: acmev1.Pending},
	}
	progress := orderflow.NewProgress("")
	progress.Order = &acme.Order{Status: acme.OrderPending}
	for i, url := range []string{first, second} {
		challenge := url + "/http-01"
		order.Status.Authorizations = append(order.Status.Authorizations, acmev1.Authorization{
			URL: url, Identifier: order.Spec.DNSNames[i],
			Challenges: []acmev1.OfferedChallenge{{Type: acmev1.HTTP01, URL: challenge}},
			Challenge:  &acmev1.ChallengeProgress{Type: acmev1.HTTP01, URL: challenge, Solver: &v1.ACMESolver{}},
		})
		progress.Authorizations[url] = &acme.Authorization{
			URL: url, Status: acme.AuthorizationPending, Identifier: acme.DNSIdentifier(order.Spec.DNSNames[i]),
			Challenges: []acme.Challenge{{Type: acme.ChallengeHTTP01, URL: challenge, Status: acme.ChallengePending}},
		}
	}
	snapshot := orderflow.Snapshot{Now: now, Order: order, Progress: progress, Finalizer: finalizer}
	for _, f := range change {
		f(&snapshot)
	}
	return snapshot
}

func all(set map[string]bool) { set[first], set[second] = true, true }

func alone(s *orderflow.Snapshot) { s.Alone = map[string]string{first: "a place", second: "a place"} }

func TestNextStep(t *testing.T) {
	later := metav1.NewTime(now.Add(time.Minute))
	for name, test := range map[string]struct {
		change func(*orderflow.Snapshot)
		step   orderflow.Step
		urls   []string
	}{
		"an order that was not made": {func(s *orderflow.Snapshot) { s.Order.Status = acmev1.OrderStatus{} }, orderflow.Create, nil},
		"no solver for a name": {func(s *orderflow.Snapshot) {
			s.Order.Status = acmev1.OrderStatus{}
			s.Solvers = []v1.ACMESolver{http01(&v1.SolverSelector{DNSNames: []string{"a.test"}})}
		}, orderflow.Wait, nil},
		"a limit of the CA":                      {func(s *orderflow.Snapshot) { s.Order.Status.NextAttemptTime = &later }, orderflow.Wait, nil},
		"a limit that is over":                   {func(s *orderflow.Snapshot) { s.Now, s.Order.Status.NextAttemptTime = later.Time, &later }, orderflow.Present, []string{first, second}},
		"taken over from another process":        {func(s *orderflow.Snapshot) { s.Progress = orderflow.NewProgress("") }, orderflow.Read, nil},
		"authorizations not written down":        {func(s *orderflow.Snapshot) { s.Order.Status.Authorizations = nil }, orderflow.Authorize, nil},
		"an authorization not seen":              {func(s *orderflow.Snapshot) { delete(s.Progress.Authorizations, second) }, orderflow.Poll, []string{second}},
		"answers not in place":                   {func(*orderflow.Snapshot) {}, orderflow.Present, []string{first, second}},
		"an answer in place":                     {func(s *orderflow.Snapshot) { s.Progress.Presented[first] = true }, orderflow.Present, []string{second}},
		"all answers in place":                   {func(s *orderflow.Snapshot) { all(s.Progress.Presented) }, orderflow.Check, []string{first, second}},
		"a check that waits":                     {func(s *orderflow.Snapshot) { all(s.Progress.Presented); s.Progress.NextPoll = later.Time }, orderflow.Wait, nil},
		"answers that stand alone":               {func(s *orderflow.Snapshot) { alone(s) }, orderflow.Present, []string{first}},
		"answers that stand alone at two places": {func(s *orderflow.Snapshot) { s.Alone = map[string]string{first: "a place", second: "another"} }, orderflow.Present, []string{first, second}},
		"a name valid at another place": {func(s *orderflow.Snapshot) {
			s.Alone = map[string]string{first: "a place", second: "another"}
			s.Progress.Authorizations[first].Status = acme.AuthorizationValid
		}, orderflow.Present, []string{second}},
		"the first of them in place": {func(s *orderflow.Snapshot) { alone(s); s.Progress.Presented[first] = true }, orderflow.Check, []string{first}},
		"the first of them accepted": {func(s *orderflow.Snapshot) { alone(s); s.Progress.Accepted[first] = true }, orderflow.Poll, []string{first}},
		"the first of them valid": {func(s *orderflow.Snapshot) {
			alone(s)
			s.Progress.Authorizations[first].Status = acme.AuthorizationValid
		}, orderflow.Withdraw, []string{first}},
		"the first of them valid, its answer taken away": {func(s *orderflow.Snapshot) {
			alone(s)
			s.Progress.Withdrawn[first] = true
			s.Progress.Authorizations[first].Status = acme.AuthorizationValid
		}, orderflow.Present, []string{second}},
		"the first of them valid, the second accepted": {func(s *orderflow.Snapshot) {
			alone(s)
			s.Progress.Presented[first] = true
			s.Progress.Authorizations[first].Status = acme.AuthorizationValid
			begin(s, second)
		}, orderflow.Poll, []string{second}},
		"all of them valid": {func(s *orderflow.Snapshot) { alone(s); all(s.Progress.Presented); validate(s) }, orderflow.Read, nil},
		"a name valid beside one that stands alone": {func(s *orderflow.Snapshot) {
			s.Alone = map[string]string{second: "a place"}
			s.Progress.Presented[first] = true
			s.Progress.Authorizations[first].Status = acme.AuthorizationValid
		}, orderflow.Present, []string{second}},
		"one of them that is accepted already": {func(s *orderflow.Snapshot) { alone(s); begin(s, second) }, orderflow.Present, []string{first}},
		"one that stands alone beside another": {func(s *orderflow.Snapshot) { s.Alone = map[string]string{second: "a place"} }, orderflow.Present, []string{first, second}},
		"answers seen":                         {func(s *orderflow.Snapshot) { all(s.Progress.Presented); all(s.Progress.Checked) }, orderflow.Accept, []string{first, second}},
		"answers accepted":                     {func(s *orderflow.Snapshot) { all(s.Progress.Accepted) }, orderflow.Poll, []string{first, second}},
		"accepted by another process":          {func(s *orderflow.Snapshot) { begin(s, first); begin(s, second) }, orderflow.Poll, []string{first, second}},
		"a name that is valid already":         {func(s *orderflow.Snapshot) { s.Progress.Authorizations[first].Status = acme.AuthorizationValid }, orderflow.Present, []string{second}},
		"all names valid":                      {func(s *orderflow.Snapshot) { validate(s) }, orderflow.Read, nil},
		"ready":                                {func(s *orderflow.Snapshot) { s.Progress.Order.Status = acme.OrderReady }, orderflow.Finalize, nil},
		"ready at creation": {func(s *orderflow.Snapshot) {
			s.Order.Status.Authorizations = nil
			s.Progress.Order.Status = acme.OrderReady
		}, orderflow.Finalize, nil},
		"signing": {func(s *orderflow.Snapshot) {
			s.Progress.Order.Status = acme.OrderProcessing
			s.Progress.NextPoll = later.Time
		}, orderflow.Wait, nil},
		"signing, time to look": {func(s *orderflow.Snapshot) { s.Progress.Order.Status = acme.OrderProcessing }, orderflow.Read, nil},
		"signed":                {func(s *orderflow.Snapshot) { s.Progress.Order.Status = acme.OrderValid }, orderflow.Download, nil},
		"given up by the CA":    {func(s *orderflow.Snapshot) { s.Progress.Order.Status = acme.OrderInvalid }, orderflow.Fail, nil},
		"given up, reason unread": {func(s *orderflow.Snapshot) {
			s.Progress.Order.Status = acme.OrderInvalid
			delete(s.Progress.Authorizations, first)
		}, orderflow.Poll, []string{first}},
		"a validation that failed":             {func(s *orderflow.Snapshot) { s.Progress.Authorizations[second].Status = acme.AuthorizationInvalid }, orderflow.Fail, nil},
		"an authorization deactivated by hand": {func(s *orderflow.Snapshot) { s.Progress.Authorizations[second].Status = acme.AuthorizationDeactivated }, orderflow.Fail, nil},
		"a challenge that no solver answers":   {func(s *orderflow.Snapshot) { s.Order.Status.Authorizations[0].Challenge = nil }, orderflow.Fail, nil},
		"expired":                              {func(s *orderflow.Snapshot) { s.Now, s.Order.Status.Expires = later.Time, &later }, orderflow.Fail, nil},
		"expired while the CA asks us to wait": {func(s *orderflow.Snapshot) {
			muchLater := metav1.NewTime(now.Add(time.Hour))
			s.Now, s.Order.Status.Expires, s.Order.Status.NextAttemptTime = later.Time, &later, &muchLater
		}, orderflow.Fail, nil},
		"no expiry for a day": {func(s *orderflow.Snapshot) { s.Now = now.Add(25 * time.Hour) }, orderflow.Fail, nil},
		"done":                {func(s *orderflow.Snapshot) { s.Order.Status.State = acmev1.Valid }, orderflow.Done, nil},
		"done, answers left": {func(s *orderflow.Snapshot) {
			s.Order.Status.State = acmev1.Valid
			s.Order.Finalizers = []string{finalizer}
		}, orderflow.CleanUp, nil},
		"failed, answers left": {func(s *orderflow.Snapshot) {
			s.Order.Status.State = acmev1.Errored
			s.Order.Finalizers = []string{finalizer}
			s.Progress.Abandoned = true
		}, orderflow.CleanUp, nil},
		"failed, a name open at the CA": {func(s *orderflow.Snapshot) {
			s.Order.Status.State = acmev1.Errored
			s.Progress.Authorizations[second].Status = acme.AuthorizationInvalid
		}, orderflow.Abandon, []string{first}},
		"deleted at work": {func(s *orderflow.Snapshot) {
			s.Order.DeletionTimestamp = &later
			s.Order.Finalizers = []string{finalizer}
		}, orderflow.Abandon, []string{first, second}},
		"deleted at work, answers left": {func(s *orderflow.Snapshot) {
			s.Order.DeletionTimestamp = &later
			s.Order.Finalizers = []string{finalizer}
			s.Progress.Abandoned = true
		}, orderflow.CleanUp, nil},
		"deleted with another's finalizer": {func(s *orderflow.Snapshot) {
			s.Progress.Abandoned = true
			s.Order.DeletionTimestamp = &later
			s.Order.Finalizers = []string{"other"}
		}, orderflow.Done, nil},
		"a clean-up that failed waits": {func(s *orderflow.Snapshot) {
			s.Order.Status.State = acmev1.Valid
			s.Order.Finalizers = []string{finalizer}
			s.Progress.NextPoll = later.Time
		}, orderflow.Wait, nil},
		"waitInsteadOfSelfCheck that is not over": {func(s *orderflow.Snapshot) { waitInstead(s, time.Hour) }, orderflow.Wait, nil},
		"waitInsteadOfSelfCheck of nothing":       {func(s *orderflow.Snapshot) { waitInstead(s, 0) }, orderflow.Check, []string{first, second}},
	} {
		t.Run(name, func(t *testing.T) {
			next := orderflow.Decide(flow(test.change))
			if next.Step != test.step || !slices.Equal(next.URLs, test.urls) {
				t.Errorf("%s %v, want %s %v", next.Step, next.URLs, test.step, test.urls)
			}
			if next.Step == orderflow.Wait && next.Note == "" {
				t.Error("a wait does not say for what")
			}
			if next.Step == orderflow.Fail && (next.Failure == nil || next.Failure.Message == "" || !next.State.IsFailure()) {
				t.Errorf("a failure without a reason or a state: %+v", next)
			}
		})
	}
}

func begin(s *orderflow.Snapshot, url string) {
	s.Progress.Authorizations[url].Challenges[0].Status = acme.ChallengeProcessing
}

func validate(s *orderflow.Snapshot) {
	for _, authorization := range s.Progress.Authorizations {
		authorization.Status = acme.AuthorizationValid
	}
}

func waitInstead(s *orderflow.Snapshot, wait time.Duration) {
	all(s.Progress.Presented)
	s.Progress.PresentedAt = now
	s.Order.Status.Authorizations[0].Challenge.Solver.WaitInsteadOfSelfCheck = &metav1.Duration{Duration: wait}
}

// The reason for a failure is put together from every challenge and the order, with the name that
// each is about; an empty error object says nothing and hides nothing.
func TestFailureNamesEveryName(t *testing.T) {
	snapshot := flow(func(s *orderflow.Snapshot) {
		s.Progress.Order.Status = acme.OrderInvalid
		s.Progress.Order.Error = &acme.Problem{}
		s.Progress.Authorizations[first].Challenges[0].Error = &acme.Problem{Type: acme.TypeConnection, Detail: "no route"}
		s.Progress.Authorizations[second].Challenges[0].Error = &acme.Problem{Type: acme.TypeDNS, Detail: "no such name"}
	})
	failure := orderflow.Decide(snapshot).Failure
	for _, part := range []string{"a.test", "no route", "b.test", "no such name"} {
		if !strings.Contains(failure.Message, part) {
			t.Errorf("the message lacks %q: %s", part, failure.Message)
		}
	}
	if failure.Type != string(acme.TypeConnection) {
		t.Errorf("type %q", failure.Type)
	}
}

// Whoever reads the failure learns what the CA looked for at which place, and what we saw there before.
func TestFailureTellsTheStory(t *testing.T) {
	snapshot := flow(func(s *orderflow.Snapshot) {
		s.Progress.Order.Status = acme.OrderInvalid
		chosen := s.Order.Status.Authorizations
		chosen[0].Challenge.Token = "token"
		chosen[1].Challenge.Type, chosen[1].Challenge.RecordName = acmev1.DNS01, "_acme-challenge.elsewhere.test."
		s.Progress.Authorizations[first].Challenges[0].Error = &acme.Problem{Type: acme.TypeBlank}
		s.Progress.Authorizations[second].Challenges[0].Type = "dns-01"
		s.Progress.Authorizations[second].Challenges[0].Error = &acme.Problem{Type: acme.TypeDNS, Detail: "NXDOMAIN"}
		s.Progress.Unseen[first] = "connection refused"
	})
	failure := orderflow.Decide(snapshot).Failure
	const want = "a.test, http-01 at http://a.test/.well-known/acme-challenge/token: the CA gave no reason; " +
		"before that we could not see the answer ourselves: connection refused; " +
		"b.test, dns-01 at _acme-challenge.elsewhere.test: dns: NXDOMAIN"
	if failure.Message != want {
		t.Errorf("the message is\n%s\nwant\n%s", failure.Message, want)
	}
	if failure.Type != string(acme.TypeDNS) || failure.Class != outcome.ClassValidation {
		t.Errorf("type %q, class %s", failure.Type, failure.Class)
	}
}

// An IPv6 address is in brackets where it is a part of a URL.
func TestFailureTellsTheURLOfAnAddress(t *testing.T) {
	snapshot := flow(func(s *orderflow.Snapshot) {
		s.Progress.Order.Status = acme.OrderInvalid
		s.Order.Status.Authorizations[0].Identifier = "2001:db8::1"
		s.Order.Status.Authorizations[0].Challenge.Token = "token"
		s.Progress.Authorizations[first].Challenges[0].Error = &acme.Problem{Type: acme.TypeConnection}
	})
	if got := orderflow.Decide(snapshot).Failure.Message; !strings.Contains(got, "at http://[2001:db8::1]/.well-known/acme-challenge/token: connection") {
		t.Error(got)
	}
}

func TestAnOrderThatExpiredTellsWhatItWaitedFor(t *testing.T) {
	snapshot := flow(func(s *orderflow.Snapshot) { s.Now, s.Order.Status.Reason = now.Add(25*time.Hour), "too many orders" })
	if got := orderflow.Decide(snapshot).Failure.Message; !strings.Contains(got, "expired") || !strings.Contains(got, "too many orders") {
		t.Error(got)
	}
}

func TestFailureNamesAnAuthorizationThatIsGone(t *testing.T) {
	snapshot := flow(func(s *orderflow.Snapshot) { s.Progress.Authorizations[second].Status = acme.AuthorizationDeactivated })
	if got := orderflow.Decide(snapshot).Failure.Message; got != "b.test: the authorization is deactivated, and the CA did not say why" {
		t.Error(got)
	}
}

// What we could not see is told as long as the CA looks.
func TestWaitingForTheCATellsWhatWeCouldNotSee(t *testing.T) {
	snapshot := flow(func(s *orderflow.Snapshot) {
		all(s.Progress.Accepted)
		s.Progress.NextPoll = now.Add(time.Second)
		s.Progress.Unseen[second] = "connection refused"
	})
	if note := orderflow.Decide(snapshot).Note; !strings.Contains(note, "could not see the answer ourselves within a minute: connection refused") {
		t.Error(note)
	}
}

func TestPollsGrowAndHonourRetryAfter(t *testing.T) {
	progress := orderflow.NewProgress("")
	for _, want := range []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second, 15 * time.Second} {
		if progress.Polled(time.Time{}, now); progress.NextPoll.Sub(now) != want {
			t.Errorf("poll %d after %s, want %s", progress.Polls, progress.NextPoll.Sub(now), want)
		}
	}
	for asked, want := range map[time.Duration]time.Duration{3 * time.Second: 3 * time.Second, 0: 500 * time.Millisecond, 24 * time.Hour: time.Minute} {
		if progress.Polled(now.Add(asked), now); progress.NextPoll.Sub(now) != want {
			t.Errorf("asked for %s, waits %s, want %s", asked, progress.NextPoll.Sub(now), want)
		}
	}
}

// Whatever is waited for, an order that was made is looked at again when it ends, and an authorization is
// handed to the CA while it lives.
func TestWaitsEndWithTheOrder(t *testing.T) {
	at := func(minutes int) *metav1.Time {
		at := metav1.NewTime(now.Add(time.Duration(minutes) * time.Minute))
		return &at
	}
	for name, test := range map[string]struct {
		change func(*orderflow.Snapshot)
		want   *metav1.Time
	}{
		"a limit beyond the order's end": {func(s *orderflow.Snapshot) { s.Order.Status.Expires, s.Order.Status.NextAttemptTime = at(60), at(90) }, at(60)},
		"a limit before the order's end": {func(s *orderflow.Snapshot) { s.Order.Status.Expires, s.Order.Status.NextAttemptTime = at(60), at(30) }, at(30)},
		"a solver's wait beyond an authorization": {func(s *orderflow.Snapshot) {
			waitInstead(s, 2*time.Hour)
			s.Order.Status.Authorizations[0].Expires = at(60)
		}, at(48)},
		"a solver's wait within an authorization": {func(s *orderflow.Snapshot) {
			waitInstead(s, 10*time.Minute)
			s.Order.Status.Authorizations[0].Expires = at(60)
		}, at(10)},
	} {
		t.Run(name, func(t *testing.T) {
			if next := orderflow.Decide(flow(test.change)); next.Step != orderflow.Wait || !next.At.Equal(test.want.Time) {
				t.Errorf("%s until %s, want %s", next.Step, next.At, test.want)
			}
		})
	}
}

func TestSelfCheckEnds(t *testing.T) {
	snapshot := flow(func(s *orderflow.Snapshot) { s.Progress.PresentedAt = now })
	if snapshot.CheckIsOver() {
		t.Error("the self-check is over at once")
	}
	if snapshot.Now = now.Add(61 * time.Second); !snapshot.CheckIsOver() {
		t.Error("the self-check never ends")
	}
}

// A CA whose order stays ready although it was finalized is not handed the request again at once.
func TestFinalizeWaitsItsTurn(t *testing.T) {
	snapshot := flow(func(s *orderflow.Snapshot) {
		s.Progress.Order.Status = acme.OrderReady
		s.Progress.Polled(time.Time{}, now)
	})
	if next := orderflow.Decide(snapshot); next.Step != orderflow.Wait || !next.At.After(now) {
		t.Errorf("%s at %s", next.Step, next.At)
	}
}

// Our own look comes often at first and never rarely; a change begins anew.
func TestLooks(t *testing.T) {
	progress := orderflow.NewProgress("uid")
	var waits []time.Duration
	for range 6 {
		progress.Looked(now)
		waits = append(waits, progress.NextPoll.Sub(now))
	}
	want := []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second}
	if !slices.Equal(want, waits) {
		t.Errorf("waits %v, want %v", waits, want)
	}
	if progress.Moved(); !progress.NextPoll.IsZero() {
		t.Error("a change does not begin anew")
	}
}
