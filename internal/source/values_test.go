package source

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/api"
)

func TestParseList(t *testing.T) {
	for text, want := range map[string][]string{
		"":                        nil,
		" , ,":                    nil,
		"a":                       {"a"},
		"a,b , c":                 {"a", "b", "c"},
		"a,\n  b,\n":              {"a", "b"},
		`"Example, Inc.",Other`:   {"Example, Inc.", "Other"},
		`"say ""hello""",second`:  {`say "hello"`, "second"},
		"server auth,client auth": {"server auth", "client auth"},
	} {
		got, err := ParseList(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: got %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestParseListRefuses(t *testing.T) {
	for _, text := range []string{`a"b`, `"a`, `"a"b`, `"a" ,b"`, `"a" , b`} {
		if got, err := ParseList(text); err == nil || !strings.Contains(err.Error(), "in double quotes") {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestParseSecretTemplate(t *testing.T) {
	names := api.DefaultNames()
	got, err := ParseSecretTemplate(`{"annotations": {"a": "b", "certwright.dev/allow-direct-injection": "true"}, "labels": {"c": "d"}}`, names)
	if err != nil || got.Annotations["a"] != "b" || got.Labels["c"] != "d" {
		t.Errorf("got %v, %v", got, err)
	}
	for text, want := range map[string]string{
		"":                     "write JSON",
		"a: b":                 "write JSON",
		"null":                 "null says nothing",
		`{"annotation": {}}`:   `unknown field "annotation"`,
		`{"labels": {"a": 1}}`: "write JSON",
		`{} {}`:                "nothing after it",
		`{"annotations": {"certwright.dev/issuer-name": "a"}}`:      "the operator's own",
		`{"annotations": {"acme.certwright.dev/directory": "a"}}`:   "the operator's own",
		`{"annotations": {"certwright.dev/applied": "{\"a\": 1}"}}`: "the operator's own",
	} {
		if got, err := ParseSecretTemplate(text, names); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, %v, want an error with %q", text, got, err, want)
		}
	}
}

// FuzzParseList: what is read is what was written, however it is quoted, and nothing that is read is empty.
func FuzzParseList(f *testing.F) {
	for _, seed := range []string{"", "a,b", `"a,b",c`, "a\nb", `"""`, "\"a\n\"", `a""b`, " ,", "\r\n,\r"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		values, err := ParseList(text)
		if err != nil {
			return
		}
		var quoted []string
		for _, value := range values {
			if value == "" || value != strings.TrimSpace(value) || len(value) > len(text) {
				t.Fatalf("%q: read the value %q", text, value)
			}
			quoted = append(quoted, `"`+strings.ReplaceAll(value, `"`, `""`)+`"`)
		}
		again, err := ParseList(strings.Join(quoted, ","))
		if err != nil || !slices.Equal(values, again) {
			t.Fatalf("%q: read %q, and written again %q, %v", text, values, again, err)
		}
	})
}

// FuzzParseSecretTemplate: what is accepted can be written and read again, and holds no annotation of the operator's.
func FuzzParseSecretTemplate(f *testing.F) {
	for _, seed := range []string{`{}`, `null`, `{"labels":{"a":"b"}}`, `{"annotations":{"certwright.dev/applied":""}}`, `{"LABELS":{}}`, `[]`, `{"labels":null}`} {
		f.Add(seed)
	}
	names := api.DefaultNames()
	f.Fuzz(func(t *testing.T, text string) {
		template, err := ParseSecretTemplate(text, names)
		if err != nil {
			return
		}
		for key := range template.Annotations {
			if strings.HasPrefix(key, names.Group+"/") && key != names.Annotation.AllowDirectInjection {
				t.Fatalf("%s: accepted the annotation %s", text, key)
			}
		}
		written, err := json.Marshal(template)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseSecretTemplate(string(written), names)
		if err != nil || len(again.Labels) != len(template.Labels) || len(again.Annotations) != len(template.Annotations) {
			t.Fatalf("%s: read %v, and written again %v, %v", text, template, again, err)
		}
		if len(template.Labels) > 0 && !reflect.DeepEqual(template.Labels, again.Labels) {
			t.Fatal(cmp.Diff(template.Labels, again.Labels))
		}
	})
}
