package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	tableBegin = "<!-- values: made by hack/chart of values.yaml -->\n"
	tableEnd   = "<!-- end of values -->\n"
)

// writeReadme brings the table of values in the chart's README up to date.
func writeReadme(chart string) error {
	values, err := os.ReadFile(filepath.Join(chart, "values.yaml"))
	if err != nil {
		return err
	}
	table, err := valuesTable(values)
	if err != nil {
		return fmt.Errorf("values.yaml: %w", err)
	}
	path := filepath.Join(chart, "README.md")
	readme, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	updated, err := replaceBetween(string(readme), tableBegin, tableEnd, table)
	if err != nil {
		return fmt.Errorf("README.md: %w", err)
	}
	return os.WriteFile(path, []byte(updated), rights)
}

func replaceBetween(text, begin, end, middle string) (string, error) {
	before, rest, found := strings.Cut(text, begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		return "", fmt.Errorf("the lines %q and %q are needed around the table", strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return before + begin + middle + end + after, nil
}

// valuesTable has a row for each value that has a comment. A map without one is a group, whose values are rows.
func valuesTable(values []byte) (string, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(values, &document); err != nil {
		return "", err
	}
	if len(document.Content) != 1 || document.Content[0].Kind != yaml.MappingNode {
		return "", fmt.Errorf("one map of values is needed")
	}
	rows, err := rowsOf("", document.Content[0])
	if err != nil {
		return "", err
	}
	return "| value | default | what it is |\n|---|---|---|\n" + strings.Join(rows, ""), nil
}

func rowsOf(prefix string, values *yaml.Node) ([]string, error) {
	var rows []string
	for i := 0; i+1 < len(values.Content); i += 2 {
		key, value := values.Content[i], values.Content[i+1]
		path := prefix + key.Value
		switch comment := prose(key.HeadComment); {
		case comment != "":
			text, err := defaultOf(value)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			rows = append(rows, fmt.Sprintf("| `%s` | `%s` | %s |\n", path, text, comment))
		case value.Kind == yaml.MappingNode && len(value.Content) > 0:
			group, err := rowsOf(path+".", value)
			if err != nil {
				return nil, err
			}
			rows = append(rows, group...)
		default:
			return nil, fmt.Errorf("%s needs a comment that says what it is", path)
		}
	}
	return rows, nil
}

// prose makes one line of a comment, safe in a cell of a table.
func prose(comment string) string {
	var words []string
	for line := range strings.Lines(comment) {
		words = append(words, strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "#"))...)
	}
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`).Replace(strings.Join(words, " "))
}

// defaultOf writes a value in one line.
func defaultOf(value *yaml.Node) (string, error) {
	var plain any
	if err := value.Decode(&plain); err != nil {
		return "", err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(plain); err != nil {
		return "", err
	}
	return strings.TrimSpace(out.String()), nil
}
