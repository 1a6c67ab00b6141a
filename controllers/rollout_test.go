package controllers_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/operator"
	"github.com/certwright/certwright/internal/testkit"
)

// patchCall is the call that writes a Deployment.
const patchCall = "PATCH deployments"

// restarting has workloads restarted, at once.
func restarting(options *operator.Options) { options.RestartOnRenewal, options.RestartSpread = true, 0 }

// withSpread is restarting over an hour.
func withSpread(options *operator.Options) {
	options.RestartOnRenewal, options.RestartSpread = true, time.Hour
}

// workload is a Deployment, StatefulSet or DaemonSet whose pods read Secrets.
type workload struct {
	client.Object
	spec     func() any
	template *corev1.PodTemplateSpec
}

// makeWorkload makes one of a namespace with a name and a pod template.
type makeWorkload func(metav1.ObjectMeta, *metav1.LabelSelector, corev1.PodTemplateSpec) workload

func deployment(meta metav1.ObjectMeta, selector *metav1.LabelSelector, template corev1.PodTemplateSpec) workload {
	d := &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{Selector: selector, Template: template}}
	return workload{Object: d, spec: func() any { return *d.Spec.DeepCopy() }, template: &d.Spec.Template}
}

func statefulSet(meta metav1.ObjectMeta, selector *metav1.LabelSelector, template corev1.PodTemplateSpec) workload {
	set := &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Selector: selector, Template: template}}
	return workload{Object: set, spec: func() any { return *set.Spec.DeepCopy() }, template: &set.Spec.Template}
}

func daemonSet(meta metav1.ObjectMeta, selector *metav1.LabelSelector, template corev1.PodTemplateSpec) workload {
	set := &appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template}}
	return workload{Object: set, spec: func() any { return *set.Spec.DeepCopy() }, template: &set.Spec.Template}
}

// labelled is a workload that is restarted on renewal.
func labelled(kind makeWorkload, namespace, name string, change ...func(*corev1.PodSpec)) workload {
	w := unlabelled(kind, namespace, name, change...)
	w.SetLabels(map[string]string{names.Label.RestartOnRenewal: "true"})
	return w
}

func unlabelled(kind makeWorkload, namespace, name string, change ...func(*corev1.PodSpec)) workload {
	pod := corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: "example.test/web"}}}
	for _, f := range change {
		f(&pod)
	}
	app := map[string]string{"app": name}
	return kind(metav1.ObjectMeta{Namespace: namespace, Name: name}, &metav1.LabelSelector{MatchLabels: app},
		corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: app, Annotations: map[string]string{"theirs": "stays"}}, Spec: pod})
}

func mounting(secret string) func(*corev1.PodSpec) {
	return func(pod *corev1.PodSpec) {
		pod.Volumes = append(pod.Volumes, corev1.Volume{Name: secret, VolumeSource: corev1.VolumeSource{
			Secret: &corev1.SecretVolumeSource{SecretName: secret},
		}})
	}
}

func projecting(secret string) func(*corev1.PodSpec) {
	return func(pod *corev1.PodSpec) {
		source := &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: secret}}
		pod.Volumes = append(pod.Volumes, corev1.Volume{Name: "projected", VolumeSource: corev1.VolumeSource{
			Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{Secret: source}}},
		}})
	}
}

func inEnvironment(secret string) func(*corev1.PodSpec) {
	return func(pod *corev1.PodSpec) {
		key := &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: secret}, Key: "tls.crt"}
		pod.Containers[0].Env = []corev1.EnvVar{{Name: "TLS_CRT", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: key}}}
	}
}

// read is the latest view of a workload.
func (w workload) read(g Gomega, ctx context.Context, c client.Client) {
	w.template.Annotations = nil
	w.SetAnnotations(nil)
	g.Expect(c.Get(ctx, client.ObjectKeyFromObject(w), w.Object)).To(Succeed())
}

// record waits until the certificates that its pods have read stand on a workload, and other ones than before.
func (w workload) record(ctx context.Context, c client.Client, before string) (record string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		w.read(g, ctx, c)
		record = w.GetAnnotations()[names.Annotation.KnownCertificates]
		g.Expect(record).NotTo(Or(BeEmpty(), Equal(before)))
	}).Should(Succeed())
	return record
}

