package admission

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/testkit"
)

// samples reads the objects of config/samples.
func samples(names api.Names) []*unstructured.Unstructured {
	GinkgoHelper()
	manifests, err := testkit.Manifests(filepath.Join("config", "samples"), names, "")
	Expect(err).NotTo(HaveOccurred())
	var found []*unstructured.Unstructured
	for _, manifest := range manifests {
		decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
		for {
			object := &unstructured.Unstructured{}
			err := decoder.Decode(object)
			if errors.Is(err, io.EOF) {
				break
			}
			Expect(err).NotTo(HaveOccurred())
			found = append(found, object)
		}
	}
	Expect(found).NotTo(BeEmpty())
	return found
}

var _ = Describe("The samples", func() {
	It("are accepted", func(ctx SpecContext) {
		for _, sample := range samples(names) {
			if sample.GetKind() != v1.ClusterIssuerKind {
				sample.SetNamespace("default")
			}
			Expect(create(ctx, sample)).To(Succeed(), sample.GetName())
		}
	})
})
