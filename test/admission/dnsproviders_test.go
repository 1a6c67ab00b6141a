package admission

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/dnssolver/providers"
	"github.com/certwright/certwright/internal/testkit"
)

// An example of docs/dns-providers.md: an Issuer and maybe the Secret that it names.
type example struct {
	issuer v1.Issuer
	secret corev1.Secret
}

var block = regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```\n")

func examples() map[string]example {
	GinkgoHelper()
	root, err := testkit.Root()
	Expect(err).NotTo(HaveOccurred())
	page, err := os.ReadFile(filepath.Join(root, "docs", "dns-providers.md"))
	Expect(err).NotTo(HaveOccurred())
	_, sections, found := strings.Cut(string(page), "\n## ")
	Expect(found).To(BeTrue())
	result := map[string]example{}
	for section := range strings.SplitSeq(sections, "\n## ") {
		name, _, _ := strings.Cut(section, "\n")
		manifests := block.FindStringSubmatch(section)
		Expect(manifests).To(HaveLen(2), "the section of %s has no manifest", name)
		shown := example{}
		issuer, secret, _ := strings.Cut(manifests[1], "\n---\n")
		Expect(yaml.UnmarshalStrict([]byte(issuer), &shown.issuer)).To(Succeed(), name)
		Expect(yaml.UnmarshalStrict([]byte(secret), &shown.secret)).To(Succeed(), name)
		result[name] = shown
	}
	return result
}

var _ = Describe("docs/dns-providers.md", func() {
	It("shows for every provider an Issuer that the API server takes and that has all it needs", func(ctx SpecContext) {
		shown := examples()
		Expect(shown).To(HaveLen(len(providers.All())))
		for _, provider := range providers.All() {
			example := shown[provider.Name]
			issuer, secret := example.issuer, example.secret
			solver := issuer.Spec.ACME.Solvers[0].DNS01.Provider
			Expect(solver.Name).To(BeEquivalentTo(provider.Name))
			if solver.SecretRef != nil {
				Expect(solver.SecretRef.Name).To(Equal(secret.Name))
			}
			Expect(provider.Check(providers.Settings{Config: solver.Config, Secret: secret.StringData})).To(Succeed(), provider.Name)
			issuer.Namespace = testkit.DefaultNamespace
			Expect(admin.Create(ctx, &issuer, client.DryRunAll)).To(Succeed(), provider.Name)
		}
	})
})
