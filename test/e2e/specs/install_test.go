package specs

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

var _ = Describe("the chart", Serial, func() {
	It("is ready after helm install as one pod and nothing else", func(ctx SpecContext) {
		if installSeconds == 0 {
			Skip("the operator was there already")
		}
		AddReportEntry(fmt.Sprintf("helm install --wait: %.1f s; on a machine with nothing else to do, 20 are the goal", installSeconds))
		pods := strings.Fields(kubectl(ctx, "get", "pods", "--namespace", systemNamespace, "--output", "name"))
		Expect(pods).To(HaveLen(1))
		Expect(kubectl(ctx, "get", "jobs", "--all-namespaces", "--output", "name")).To(BeEmpty())
		Expect(get(ctx, systemNamespace, pods[0], "{.status.containerStatuses[*].restartCount}")).To(Equal("0 0"), "a container was started again")
	})

	It("leaves Secrets and kinds behind when it is uninstalled, and finds them again", func(ctx SpecContext) {
		ns := newNamespace(ctx)
		apply(ctx, ns, certificateAuthority)
		apply(ctx, ns, strings.ReplaceAll(fromAuthority, "NAME", "kept"))
		waitFor(ctx, ns, "certificate/kept", "Ready")
		before := certificateOf(ctx, ns, "kept-tls")

		run(ctx, "helm", "uninstall", release, "--namespace", systemNamespace, "--wait", "--timeout", "60s")
		Expect(certificateOf(ctx, ns, "kept-tls").Equal(before)).To(BeTrue())
		Expect(get(ctx, ns, "certificate/kept", "{.spec.secretName}")).To(Equal("kept-tls"))
		Expect(kubectl(ctx, "get", "clusterroles,clusterrolebindings,validatingadmissionpolicies,mutatingadmissionpolicies",
			"--selector", "app.kubernetes.io/instance="+release, "--output", "name")).To(BeEmpty())

		helmInstall(ctx)
		apply(ctx, ns, strings.ReplaceAll(fromAuthority, "NAME", "next"))
		waitFor(ctx, ns, "certificate/next", "Ready")
		Expect(certificateOf(ctx, ns, "kept-tls").Equal(before)).To(BeTrue(), "issued anew without need")
	})
})
