// Package specs has the specs of the cluster test: what a user does with kubectl, helm and curl on a real cluster, and
// nothing else. The program in test/e2e starts the cluster and runs them; elsewhere they are skipped.
//
// A spec makes a namespace of its own, applies manifests, waits for conditions and looks at what came of it:
//
//	ns := newNamespace(ctx)
//	apply(ctx, ns, manifest)
//	waitFor(ctx, ns, "certificate/web", "Ready")
//	Expect(fetch(ctx, "web."+site.Domain)).To(ContainSubstring("hello"))
//
// Nothing imports it.
package specs
