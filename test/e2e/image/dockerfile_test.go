package image

import (
	"slices"
	"strings"
	"testing"
)

func TestIgnoreFollowsTheLastMatch(t *testing.T) {
	parsed, err := parseIgnore("# comment\n*\n!go.mod\n!internal\ninternal/testkit\n**/*_test.go\n**/testdata\n!cmd/solver\n")
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"go.mod": false, "README.md": true, "internal/a/b.go": false, "internal/a/b_test.go": true, "b_test.go": true,
		"internal/testkit/x.go": true, "internal/testkits/x.go": false, "internal/a/testdata/x": true,
		"cmd/solver/main.go": false, "cmd/other/main.go": true, "goXmod": true,
	} {
		if got := parsed.ignored(path); got != want {
			t.Errorf("ignored(%s) = %t, want %t", path, got, want)
		}
	}
}

func TestParseJoinsLinesAndKeepsFlags(t *testing.T) {
	stages, err := parse("# syntax\nFROM --platform=$BUILDPLATFORM golang:1.26 AS build\nRUN --mount=type=cache,target=/x \\\n  # why\n  go build \\\n    -o /y .\n\nFROM scratch\nCOPY --from=build /y /y\nENTRYPOINT [\"/y\", \"z\"]\n")
	if err != nil {
		t.Fatal(err)
	}
	if len(stages) != 2 || stages[0].name != "build" || stages[0].from != "golang:1.26" || stages[1].from != "scratch" {
		t.Fatalf("stages: %+v", stages)
	}
	if run := stages[0].steps[0]; run.rest != "go build -o /y ." || run.flag("mount") != "type=cache,target=/x" {
		t.Errorf("RUN: %+v", run)
	}
	if got := wanted(stages, "build"); !slices.Equal(got, []string{"/y"}) {
		t.Errorf("what later stages take: %v", got)
	}
	if words, err := stages[1].steps[1].list(); err != nil || !slices.Equal(words, []string{"/y", "z"}) {
		t.Errorf("ENTRYPOINT: %v, %v", words, err)
	}
}

func TestParseRefusesWhatItCannotDo(t *testing.T) {
	for _, text := range []string{"", "RUN x", "FROM a AS", "FROM scratch\nHEALTHCHECK CMD x"} {
		if stages, err := parse(text); err == nil {
			t.Errorf("%q was read as %+v", text, stages)
		}
	}
}

func TestScriptKeepsToTheFolderOfTheStage(t *testing.T) {
	stages, err := parse("FROM golang:1 AS build\nARG VERSION=dev\nWORKDIR /src\nCOPY go.mod go.sum ./\nWORKDIR /src/cmd/x\nCOPY cmd/x ./\nWORKDIR y\nRUN make\n")
	if err != nil {
		t.Fatal(err)
	}
	build := &Build{Work: "/w", Args: map[string]string{"VERSION": "it's"}}
	script, err := build.script(stages[0], []string{"/out/x"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`export VERSION='it'\''s'`,
		"cp 'context/go.mod' root'/src'/",
		"cp -r 'context/cmd/x'/. root'/src/cmd/x'",
		"cd /src/cmd/x/y\nmake",
		"cp -rL root'/out/x' '/w/from-build''/out'/",
	} {
		if !strings.Contains(script, want) {
			t.Errorf("the script lacks %q:\n%s", want, script)
		}
	}
}
