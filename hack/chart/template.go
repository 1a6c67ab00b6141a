package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/certwright/certwright/api"
)

const (
	// defaultNamespace is the operator's namespace in the manifests under config/.
	defaultNamespace = "certwright-system"

	groupValue     = "{{ .Values.apiGroup }}"
	namespaceValue = "{{ quote .Release.Namespace }}"
	namePrefix     = `{{ include "certwright.fullname" . }}-`
	labels         = `    {{- include "certwright.labels" . | nindent 4 }}`
	keepAnnotation = "    helm.sh/resource-policy: keep"
)

// ownName finds the names that begin with the operator's own, in metadata, in references and first in the lists
// of roles.
var ownName = regexp.MustCompile(`(?m)^(\s*(?:name: |resourceNames: \[))certwright-`)

// edit replaces a part of a manifest that is there exactly once.
type edit struct{ old, new string }

// where is the edit that leaves a part out unless a condition holds.
func where(condition, part string) edit {
	return edit{old: part, new: "  {{- if " + condition + " }}\n" + part + "  {{- end }}\n"}
}

func (e edit) apply(text string) (string, error) {
	if e.old == "" {
		return text, nil
	}
	if n := strings.Count(text, e.old); n != 1 {
		return "", fmt.Errorf("the part to replace is there %d times instead of once:\n%s", n, e.old)
	}
	return strings.Replace(text, e.old, e.new, 1), nil
}

func (s set) leavesOut(name string) bool {
	return name == "kustomization.yaml" || slices.Contains(s.leaveOut, name)
}

// template turns a manifest for the default group and namespace into a template for any.
func (s set) template(name, manifest string) (string, error) {
	text := strings.ReplaceAll(manifest, "{{", `{{ "{{" }}`)
	text, err := s.edits[name].apply(text)
	if err != nil {
		return "", err
	}
	text = strings.ReplaceAll(text, api.DefaultGroup, groupValue)
	text = strings.ReplaceAll(text, defaultNamespace, namespaceValue)
	text = ownName.ReplaceAllString(text, "${1}"+namePrefix)
	text = s.withMetadata(text)
	guard := s.guard
	if own, ok := s.guards[name]; ok {
		guard = own
	}
	header := fmt.Sprintf("{{- /* Made by hack/chart of %s/%s: edit that, then run make generate. */ -}}\n", s.from, name)
	return header + "{{- if " + guard + " }}\n" + strings.TrimSuffix(text, "\n") + "\n{{- end }}\n", nil
}

// withMetadata adds the chart's labels, and the annotation that keeps an object, to every object.
func (s set) withMetadata(text string) string {
	lines := strings.Split(text, "\n")
	var result []string
	for i := 0; i < len(lines); i++ {
		result = append(result, lines[i])
		if lines[i] != "metadata:" {
			continue
		}
		end := i + 1
		for end < len(lines) && strings.HasPrefix(lines[end], " ") {
			end++
		}
		block := withEntry(lines[i+1:end], "labels", labels)
		if s.keep {
			block = withEntry(block, "annotations", keepAnnotation)
		}
		result = append(result, block...)
		i = end - 1
	}
	return strings.Join(result, "\n")
}

// withEntry puts an entry first into a map of a metadata block, and the map last if there is none.
func withEntry(block []string, key, entry string) []string {
	head := "  " + key + ":"
	if i := slices.Index(block, head); i >= 0 {
		return slices.Insert(slices.Clone(block), i+1, entry)
	}
	return append(slices.Clone(block), head, entry)
}
