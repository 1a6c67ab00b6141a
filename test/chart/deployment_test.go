package chart

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	. "github.com/onsi/gomega/gstruct"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/internal/operator"
)

func podOf(objects []*unstructured.Unstructured) corev1.PodSpec {
	GinkgoHelper()
	return only[appsv1.Deployment](objects, "Deployment").Spec.Template.Spec
}

// optionsOf is what the operator makes of the arguments that the chart gives it.
func optionsOf(objects []*unstructured.Unstructured) operator.Options {
	GinkgoHelper()
	options, err := operator.Parse(podOf(objects).Containers[0].Args, io.Discard)
	Expect(err).NotTo(HaveOccurred())
	return options
}

var _ = Describe("the Deployment", func() {
	It("starts the operator as one of possibly many with no values set", func() {
		options := optionsOf(rendered())
		Expect(options.LeaderElect).To(BeTrue())
		Expect(options.APIGroup).To(Equal("certwright.dev"))
		Expect(options.Namespaces).To(BeEmpty())
		Expect(options.CopiedPrefixes).To(Equal(operator.Default().CopiedPrefixes))
		Expect(options.RestartOnRenewal).To(BeFalse())
	})

	It("hands every value to the operator", func() {
		options := optionsOf(rendered(
			"--set=apiGroup=cert-manager.io", "--set=namespaces={a,b}", "--set=clusterResourceNamespace=cluster",
			"--set=approveSignerNames={issuers.cert-manager.io/*,clusterissuers.cert-manager.io/one}",
			"--set=copiedAnnotationPrefixes={example.com/,-example.com/not/}", "--set=enableCertificateOwnerRef=true",
			"--set=dns01.recursiveNameservers={9.9.9.9:53,149.112.112.112:53}", "--set=dns01.recursiveNameserversOnly=true",
			"--set=dns01.issuerAmbientCredentials=true,dns01.clusterIssuerAmbientCredentials=false",
			"--set=restartOnRenewal.enabled=true,restartOnRenewal.spread=20m", "--set=restartOnRenewal.namespaces={b}",
			"--set=allowPrivateAddresses={10.0.0.0/8,10.0.0.53,fd00::/8,::1}", "--set=crl.baseURL=http://crl.example.com/lists",
			"--set=ingressShim.defaultIssuerName=everyone,ingressShim.defaultIssuerKind=ClusterIssuer,ingressShim.defaultIssuerGroup=example.com",
			"--set=ingressShim.extraCertificateAnnotations={example.com/a,example.com/b}",
			"--set=logLevel=3", "--set=logFormat=text", "--set=extraArgs={--concurrent-reconciles=3}"))
		Expect(options).To(MatchFields(IgnoreExtras, Fields{
			"APIGroup":                 Equal("cert-manager.io"),
			"Namespaces":               Equal([]string{"a", "b"}),
			"ClusterResourceNamespace": Equal("cluster"),
			"ApproveSignerNames":       Equal([]string{"issuers.cert-manager.io/*", "clusterissuers.cert-manager.io/one"}),
			"CopiedPrefixes":           Equal([]string{"example.com/", "-example.com/not/"}),
			"CertificateOwnerRef":      BeTrue(),
			"DNS01Nameservers":         Equal([]string{"9.9.9.9:53", "149.112.112.112:53"}),
			"DNS01NameserversOnly":     BeTrue(),
			"AmbientIssuers":           BeTrue(),
			"AmbientClusterIssuers":    BeFalse(),
			"AllowPrivateAddresses":    Equal([]string{"10.0.0.0/8", "10.0.0.53", "fd00::/8", "::1"}),
			"RestartOnRenewal":         BeTrue(),
			"RestartSpread":            Equal(20 * time.Minute),
			"RestartNamespaces":        Equal([]string{"b"}),
			"DefaultIssuerName":        Equal("everyone"),
			"DefaultIssuerKind":        Equal("ClusterIssuer"),
			"DefaultIssuerGroup":       Equal("example.com"),
			"ExtraAnnotations":         Equal([]string{"example.com/a", "example.com/b"}),
			"CRLBaseURL":               Equal("http://crl.example.com/lists"),
			"Verbosity":                Equal(3),
			"LogFormat":                Equal("text"),
			"ConcurrentReconciles":     Equal(3),
		}))
	})

	It("tells of the pods that answer challenges, with amounts as people write them", func() {
		options := optionsOf(rendered(`--set-json=http01Solver={"nameservers":["9.9.9.9:53"],"pods":{"runtimeClassName":"gvisor",
			"requests":{"cpu":0.1,"memory":67108864},"limits":{"memory":"128Mi"}}}`, "--set=http01Solver.pods.image.digest=sha256:"+strings.Repeat("b", 64)))
		Expect(options).To(MatchFields(IgnoreExtras, Fields{
			"HTTP01SolverImage":  Equal("ghcr.io/certwright/solver@sha256:" + strings.Repeat("b", 64)),
			"HTTP01Nameservers":  Equal([]string{"9.9.9.9:53"}),
			"HTTP01RuntimeClass": Equal("gvisor"),
			"HTTP01SolverLimits": Equal(map[string]string{"memory": "128Mi"}),
		}))
		for name, want := range map[string]string{"cpu": "100m", "memory": "64Mi"} {
			amount, err := resource.ParseQuantity(options.HTTP01SolverRequests[name])
			Expect(err).NotTo(HaveOccurred())
			Expect(amount.Cmp(resource.MustParse(want))).To(BeZero(), name)
		}
	})

	It("serves on the ports that probes and Services ask", func() {
		objects, served := rendered(), operator.Default()
		container := podOf(objects).Containers[0]
		ports := map[string]string{}
		for _, port := range container.Ports {
			ports[port.Name] = fmt.Sprintf(":%d", port.ContainerPort)
		}
		Expect(ports).To(Equal(map[string]string{
			"metrics": served.MetricsAddress, "health": served.HealthAddress, "solver": served.HTTP01SolverAddress, "crl": served.CRLAddress,
			"tls-alpn": optionsOf(objects).TLSALPN01SolverAddress,
		}))
		Expect(container.LivenessProbe.HTTPGet.Port.StrVal).To(Equal("health"))
		Expect(container.ReadinessProbe.HTTPGet.Port.StrVal).To(Equal("health"))
		labels := only[appsv1.Deployment](objects, "Deployment").Spec.Template.Labels
		var names []string
		for _, object := range ofKind(objects, "Service") {
			service := typed[corev1.Service](object)
			names = append(names, service.Name)
			for _, port := range service.Spec.Ports {
				Expect(ports).To(HaveKey(port.TargetPort.StrVal))
				if service.Name == optionsOf(objects).HTTP01SolverService {
					Expect(ports).To(HaveKeyWithValue(port.TargetPort.StrVal, fmt.Sprintf(":%d", port.Port)), "the routes lead to the same port at the Service and at the pods")
				}
			}
			for key, value := range service.Spec.Selector {
				Expect(labels).To(HaveKeyWithValue(key, value))
			}
		}
		Expect(names).To(ContainElement(optionsOf(objects).HTTP01SolverService))
		url := optionsOf(objects).CRLBaseURL
		for _, object := range ofKind(objects, "Service") {
			service := typed[corev1.Service](object)
			if url == "http://"+service.Name+"."+service.Namespace+".svc" {
				Expect(service.Spec.Ports).To(HaveExactElements(And(HaveField("Port", BeEquivalentTo(80)), HaveField("TargetPort.StrVal", "crl"))))
				url = ""
			}
		}
		Expect(url).To(BeEmpty(), "a URL of revocation lists that leads to no Service")
	})

	It("does not answer over TLS where no challenge is to be answered so", func() {
		objects := rendered("--set=tlsALPN01Solver.enabled=false")
		Expect(optionsOf(objects).TLSALPN01SolverAddress).To(Equal("0"))
		Expect(podOf(objects).Containers[0].Ports).NotTo(ContainElement(HaveField("Name", "tls-alpn")))
		for _, object := range ofKind(objects, "Service") {
			Expect(typed[corev1.Service](object).Spec.Ports).To(HaveLen(1))
		}
	})

	It("is a pod that the strictest Pod Security Standard takes", func(ctx SpecContext) {
		c := releases[0].admin()
		Expect(c.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: "strict", Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
		}})).To(Succeed())
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "strict", Name: "certwright"}, Spec: podOf(rendered())}
		Expect(pod.Spec.Containers[0].SecurityContext.ReadOnlyRootFilesystem).To(HaveValue(BeTrue()))
		Expect(c.Create(ctx, pod.DeepCopy(), client.DryRunAll)).To(Succeed())
		pod.Spec.SecurityContext.SeccompProfile = nil
		Expect(c.Create(ctx, pod, client.DryRunAll)).To(MatchError(ContainSubstring("seccompProfile")), "the standard is not enforced")
	})

	It("tells the garbage collector of a memory limit, where there is one", func() {
		limited := HaveField("Env", ContainElement(And(
			HaveField("Name", "GOMEMLIMIT"), HaveField("ValueFrom.ResourceFieldRef.Resource", "limits.memory"))))
		Expect(podOf(rendered("--set=resources.limits.memory=256Mi")).Containers[0]).To(limited)
		Expect(podOf(rendered()).Containers[0].Env).To(ConsistOf(HaveField("Name", "POD_NAMESPACE")))
		Expect(podOf(rendered("--set=resources=null")).Containers[0].Resources).To(BeZero())
	})

	It("has a disruption budget with more than one replica", func() {
		Expect(ofKind(rendered(), "PodDisruptionBudget")).To(BeEmpty())
		objects := rendered("--set=replicaCount=2")
		budget := only[policyv1.PodDisruptionBudget](objects, "PodDisruptionBudget")
		Expect(budget.Spec.Selector).To(Equal(only[appsv1.Deployment](objects, "Deployment").Spec.Selector))
	})

	It("takes what an administrator says about its pod", func() {
		pod := podOf(rendered("--set=priorityClassName=high", "--set=nodeSelector.disk=ssd", "--set=image.digest=sha256:"+strings.Repeat("a", 64),
			"--set=imagePullSecrets[0].name=pull", "--set=tolerations[0].operator=Exists", "--set=extraEnv[0].name=NO_PROXY",
			"--set=extraVolumes[0].name=ca", "--set=extraVolumeMounts[0].name=ca", "--set=extraVolumeMounts[0].mountPath=/ca",
			"--set=topologySpreadConstraints[0].maxSkew=1", "--set=affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey=zone"))
		Expect(pod).To(MatchFields(IgnoreExtras, Fields{
			"PriorityClassName":         Equal("high"),
			"NodeSelector":              HaveKeyWithValue("disk", "ssd"),
			"ImagePullSecrets":          ConsistOf(corev1.LocalObjectReference{Name: "pull"}),
			"Tolerations":               HaveLen(1),
			"Volumes":                   ContainElement(HaveField("Name", "ca")),
			"TopologySpreadConstraints": HaveLen(1),
			"Affinity":                  Not(BeNil()),
		}))
		Expect(pod.Containers[0].Image).To(Equal("ghcr.io/certwright/certwright@sha256:" + strings.Repeat("a", 64)))
		Expect(pod.Containers[0].Env).To(ContainElement(HaveField("Name", "NO_PROXY")))
		Expect(pod.Containers[0].VolumeMounts).To(ContainElement(HaveField("Name", "ca")))
		Expect(pod.Containers[1].VolumeMounts).NotTo(ContainElement(HaveField("Name", "ca")))
	})

	It("has the labels that an administrator gives it, and those that it is selected by", func() {
		deployment := only[appsv1.Deployment](rendered(
			`--set=podLabels.app\.kubernetes\.io/version=ours`, `--set=podLabels.app\.kubernetes\.io/name=other`, "--set=podLabels.team=web"), "Deployment")
		Expect(deployment.Spec.Template.Labels).To(And(HaveKeyWithValue("team", "web"), HaveKeyWithValue("app.kubernetes.io/version", "ours")))
		for label, value := range deployment.Spec.Selector.MatchLabels {
			Expect(deployment.Spec.Template.Labels).To(HaveKeyWithValue(label, value))
		}
	})

	It("runs the DNS providers as another user, who has the socket and no token", func() {
		objects := rendered("--set=dnsSolver.processes=7", "--set=dnsSolver.extraEnv[0].name=HTTPS_PROXY")
		pod := podOf(objects)
		Expect(pod.AutomountServiceAccountToken).To(HaveValue(BeFalse()))
		Expect(pod.ShareProcessNamespace).To(BeNil())
		token := ContainElement(HaveField("MountPath", "/var/run/secrets/kubernetes.io/serviceaccount"))
		manager, dnsSolver := pod.Containers[0], pod.Containers[1]
		Expect(manager.VolumeMounts).To(token)
		Expect(dnsSolver.Name).To(Equal("dns-solver"))
		Expect(dnsSolver.Image).To(Equal(manager.Image))
		Expect(dnsSolver.VolumeMounts).NotTo(token)
		Expect(dnsSolver.Env).To(ConsistOf(HaveField("Name", "HTTPS_PROXY")))
		Expect(dnsSolver.SecurityContext.RunAsUser).NotTo(HaveValue(Equal(*pod.SecurityContext.RunAsUser)))
		Expect(dnsSolver.SecurityContext.ReadOnlyRootFilesystem).To(HaveValue(BeTrue()))
		socket := optionsOf(objects).DNSSolverSocket
		Expect(dnsSolver.Args).To(ConsistOf("serve", "--socket="+socket, "--processes=7"))
		for _, container := range pod.Containers {
			Expect(container.VolumeMounts).To(ContainElement(HaveField("MountPath", filepath.Dir(socket))))
		}
		without := rendered("--set=dnsSolver.enabled=false")
		Expect(podOf(without).Containers).To(HaveLen(1))
		Expect(podOf(without).Containers[0].VolumeMounts).To(token)
		Expect(optionsOf(without).DNSSolverSocket).To(BeEmpty())
	})
})

