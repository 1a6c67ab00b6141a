package admission

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
)

var (
	// plainUser has neither UID nor extra.
	plainUser = rest.ImpersonationConfig{UserName: "plain"}
	// fullUser has everything that an authenticator can tell.
	fullUser = rest.ImpersonationConfig{
		UserName: "full",
		UID:      "7c0b",
		Groups:   []string{"developers", "example.com/team"},
		Extra: map[string][]string{
			"scopes":                    {"read", "write"},
			"example.com/credential-id": {"a/b~c"},
		},
	}
)

// identity is who a request says its requester is.
type identity struct {
	Username string
	UID      string
	Groups   []string
	Extra    map[string][]string
}

// forged is an identity that no user in these specs has.
var forged = identity{
	Username: "system:admin",
	UID:      "0",
	Groups:   []string{"system:masters"},
	Extra:    map[string][]string{"example.com/credential-id": {"stolen"}, "other": {"x"}},
}

func (i identity) request() *v1.CertificateRequest {
	request := requestFor(v1.IssuerRef{Name: "ca"})
	request.Spec.Username, request.Spec.UID = i.Username, i.UID
	request.Spec.Groups, request.Spec.Extra = i.Groups, i.Extra
	return request
}

// identityOf asks the API server who a user is.
func identityOf(ctx context.Context, u user) identity {
	GinkgoHelper()
	review := &authenticationv1.SelfSubjectReview{}
	Expect(u.Create(ctx, review)).To(Succeed())
	info := review.Status.UserInfo
	who := identity{Username: info.Username, UID: info.UID, Groups: info.Groups}
	for key, values := range info.Extra {
		if who.Extra == nil {
			who.Extra = map[string][]string{}
		}
		who.Extra[key] = values
	}
	return who
}

// created asks what identity a request would be stored with.
func created(ctx context.Context, u user, claim identity) func(Gomega) identity {
	return func(g Gomega) identity {
		request := claim.request()
		g.Expect(u.Create(ctx, request, client.DryRunAll)).To(Succeed())
		return identity{request.Spec.Username, request.Spec.UID, request.Spec.Groups, request.Spec.Extra}
	}
}

var _ = Describe("The identity in a request", func() {
	It("is that of a user without UID", func(ctx SpecContext) {
		u := newUser(ctx, names, plainUser)
		Eventually(created(ctx, u, identity{})).Should(Equal(identityOf(ctx, u)))
	})

	It("is that of a user with UID, groups, and extra keys with a slash", func(ctx SpecContext) {
		u := newUser(ctx, names, fullUser)
		Eventually(created(ctx, u, identity{})).Should(Equal(identityOf(ctx, u)))
	})

	It("replaces a forged one as a whole", func(ctx SpecContext) {
		for _, as := range []rest.ImpersonationConfig{plainUser, fullUser} {
			u := newUser(ctx, names, as)
			Eventually(created(ctx, u, forged)).Should(Equal(identityOf(ctx, u)))
		}
	})

	It("is filled in again without doubling anything", func(ctx SpecContext) {
		u := newUser(ctx, names, fullUser)
		who := identityOf(ctx, u)
		Eventually(created(ctx, u, who)).Should(Equal(who))
	})

	Context("where the API server cannot fill it in", Ordered, func() {
		var older api.Names

		BeforeAll(func(ctx SpecContext) {
			var err error
			older, err = api.NamesFor("older.example.com")
			Expect(err).NotTo(HaveOccurred())
			installGroup(ctx, older, "older-system", "MutatingAdmissionPolicy")
		})

		refused := func(ctx context.Context, as rest.ImpersonationConfig, claim func(identity) identity) {
			GinkgoHelper()
			u := newUser(ctx, older, as)
			request := claim(identityOf(ctx, u)).request()
			Eventually(func() error { return u.Create(ctx, request.DeepCopy(), client.DryRunAll) }).
				Should(beForbidden("spec.username, uid, groups and extra are the identity of whoever creates the request: remove all four"))
		}

		DescribeTable("a request is refused that says",
			func(ctx SpecContext, as rest.ImpersonationConfig, claim func(identity) identity) {
				refused(ctx, as, claim)
			},
			Entry("another identity", plainUser, func(identity) identity { return forged }),
			Entry("another user name", fullUser, func(i identity) identity { i.Username = "root"; return i }),
			Entry("another UID", fullUser, func(i identity) identity { i.UID = "0"; return i }),
			Entry("a UID where there is none", plainUser, func(i identity) identity { i.UID = "0"; return i }),
			Entry("one group more", plainUser, func(i identity) identity { i.Groups = append(i.Groups, "system:masters"); return i }),
			Entry("no groups", fullUser, func(i identity) identity { i.Groups = nil; return i }),
			Entry("only a group", plainUser, func(identity) identity { return identity{Groups: []string{"system:masters"}} }),
			Entry("extra where there is none", plainUser, func(i identity) identity { i.Extra = forged.Extra; return i }),
			Entry("another value under a key with a slash", fullUser, func(i identity) identity {
				i.Extra["example.com/credential-id"] = []string{"stolen"}
				return i
			}),
			Entry("one key less", fullUser, func(i identity) identity { delete(i.Extra, "scopes"); return i }),
			Entry("only extra", fullUser, func(identity) identity { return identity{Extra: forged.Extra} }),
		)

		It("a request is accepted that says nothing or the truth", func(ctx SpecContext) {
			refused(ctx, fullUser, func(identity) identity { return forged })
			for _, as := range []rest.ImpersonationConfig{plainUser, fullUser} {
				u := newUser(ctx, older, as)
				who := identityOf(ctx, u)
				Eventually(created(ctx, u, identity{})).Should(Equal(identity{}))
				Eventually(created(ctx, u, who)).Should(Equal(who))
			}
		})
	})
})