// hash waits until the pods of a workload are replaced for other certificates than before.
func (w workload) hash(ctx context.Context, c client.Client, before string) (hash string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		w.read(g, ctx, c)
		hash = w.template.Annotations[names.Annotation.CertificatesHash]
		g.Expect(hash).NotTo(Or(BeEmpty(), Equal(before)))
	}).Should(Succeed())
	return hash
}

// expectNoRestart expects that the pods of a workload have never been replaced.
func (w workload) expectNoRestart(ctx context.Context, c client.Client) {
	GinkgoHelper()
	w.read(Default, ctx, c)
	Expect(w.template.Annotations).To(Equal(map[string]string{"theirs": "stays"}))
}

// renew has a Certificate issued again.
func renew(ctx context.Context, s *space, crt *v1.Certificate) {
	GinkgoHelper()
	before := revisionOf(ctx, s, crt)()
	trigger(ctx, s, crt)
	Eventually(revisionOf(ctx, s, crt)).Should(Equal(before + 1))
}

func (s *space) expectNote(ctx context.Context, regarding, reason, part string) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		var told eventsv1.EventList
		g.Expect(s.List(ctx, &told, client.InNamespace(s.namespace))).To(Succeed())
		g.Expect(told.Items).To(ContainElement(And(
			HaveField("Regarding.Name", regarding), HaveField("Reason", reason), HaveField("Note", ContainSubstring(part)))))
	}).Should(Succeed())
}

