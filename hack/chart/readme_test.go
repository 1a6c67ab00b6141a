package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

func TestValuesTable(t *testing.T) {
	const values = `# One value
# in two lines: <kind> | *.
one: ""
group:
  # Two.
  two: [a, "<b>"]
  inner:
    # Three.
    three: {x: 1}
# A map with a comment is one value.
whole:
  a: b
`
	want := "| value | default | what it is |\n|---|---|---|\n" +
		"| `one` | `\"\"` | One value in two lines: &lt;kind> \\| \\*. |\n" +
		"| `group.two` | `[\"a\",\"<b>\"]` | Two. |\n" +
		"| `group.inner.three` | `{\"x\":1}` | Three. |\n" +
		"| `whole` | `{\"a\":\"b\"}` | A map with a comment is one value. |\n"
	got, err := valuesTable([]byte(values))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestValuesTableRefuses(t *testing.T) {
	for name, test := range map[string]struct{ values, want string }{
		"a value without a comment":          {"# One.\none: 1\ntwo: 2\n", "two needs a comment"},
		"a value in a group without comment": {"group:\n  one: 1\n", "group.one needs a comment"},
		"what is no map":                     {"- one\n", "one map"},
		"what is no YAML":                    {"a: [\n", "yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := valuesTable([]byte(test.values))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want an error with %q", err, test.want)
			}
		})
	}
}

func TestReplaceBetween(t *testing.T) {
	got, err := replaceBetween("a<b>old<e>c", "<b>", "<e>", "new")
	if err != nil || got != "a<b>new<e>c" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := replaceBetween("a<b>old", "<b>", "<e>", "new"); err == nil {
		t.Error("a text without an end was accepted")
	}
}

// Helm refuses what the schema does not name, so every value must be there, and the schema must name no other.
func TestSchemaNamesTheValues(t *testing.T) {
	var values map[string]any
	decode(t, "values.yaml", func(data []byte) error { return yaml.Unmarshal(data, &values) })
	var schema map[string]any
	decode(t, "values.schema.json", func(data []byte) error { return json.Unmarshal(data, &schema) })
	properties := schema["properties"].(map[string]any)
	// They are for charts that have this one as a part.
	delete(properties, "global")
	delete(properties, "enabled")
	compareKeys(t, "", values, schema)
}

func compareKeys(t *testing.T, path string, values, schema map[string]any) {
	t.Helper()
	properties, closed := schema["properties"].(map[string]any)
	if !closed {
		return
	}
	if schema["additionalProperties"] != false {
		t.Errorf("the schema of %q accepts what it does not name", path)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(values)), slices.Sorted(maps.Keys(properties))); diff != "" {
		t.Errorf("%q: -values +schema:\n%s", path, diff)
	}
	for key, value := range values {
		inner, isMap := value.(map[string]any)
		innerSchema, inSchema := properties[key].(map[string]any)
		if isMap && inSchema {
			compareKeys(t, path+"."+key, inner, innerSchema)
		}
	}
}

func decode(t *testing.T, name string, decode func([]byte) error) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", chartFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := decode(data); err != nil {
		t.Fatal(err)
	}
}
