package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/testkit"
)

// tail is how many lines of the operator's log are shown after a failure.
const tail = 30

// invite says how to go on by hand.
func (w *world) invite() {
	w.out.say("Everything keeps running until Ctrl-C. In another terminal:")
	w.out.detail("export KUBECONFIG=%s", w.file(kubeconfigFile))
	if kubectl, err := testkit.Kubectl(); err == nil {
		w.out.detail("export PATH=%s:$PATH", filepath.Dir(kubectl))
	}
	w.out.detail("kubectl get certificates -A")
	w.out.detail("kubectl describe certificate %s", byACME.name)
	w.out.detail("kubectl delete secret %s && kubectl get secrets --watch   # it comes back", byACME.secret)
}

// explain prints, after a failure, what the objects and the operator say.
func (w *world) explain(ctx context.Context) {
	if w.client == nil {
		return
	}
	ctx, cancel := wait(ctx, "an answer of the API server")
	defer cancel()
	w.out.say("It did not hold. This is what the objects say:")
	var issuers v1.ClusterIssuerList
	if err := w.client.List(ctx, &issuers); err != nil {
		w.out.detail("ClusterIssuers cannot be read: %v", err)
	}
	for _, issuer := range issuers.Items {
		w.conditions("ClusterIssuer "+issuer.Name, issuer.Status.Conditions)
	}
	var certificates v1.CertificateList
	if err := w.client.List(ctx, &certificates); err != nil {
		w.out.detail("Certificates cannot be read: %v", err)
	}
	for _, crt := range certificates.Items {
		w.conditions("Certificate "+crt.Namespace+"/"+crt.Name, crt.Status.Conditions)
		if issuance := crt.Status.Issuance; issuance != nil && issuance.LastError != nil {
			w.out.detail("  last error: %s: %s", issuance.LastError.Type, issuance.LastError.Detail)
		}
	}
	if w.operator != nil {
		w.out.detail("The end of the operator's log, %s:", w.operator.log)
		w.out.block("            ", lastLines(w.operator.log))
	}
}

func (w *world) conditions(object string, conditions []v1.Condition) {
	if len(conditions) == 0 {
		w.out.detail("%s has no conditions", object)
	}
	for _, c := range conditions {
		w.out.detail("%s %s=%s %s: %s", object, c.Type, c.Status, c.Reason, c.Message)
	}
}

func lastLines(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return fmt.Sprintf("it cannot be read: %v", err)
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-tail):], "\n")
}