var _ = Describe("a workload that is to be restarted on renewal", func() {
	s := eachInItsOwnSpace()

	issued := func(ctx SpecContext, name string) *v1.Certificate {
		GinkgoHelper()
		return issue(ctx, s, certificate(s.namespace, name, "selfsigned"))
	}
	BeforeEach(func(ctx SpecContext) { create(ctx, s, selfSigned(s.namespace)) })

	for _, group := range groups {
		DescribeTable("is restarted once for each renewal, under "+group, func(ctx SpecContext, kind makeWorkload, uses func(string) func(*corev1.PodSpec)) {
			underGroup(group)
			s.Client = directClient()
			if group != groups[0] {
				create(ctx, s, selfSigned(s.namespace))
			}
			startOperator(s.namespace, restarting)
			crt := issued(ctx, "web")
			w := labelled(kind, s.namespace, "web", uses("web-tls"))
			create(ctx, s, w.Object)
			record := w.record(ctx, s, "")
			w.expectNoRestart(ctx, s)
			spec := w.spec()

			renew(ctx, s, crt)
			hash := w.hash(ctx, s, "")
			Expect(w.GetAnnotations()[names.Annotation.KnownCertificates]).NotTo(Equal(record), "both are written at once")
			Expect(hash).To(HaveLen(64))
			delete(w.template.Annotations, names.Annotation.CertificatesHash)
			Expect(w.spec()).To(Equal(spec), "nothing but the hash is another")
			s.expectNote(ctx, "web", "RestartedOnRenewal", `Secret "web-tls" has a new certificate`)
		},
			Entry("a Deployment", deployment, mounting),
			Entry("a StatefulSet", statefulSet, mounting),
			Entry("a DaemonSet", daemonSet, mounting),
			Entry("by a projected volume", deployment, projecting),
			Entry("by its environment", deployment, inEnvironment),
		)
	}

	It("is left alone without the label", func(ctx SpecContext) {
		startOperator(s.namespace, restarting)
		crt := issued(ctx, "web")
		with, without := labelled(deployment, s.namespace, "with", mounting("web-tls")), unlabelled(deployment, s.namespace, "without", mounting("web-tls"))
		create(ctx, s, with.Object, without.Object)
		with.record(ctx, s, "")
		renew(ctx, s, crt)
		with.hash(ctx, s, "")
		without.expectNoRestart(ctx, s)
		Expect(without.GetAnnotations()).To(BeEmpty())
	})

	It("is left alone where that is not asked for", func(ctx SpecContext) {
		calls := testkit.NewFaults(nil)
		startOperator(s.namespace, countedBy(calls))
		crt := issued(ctx, "web")
		w := labelled(deployment, s.namespace, "web", mounting("web-tls"))
		create(ctx, s, w.Object)
		renew(ctx, s, crt)
		w.expectNoRestart(ctx, s)
		Expect(calls.Count(patchCall)).To(BeZero())
	})

	It("is not restarted by the first certificate, nor by one that its pods begin to use", func(ctx SpecContext) {
		startOperator(s.namespace, restarting)
		w := labelled(deployment, s.namespace, "web", mounting("web-tls"), mounting("other-tls"))
		create(ctx, s, w.Object)
		issued(ctx, "web")
		record := w.record(ctx, s, "")
		issued(ctx, "other")
		w.record(ctx, s, record)
		w.expectNoRestart(ctx, s)
	})

	It("waits for its place in the spread, and is restarted once for all that was renewed meanwhile", func(ctx SpecContext) {
		moved, calls := &clock{}, testkit.NewFaults(nil)
		startOperator(s.namespace, withSpread, moved.operator, countedBy(calls))
		first, second := issued(ctx, "first"), issued(ctx, "second")
		w := labelled(deployment, s.namespace, "web", mounting("first-tls"), mounting("second-tls"))
		create(ctx, s, w.Object)
		w.record(ctx, s, "")
		renew(ctx, s, first)
		renew(ctx, s, second)
		Consistently(func() string {
			w.read(Default, ctx, s)
			return w.template.Annotations[names.Annotation.CertificatesHash]
		}).WithTimeout(300 * time.Millisecond).Should(BeEmpty())
		Expect(calls.Count(patchCall)).To(Equal(1))

		moved.ahead.Store(int64(time.Hour))
		scale(ctx, s, w)
		w.hash(ctx, s, "")
		s.expectNote(ctx, "web", "RestartedOnRenewal", `Secrets "first-tls", "second-tls" have new certificates`)
		Expect(calls.Count(patchCall)).To(Equal(2))
	})

	It("is restarted when its wait is over, and nobody has to wake it", func(ctx SpecContext) {
		startOperator(s.namespace, func(options *operator.Options) { options.RestartOnRenewal, options.RestartSpread = true, 3*time.Second })
		crt := issued(ctx, "web")
		w := labelled(deployment, s.namespace, "web", mounting("web-tls"))
		create(ctx, s, w.Object)
		w.record(ctx, s, "")
		renew(ctx, s, crt)
		w.hash(ctx, s, "")
	})

	It("is not restarted again right after a restart", func(ctx SpecContext) {
		moved := &clock{}
		startOperator(s.namespace, restarting, moved.operator)
		crt := issued(ctx, "web")
		w := labelled(deployment, s.namespace, "web", mounting("web-tls"))
		create(ctx, s, w.Object)
		w.record(ctx, s, "")
		renew(ctx, s, crt)
		hash := w.hash(ctx, s, "")
		renew(ctx, s, crt)
		Consistently(func(g Gomega) {
			w.read(g, ctx, s)
			g.Expect(w.template.Annotations).To(HaveKeyWithValue(names.Annotation.CertificatesHash, hash))
		}).WithTimeout(300 * time.Millisecond).Should(Succeed())
		moved.ahead.Store(int64(5 * time.Minute))
		scale(ctx, s, w)
		w.hash(ctx, s, hash)
	})

	It("costs nothing and is not restarted when the operator starts again", func(ctx SpecContext) {
		stop := startOperator(s.namespace, restarting)
		crt := issued(ctx, "web")
		w := labelled(deployment, s.namespace, "web", mounting("web-tls"))
		create(ctx, s, w.Object)
		w.record(ctx, s, "")
		renew(ctx, s, crt)
		hash := w.hash(ctx, s, "")
		stop()
		calls := testkit.NewFaults(nil)
		startOperator(s.namespace, restarting, countedBy(calls))
		other := labelled(deployment, s.namespace, "zzz", mounting("web-tls"))
		create(ctx, s, other.Object)
		other.record(ctx, s, "")
		Consistently(func() int { return calls.Count(patchCall) }).WithTimeout(300 * time.Millisecond).Should(Equal(1))
		Expect(w.hash(ctx, s, "")).To(Equal(hash))
	})

	It("is restarted for a renewal that the operator did not live to see", func(ctx SpecContext) {
		stop := startOperator(s.namespace, restarting)
		crt := issued(ctx, "web")
		w := labelled(deployment, s.namespace, "web", mounting("web-tls"))
		create(ctx, s, w.Object)
		w.record(ctx, s, "")
		stop()
		stop = startOperator(s.namespace)
		renew(ctx, s, crt)
		stop()
		startOperator(s.namespace, restarting)
		w.hash(ctx, s, "")
	})

	It("is not restarted when its annotations are taken away or set back, and is when a certificate changes", func(ctx SpecContext) {
		moved, calls := &clock{}, testkit.NewFaults(nil)
		startOperator(s.namespace, restarting, moved.operator, countedBy(calls))
		crt := issued(ctx, "web")
		w := labelled(deployment, s.namespace, "web", mounting("web-tls"))
		create(ctx, s, w.Object)
		old := w.record(ctx, s, "")
		renew(ctx, s, crt)
		hash := w.hash(ctx, s, "")

		By("rolling back")
		moved.ahead.Store(int64(time.Hour))
		edit(ctx, s, w.Object, func() {
			w.SetAnnotations(map[string]string{names.Annotation.KnownCertificates: old})
			delete(w.template.Annotations, names.Annotation.CertificatesHash)
		})
		w.record(ctx, s, old)
		s.expectNote(ctx, "web", "AnnotationPutBack", "written again")

		By("applying over and over")
		edit(ctx, s, w.Object, func() { w.SetAnnotations(nil) })
		Consistently(func(g Gomega) {
			w.read(g, ctx, s)
			g.Expect(w.GetAnnotations()).To(BeEmpty())
			g.Expect(w.template.Annotations).NotTo(HaveKey(names.Annotation.CertificatesHash))
		}).WithTimeout(300 * time.Millisecond).Should(Succeed())
		Expect(calls.Count(patchCall)).To(Equal(3))

		By("renewing")
		renew(ctx, s, crt)
		w.hash(ctx, s, hash)
	})

	DescribeTable("that does not replace pods by itself is told so", func(ctx SpecContext, kind makeWorkload, hold func(client.Object), part string) {
		startOperator(s.namespace, restarting)
		crt := issued(ctx, "web")
		w := labelled(kind, s.namespace, "web", mounting("web-tls"))
		hold(w.Object)
		create(ctx, s, w.Object)
		w.record(ctx, s, "")
		renew(ctx, s, crt)
		w.hash(ctx, s, "")
		s.expectNote(ctx, "web", "RestartedOnRenewal", part)
	},
		Entry("a paused Deployment", deployment, func(object client.Object) { object.(*appsv1.Deployment).Spec.Paused = true }, "when you resume it"),
		Entry("a StatefulSet OnDelete", statefulSet, func(object client.Object) {
			object.(*appsv1.StatefulSet).Spec.UpdateStrategy.Type = appsv1.OnDeleteStatefulSetStrategyType
		}, "OnDelete"),
		Entry("a StatefulSet with a partition", statefulSet, func(object client.Object) {
			three := int32(3)
			object.(*appsv1.StatefulSet).Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{Partition: &three}
		}, "partition"),
		Entry("a DaemonSet OnDelete", daemonSet, func(object client.Object) {
			object.(*appsv1.DaemonSet).Spec.UpdateStrategy.Type = appsv1.OnDeleteDaemonSetStrategyType
		}, "OnDelete"),
	)

	It("that may not be written says so, and is not asked for over and over", func(ctx SpecContext) {
		forbidden := apierrors.NewForbidden(appsv1.Resource("deployments"), "web", errors.New("by a policy"))
		refused := &refusals{label: patchCall, first: 2, last: 2, err: forbidden}
		startOperator(s.namespace, restarting, refused.refuse)
		crt := issued(ctx, "web")
		w := labelled(deployment, s.namespace, "web", mounting("web-tls"))
		create(ctx, s, w.Object)
		w.record(ctx, s, "")
		renew(ctx, s, crt)
		s.expectNote(ctx, "web", "RestartRefused", "by a policy")
		Consistently(refused.calls).WithTimeout(500 * time.Millisecond).Should(Equal(2))
		scale(ctx, s, w)
		w.hash(ctx, s, "")
	})

	It("is left alone outside of the namespaces that were named", func(ctx SpecContext) {
		elsewhere := newSpace(ctx)
		create(ctx, elsewhere, selfSigned(elsewhere.namespace))
		startOperator(s.namespace, restarting, func(options *operator.Options) {
			options.Namespaces, options.RestartNamespaces = []string{s.namespace, elsewhere.namespace}, []string{s.namespace}
		})
		there := labelled(deployment, elsewhere.namespace, "web", mounting("web-tls"))
		here := labelled(deployment, s.namespace, "web", mounting("web-tls"))
		create(ctx, s, here.Object, there.Object)
		issue(ctx, s, certificate(elsewhere.namespace, "web", "selfsigned"))
		issued(ctx, "web")
		here.record(ctx, s, "")
		there.expectNoRestart(ctx, s)
		Expect(there.GetAnnotations()).To(BeEmpty())
	})

	It("is restarted once although the operator's view of it lags behind", func(ctx SpecContext) {
		calls := testkit.NewFaults(nil)
		startOperator(s.namespace, restarting, laggingBehind("deployments"), countedBy(calls))
		crt := issued(ctx, "web")
		w := labelled(deployment, s.namespace, "web", mounting("web-tls"))
		create(ctx, s, w.Object)
		w.record(ctx, s, "")
		renew(ctx, s, crt)
		w.hash(ctx, s, "")
		Consistently(func() int { return calls.Count(patchCall) }).WithTimeout(2 * lag).Should(Equal(2))
	})
})

