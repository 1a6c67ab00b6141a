package admission

import (
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/certwright/certwright/internal/testkit"
)

// crdRule is a rule as it stands in a CRD.
type crdRule struct{ field, message string }

// rulesIn lists the rules of a schema and of everything below it.
func rulesIn(schema *apiextensionsv1.JSONSchemaProps, field string) []crdRule {
	var found []crdRule
	for _, r := range schema.XValidations {
		at := field
		if at == "" {
			at = root
		}
		found = append(found, crdRule{at, r.Message})
	}
	for name, property := range schema.Properties {
		found = append(found, rulesIn(&property, strings.TrimPrefix(field+"."+name, "."))...)
	}
	if schema.Items != nil {
		found = append(found, rulesIn(schema.Items.Schema, field+"[]")...)
	}
	return found
}

// schemas gives the schema of each kind of the default group.
func schemas() map[string]*apiextensionsv1.JSONSchemaProps {
	GinkgoHelper()
	manifests, err := testkit.Manifests(filepath.Join("config", "crd", "bases"), names, "")
	Expect(err).NotTo(HaveOccurred())
	found := map[string]*apiextensionsv1.JSONSchemaProps{}
	for _, manifest := range manifests {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		Expect(yaml.Unmarshal(manifest, crd)).To(Succeed())
		found[crd.Spec.Names.Kind] = crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	}
	return found
}

var _ = Describe("The CRDs", func() {
	tables := map[string][]rule{
		certificates.Kind:   certificateRules,
		requests.Kind:       requestRules,
		revocations.Kind:    revocationRules,
		orders.Kind:         orderRules,
		issuers.Kind:        issuerRules,
		clusterIssuers.Kind: issuerRules,
	}
	for kind, rules := range tables {
		It("have no rule of "+kind+" without a spec", func() {
			shown := func(r crdRule) bool {
				for _, spec := range rules {
					if spec.field == r.field && strings.Contains(r.message, spec.message) {
						return true
					}
				}
				return false
			}
			found := rulesIn(schemas()[kind], "")
			Expect(found).NotTo(BeEmpty())
			for _, r := range found {
				Expect(r.message).NotTo(BeEmpty(), "rule without a message at %s", r.field)
				Expect(shown(r)).To(BeTrue(), "no spec for the rule at %s: %s", r.field, r.message)
			}
		})
	}
})
