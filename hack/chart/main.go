// Command chart writes the parts of charts/certwright that have their source elsewhere: its CRDs, policies and
// roles, made of config/, and the table of values in its README, made of the comments in values.yaml.
//
//	go run ./hack/chart
//
// Nothing imports it. It runs no template: it only makes them.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const (
	chartFolder = "charts/certwright"
	rights      = 0o644
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "hack/chart:", err)
		os.Exit(1)
	}
}

// run writes everything, below the root of the repository.
func run(root string) error {
	for _, set := range sets() {
		if err := set.write(root); err != nil {
			return err
		}
	}
	return writeReadme(filepath.Join(root, chartFolder))
}

// set is a folder of manifests and the folder of templates that is made of it. The program owns the latter
// whole: what it has not written there goes.
type set struct {
	from, to string
	// leaveOut are files that the chart has its own templates for.
	leaveOut []string
	// guard is the condition of every file; guards has the files with another.
	guard  string
	guards map[string]string
	// keep makes the objects stay when the chart is uninstalled.
	keep bool
	// edits replace parts that follow from values, by file.
	edits map[string]edit
}

func sets() []set {
	return []set{
		{from: "config/crd/bases", to: "crds", guard: ".Values.crds.enabled", keep: true},
		{
			from: "config/policy", to: "policies", leaveOut: []string{"issuer-kinds.yaml"},
			guard: ".Values.policies.enabled",
			guards: map[string]string{
				"request-identity-fill.yaml": `and .Values.policies.enabled (.Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy")`,
			},
		},
		{
			from: "config/rbac", to: "rbac", leaveOut: []string{"service_account.yaml", "bindings.yaml"},
			guard: ".Values.rbac.create",
			guards: map[string]string{
				"user_roles.yaml":       ".Values.rbac.userRoles",
				"rollout_role.yaml":     "and .Values.rbac.create .Values.restartOnRenewal.enabled",
				"solver_pods_role.yaml": "and .Values.rbac.create .Values.http01Solver.pods.enabled",
			},
			edits: map[string]edit{"cluster_role.yaml": signers, "own_namespace_role.yaml": issuerKinds},
		},
	}
}

// signers makes the signers that may be approved follow from the value that is the operator's flag too.
var signers = edit{
	old: `      - issuers.certwright.dev/*
      - clusterissuers.certwright.dev/*
      - "*"
`,
	new: `      {{- range default (list (printf "issuers.%s/*" .Values.apiGroup) (printf "clusterissuers.%s/*" .Values.apiGroup) "*") .Values.approveSignerNames }}
      - {{ quote . }}
      {{- end }}
`,
}

// issuerKinds makes the rights on the ConfigMap of issuer kinds follow from the value that has the operator keep it.
var issuerKinds = where(".Values.policies.enabled", `  # The issuer-kinds reconciler makes the ConfigMap of the policy request-approval.certwright.dev where there is
  # none: without it nobody can approve a request. A create cannot be limited to a name.
  - apiGroups: [""]
    resources: [configmaps]
    verbs: [create]
  # The issuer-kinds reconciler adds the issuer kinds that requests name. It watches this one by its name; get is
  # the live read where the watch has not shown its last write.
  - apiGroups: [""]
    resources: [configmaps]
    resourceNames: [certwright-issuer-kinds]
    verbs: [get, list, watch, update]
`)

func (s set) write(root string) error {
	files, err := filepath.Glob(filepath.Join(root, s.from, "*.yaml"))
	if err != nil {
		return err
	}
	target := filepath.Join(root, chartFolder, "templates", s.to)
	if err := os.RemoveAll(target); err != nil {
		return err
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		name := filepath.Base(file)
		if s.leavesOut(name) {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		made, err := s.template(name, string(data))
		if err != nil {
			return fmt.Errorf("%s/%s: %w", s.from, name, err)
		}
		if err := os.WriteFile(filepath.Join(target, name), []byte(made), rights); err != nil {
			return err
		}
	}
	return nil
}