// config/default is the chart with its default values, without Helm's labels.
var _ = Describe("the kustomize base", func() {
	It("runs the same pod with the same rights as the chart", func() {
		manifests, problems, err := tool("kustomize", "build", "config/default")
		Expect(err).NotTo(HaveOccurred(), problems)
		base, chart := decode(manifests), rendered()
		pod := podOf(chart)
		delete(pod.Affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution[0].PodAffinityTerm.LabelSelector.MatchLabels, "app.kubernetes.io/instance")
		Expect(podOf(base)).To(Equal(pod))
		for _, kind := range []string{"ClusterRole", "Role"} {
			rules := map[string][]rbacv1.PolicyRule{}
			for _, object := range ofKind(base, kind) {
				rules[object.GetName()] = typed[rbacv1.ClusterRole](object).Rules
			}
			for _, object := range ofKind(chart, kind) {
				Expect(rules).To(HaveKeyWithValue(object.GetName(), typed[rbacv1.ClusterRole](object).Rules))
			}
			Expect(rules).To(HaveLen(len(ofKind(chart, kind))))
		}
		for _, kind := range []string{"ClusterRoleBinding", "RoleBinding"} {
			subjects := map[string]any{}
			for _, object := range ofKind(base, kind) {
				subjects[object.GetName()] = []any{object.Object["subjects"], object.Object["roleRef"]}
			}
			for _, object := range ofKind(chart, kind) {
				Expect(subjects).To(HaveKeyWithValue(object.GetName(), []any{object.Object["subjects"], object.Object["roleRef"]}))
			}
			Expect(subjects).To(HaveLen(len(ofKind(chart, kind))))
		}
	})
})
