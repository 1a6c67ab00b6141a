package chart

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/internal/testkit"
)

// Beginnings of blocks that are a part of an object, and the object that they are a part of.
var around = map[string]string{
	"solvers:": `
apiVersion: certwright.dev/v1
kind: Issuer
metadata: {name: part}
spec:
  acme:
    server: https://acme.example.com/directory
    privateKeySecretRef: {name: account}
    `,
	"  issuerRef:": `
apiVersion: certwright.dev/v1
kind: Certificate
metadata: {name: part}
spec:
  secretName: part-tls
  dnsNames: [web.example.com]
`,
}

// whole completes a block that is a part of an object.
func whole(block string) string {
	for begin, object := range around {
		if strings.HasPrefix(block, begin) {
			indent := object[strings.LastIndex(object, "\n")+1:]
			return object + strings.ReplaceAll(block, "\n", "\n"+indent)
		}
	}
	return block
}

// secretsOf are the Secrets that a certificate is to be in.
func secretsOf(object *unstructured.Unstructured) []string {
	GinkgoHelper()
	var names []string
	if name, _, _ := unstructured.NestedString(object.Object, "spec", "secretName"); name != "" {
		names = append(names, name)
	}
	if object.GetKind() == "Ingress" {
		for _, tls := range typed[networkingv1.Ingress](object).Spec.TLS {
			names = append(names, tls.SecretName)
		}
	}
	return names
}

var _ = DescribeTable("each block of YAML that people may copy is accepted", func(ctx SpecContext, page string) {
	Expect(controlPlane.InstallGatewayAPI("referencegrants")).To(Succeed())
	root, err := testkit.Root()
	Expect(err).NotTo(HaveOccurred())
	text, err := os.ReadFile(filepath.Join(root, page))
	Expect(err).NotTo(HaveOccurred())
	blocks := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	Expect(blocks).NotTo(BeEmpty())
	taken := map[string]bool{}
	c := client.NewNamespacedClient(releases[0].admin(), "work")
	for _, block := range blocks {
		for _, object := range decode([]byte(whole(block[1]))) {
			for _, secret := range secretsOf(object) {
				Expect(taken).NotTo(HaveKey(secret), "the page has two objects for one Secret: only the first would get it")
				taken[secret] = true
			}
			admin := c
			if namespace := object.GetNamespace(); namespace != "" {
				admin = releases[0].admin()
				createNamespace(ctx, admin, namespace)
			}
			Expect(admin.Create(ctx, object, client.DryRunAll, client.FieldValidation("Strict"))).To(Succeed(), block[1])
		}
	}
}, Entry("of the README", "README.md"), Entry("about solvers", "docs/solvers.md"), Entry("about sources", "docs/sources.md"),
	Entry("about revocation", "docs/revocation.md"))
