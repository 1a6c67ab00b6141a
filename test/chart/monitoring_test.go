package chart

import (
	"encoding/json"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/certwright/certwright/api"
	"github.com/certwright/certwright/internal/report"
)

// one is the only object of a kind.
func one(objects []*unstructured.Unstructured, kind string) *unstructured.Unstructured {
	GinkgoHelper()
	found := ofKind(objects, kind)
	Expect(found).To(HaveLen(1), kind)
	return found[0]
}

var _ = Describe("what a platform team adds", func() {
	monitored := []string{"--set=prometheus.serviceMonitor.enabled=true", "--set=prometheus.podMonitor.enabled=true",
		"--set=prometheus.rules.enabled=true", "--set=prometheus.dashboard.enabled=true", "--set=prometheus.rules.labels.release=prometheus"}

	It("asks only for metrics that the operator has", func() {
		registry := prometheus.NewRegistry()
		_, err := report.NewMetrics(registry, "test")
		Expect(err).NotTo(HaveOccurred())
		Expect(registry.Register(report.CertificateCollector(nil, api.DefaultNames()))).To(Succeed())
		descriptions := make(chan *prometheus.Desc, 100)
		registry.Describe(descriptions)
		close(descriptions)
		names := map[string]bool{}
		for description := range descriptions {
			names[regexp.MustCompile(`fqName: "([^"]+)"`).FindStringSubmatch(description.String())[1]] = true
		}
		asked := 0
		for _, object := range rendered(monitored...) {
			if object.GetKind() != "PrometheusRule" && !strings.HasSuffix(object.GetName(), "-dashboard") {
				continue
			}
			text, err := object.MarshalJSON()
			Expect(err).NotTo(HaveOccurred())
			for _, name := range regexp.MustCompile(`certwright_[a-z_]+`).FindAllString(string(text), -1) {
				asked++
				Expect(names).To(HaveKey(strings.TrimSuffix(name, "_bucket")))
			}
		}
		Expect(asked).To(BeNumerically(">", 10))
	})

	It("is found by the Prometheus and the Grafana that are there", func() {
		objects := rendered(monitored...)
		Expect(one(objects, "PrometheusRule").GetLabels()).To(HaveKeyWithValue("release", "prometheus"))
		for _, kind := range []string{"ServiceMonitor", "PodMonitor"} {
			selected, _, err := unstructured.NestedStringMap(one(objects, kind).Object, "spec", "selector", "matchLabels")
			Expect(err).NotTo(HaveOccurred())
			for label, value := range selected {
				Expect(only[appsv1.Deployment](objects, "Deployment").Spec.Template.Labels).To(HaveKeyWithValue(label, value))
			}
		}
		for _, object := range ofKind(objects, "ConfigMap") {
			if strings.HasSuffix(object.GetName(), "-dashboard") {
				text, _, err := unstructured.NestedString(object.Object, "data", "certwright.json")
				Expect(err).NotTo(HaveOccurred())
				Expect(json.Valid([]byte(text))).To(BeTrue())
				Expect(object.GetLabels()).To(HaveKeyWithValue("grafana_dashboard", "1"))
				return
			}
		}
		Fail("there is no dashboard")
	})

	It("spreads replicas over nodes, and keeps one in a drain", func() {
		objects := rendered("--set=replicaCount=2")
		Expect(only[appsv1.Deployment](objects, "Deployment").Spec.Template.Spec.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution).To(HaveLen(1))
		one(objects, "PodDisruptionBudget")
		Expect(ofKind(rendered("--set=replicaCount=2", "--set=podDisruptionBudget.enabled=false"), "PodDisruptionBudget")).To(BeEmpty())
	})

	It("lets in who asks for answers and for metrics, and nobody else", func() {
		policy := one(rendered("--set=networkPolicy.enabled=true", "--set=networkPolicy.metricsFrom[0].namespaceSelector.matchLabels.name=monitoring"), "NetworkPolicy")
		rules, _, err := unstructured.NestedSlice(policy.Object, "spec", "ingress")
		Expect(err).NotTo(HaveOccurred())
		Expect(rules).To(ConsistOf(
			HaveKeyWithValue("ports", ConsistOf(HaveKeyWithValue("port", "solver"), HaveKeyWithValue("port", "tls-alpn"), HaveKeyWithValue("port", "crl"))),
			And(HaveKeyWithValue("ports", ConsistOf(HaveKeyWithValue("port", "metrics"))), HaveKey("from")),
		))
	})

	It("lets replicas ask each other for answers, whoever else may", func() {
		objects := rendered("--set=networkPolicy.enabled=true", "--set=networkPolicy.egress=null",
			"--set=networkPolicy.solverFrom[0].namespaceSelector.matchLabels.name=edge")
		policy := only[networkingv1.NetworkPolicy](objects, "NetworkPolicy").Spec
		replicas := only[appsv1.Deployment](objects, "Deployment").Spec.Selector
		Expect(policy.PodSelector).To(Equal(*replicas))
		Expect(policy.Ingress[0].From).To(ConsistOf(HaveField("PodSelector", Equal(replicas)), HaveField("NamespaceSelector", Not(BeNil()))))
		Expect(policy.Egress).To(ConsistOf(networkingv1.NetworkPolicyEgressRule{
			To:    []networkingv1.NetworkPolicyPeer{{PodSelector: replicas}},
			Ports: []networkingv1.NetworkPolicyPort{{Port: ptr.To(intstr.FromString("solver"))}, {Port: ptr.To(intstr.FromString("tls-alpn"))}},
		}))
		open := rendered("--set=networkPolicy.enabled=true", "--set=tlsALPN01Solver.enabled=false")
		policy = only[networkingv1.NetworkPolicy](open, "NetworkPolicy").Spec
		Expect(policy.Ingress[0].From).To(BeEmpty(), "everybody may ask")
		Expect(policy.Egress).To(ContainElement(networkingv1.NetworkPolicyEgressRule{}), "the operator may go anywhere")
		Expect(policy.Egress).To(ContainElement(HaveField("Ports", HaveLen(1))))
	})

	It("may be any object", func() {
		objects := rendered(`--set-json=extraObjects=[{"apiVersion":"v1","kind":"Secret","metadata":{"name":"{{ .Release.Name }}-more"}}]`)
		Expect(one(objects, "Secret").GetName()).To(Equal("certwright-more"))
	})
})
