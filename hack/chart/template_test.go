package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTemplate(t *testing.T) {
	const manifest = `# In certwright.dev and acme.certwright.dev.
apiVersion: v1
kind: Thing
metadata:
  name: certwright-thing
  namespace: certwright-system
spec:
  text: "{{ .NotOurs }}"
`
	tests := map[string]struct {
		set  set
		in   string
		want string
	}{
		"group, namespace and names follow from values, foreign braces stay": {
			set: set{from: "f", guard: ".Values.on"},
			in:  manifest,
			want: `{{- /* Made by hack/chart of f/x.yaml: edit that, then run make generate. */ -}}
{{- if .Values.on }}
# In {{ .Values.apiGroup }} and acme.{{ .Values.apiGroup }}.
apiVersion: v1
kind: Thing
metadata:
  name: {{ include "certwright.fullname" . }}-thing
  namespace: {{ quote .Release.Namespace }}
  labels:
    {{- include "certwright.labels" . | nindent 4 }}
spec:
  text: "{{ "{{" }} .NotOurs }}"
{{- end }}
`,
		},
		"labels and annotations join those that are there, in every object": {
			set: set{from: "f", guard: "g", keep: true},
			in: `metadata:
  annotations:
    a: b
  name: one
  labels:
    c: d
spec: {}
---
metadata:
  name: two
spec:
  metadata:
    name: three
`,
			want: `{{- /* Made by hack/chart of f/x.yaml: edit that, then run make generate. */ -}}
{{- if g }}
metadata:
  annotations:
    helm.sh/resource-policy: keep
    a: b
  name: one
  labels:
    {{- include "certwright.labels" . | nindent 4 }}
    c: d
spec: {}
---
metadata:
  name: two
  labels:
    {{- include "certwright.labels" . | nindent 4 }}
  annotations:
    helm.sh/resource-policy: keep
spec:
  metadata:
    name: three
{{- end }}
`,
		},
		"a role's rights on an object of ours, which a value takes away": {
			set: set{from: "f", guard: "g", edits: map[string]edit{
				"x.yaml": where(".Values.on", "  # On.\n  - verbs: [get]\n    resourceNames: [certwright-one]\n"),
			}},
			in: `rules:
  # Always.
  - verbs: [create]
    resourceNames: [certwright.certwright.dev]
  # On.
  - verbs: [get]
    resourceNames: [certwright-one]
`,
			want: `{{- /* Made by hack/chart of f/x.yaml: edit that, then run make generate. */ -}}
{{- if g }}
rules:
  # Always.
  - verbs: [create]
    resourceNames: [certwright.{{ .Values.apiGroup }}]
  {{- if .Values.on }}
  # On.
  - verbs: [get]
    resourceNames: [{{ include "certwright.fullname" . }}-one]
  {{- end }}
{{- end }}
`,
		},
		"a file has its own guard and edit": {
			set: set{
				from: "f", guard: "g", guards: map[string]string{"x.yaml": "own"},
				edits: map[string]edit{"x.yaml": {old: "b", new: "{{ .B }}"}},
			},
			in: "a: b\n",
			want: `{{- /* Made by hack/chart of f/x.yaml: edit that, then run make generate. */ -}}
{{- if own }}
a: {{ .B }}
{{- end }}
`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := test.set.template("x.yaml", test.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// An edit that no longer fits must stop the program: the chart would grant what its values do not say.
func TestTemplateRefusesAnEditThatDoesNotFit(t *testing.T) {
	s := set{edits: map[string]edit{"x.yaml": {old: "gone", new: "y"}}}
	for _, in := range []string{"a: b\n", "a: gone\nb: gone\n"} {
		if _, err := s.template("x.yaml", in); err == nil {
			t.Errorf("%q was accepted", in)
		}
	}
}

// The program gives the same result every time, and takes away what it made of a source that is gone.
func TestRun(t *testing.T) {
	root := t.TempDir()
	for _, folder := range []string{"config", chartFolder} {
		if err := os.CopyFS(filepath.Join(root, folder), os.DirFS(filepath.Join("..", "..", folder))); err != nil {
			t.Fatal(err)
		}
	}
	templates := filepath.Join(root, chartFolder, "templates")
	stale := filepath.Join(templates, "crds", "stale.yaml")
	if err := os.WriteFile(stale, []byte("kind: Stale\n"), rights); err != nil {
		t.Fatal(err)
	}
	if err := run(root); err != nil {
		t.Fatal(err)
	}
	first := contents(t, templates)
	if _, ok := first["crds/stale.yaml"]; ok {
		t.Error("a template without a source was kept")
	}
	for _, want := range []string{"crds/certwright.dev_certificates.yaml", "policies/request-identity-fill.yaml", "rbac/controller_role.yaml"} {
		if first[want] == "" {
			t.Errorf("%s was not made", want)
		}
	}
	for _, foreign := range []string{"policies/kustomization.yaml", "policies/issuer-kinds.yaml", "rbac/bindings.yaml"} {
		if _, ok := first[foreign]; ok {
			t.Errorf("%s was made, and the chart has its own", foreign)
		}
	}
	for name, text := range first {
		if strings.Contains(text, "certwright-system") {
			t.Errorf("%s names the default namespace", name)
		}
	}
	if err := run(root); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, contents(t, templates)); diff != "" {
		t.Errorf("the second run gave something else:\n%s", diff)
	}
}

func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	result := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(folder, path)
		result[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return result
}