var _ = Describe("a Deployment that is restarted on renewal", func() {
	s := eachInItsOwnSpace()

	// Its own controller makes a ReplicaSet for each pod template, and copies the Deployment's annotations there;
	// kubectl copies them back.
	It("has new pods once for each renewal, and none after it is rolled back", func(ctx SpecContext) {
		stop, err := plane.StartControllers("deployment-controller")
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(stop()).To(Succeed()) })
		replicaSets := func(g Gomega) []appsv1.ReplicaSet {
			var sets appsv1.ReplicaSetList
			g.Expect(s.List(ctx, &sets, client.InNamespace(s.namespace))).To(Succeed())
			return sets.Items
		}
		noted := func(record string) types.GomegaMatcher {
			return HaveField("Annotations", HaveKeyWithValue(names.Annotation.KnownCertificates, record))
		}
		startOperator(s.namespace, restarting)
		create(ctx, s, selfSigned(s.namespace))
		crt := issue(ctx, s, certificate(s.namespace, "web", "selfsigned"))
		w := labelled(deployment, s.namespace, "web", mounting("web-tls"))
		create(ctx, s, w.Object)
		before := w.record(ctx, s, "")
		Eventually(replicaSets).Should(ConsistOf(noted(before)), "the note makes no pods")
		renew(ctx, s, crt)
		w.hash(ctx, s, "")
		after := w.record(ctx, s, before)
		Eventually(replicaSets).Should(ConsistOf(noted(before), noted(after)))

		s.kubectl(ctx, "rollout", "undo", "deployment/web")
		s.expectNote(ctx, "web", "AnnotationPutBack", names.Annotation.KnownCertificates)
		Eventually(replicaSets).Should(ConsistOf(noted(after), noted(after)), "the old pods are those of now")
		Consistently(replicaSets).WithTimeout(300 * time.Millisecond).Should(HaveLen(2))
		w.expectNoRestart(ctx, s)
	})
})

// kubectl runs a command of an administrator.
func (s *space) kubectl(ctx context.Context, arguments ...string) {
	GinkgoHelper()
	kubectl, err := testkit.Kubectl()
	Expect(err).NotTo(HaveOccurred())
	config := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(os.WriteFile(config, plane.KubeConfig, 0o600)).To(Succeed())
	output, err := exec.CommandContext(ctx, kubectl, append([]string{"--kubeconfig", config, "--namespace", s.namespace}, arguments...)...).CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(output))
}

// scale changes the spec of a Deployment without changing its pods, which wakes whoever looks after it.
func scale(ctx context.Context, s *space, w workload) {
	GinkgoHelper()
	two := int32(2)
	edit(ctx, s, w.Object, func() { w.Object.(*appsv1.Deployment).Spec.Replicas = &two })
}
