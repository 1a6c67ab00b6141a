package admission

import (
	"context"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// warnings keeps the warnings that an API server sends.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeaderWithContext implements rest.WarningHandlerWithContext.
func (w *warnings) HandleWarningHeaderWithContext(_ context.Context, _ int, _ string, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

// take gives the warnings since the last call.
func (w *warnings) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	texts := w.texts
	w.texts = nil
	return texts
}

var _ = Describe("An issuer with an algorithm for its external account binding", func() {
	for _, k := range []kind{issuers, clusterIssuers} {
		It("is accepted with a warning as "+k.Kind, func(ctx SpecContext) {
			seen := &warnings{}
			config := rest.CopyConfig(controlPlane.Config)
			config.WarningHandlerWithContext = seen
			c := newClient(config, names)
			warned := func(members string) func(Gomega) []string {
				return func(g Gomega) []string {
					g.Expect(c.Create(ctx, k.object("default", acme(members)), client.DryRunAll)).To(Succeed())
					return seen.take()
				}
			}
			Eventually(warned(`externalAccountBinding: {keyID: a, keySecretRef: {name: b}, keyAlgorithm: HS256}`)).
				Should(ConsistOf(ContainSubstring("keyAlgorithm has no effect, HS256 is always used: remove it")))
			Expect(warned(`externalAccountBinding: {keyID: a, keySecretRef: {name: b}}`)(Default)).To(BeEmpty())
		})
	}
})
