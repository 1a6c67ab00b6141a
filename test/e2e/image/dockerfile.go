package image

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// instruction is one line of a Dockerfile, continuation lines joined.
type instruction struct {
	name  string   // in capitals
	flags []string // that begin with two dashes
	rest  string
}

// stage is what one FROM begins.
type stage struct {
	name  string
	from  string
	steps []instruction
}

// parse reads a Dockerfile as its stages.
func parse(text string) ([]stage, error) {
	var stages []stage
	for _, line := range logicalLines(text) {
		in := parseInstruction(line)
		if in.name == "FROM" {
			s, err := newStage(in)
			if err != nil {
				return nil, err
			}
			stages = append(stages, s)
			continue
		}
		if !slices.Contains([]string{"ARG", "ENV", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "ENTRYPOINT", "CMD", "LABEL"}, in.name) {
			return nil, fmt.Errorf("image: the Dockerfile has %s, which package image cannot do yet", in.name)
		}
		if len(stages) == 0 {
			if in.name != "ARG" {
				return nil, fmt.Errorf("image: the Dockerfile has %s before FROM", in.name)
			}
			continue
		}
		last := &stages[len(stages)-1]
		last.steps = append(last.steps, in)
	}
	if len(stages) == 0 {
		return nil, fmt.Errorf("image: the Dockerfile has no FROM")
	}
	return stages, nil
}

func newStage(in instruction) (stage, error) {
	words := strings.Fields(in.rest)
	switch {
	case len(words) == 1:
		return stage{from: words[0]}, nil
	case len(words) == 3 && strings.EqualFold(words[1], "AS"):
		return stage{from: words[0], name: words[2]}, nil
	}
	return stage{}, fmt.Errorf("image: FROM %s is not understood", in.rest)
}

// logicalLines leaves comments out and joins lines that end in a backslash.
func logicalLines(text string) []string {
	var lines []string
	joined := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		more := strings.HasSuffix(line, `\`)
		joined = strings.TrimSpace(joined + " " + strings.TrimSuffix(line, `\`))
		if !more {
			lines = append(lines, joined)
			joined = ""
		}
	}
	if joined != "" {
		lines = append(lines, joined)
	}
	return lines
}

func parseInstruction(line string) instruction {
	name, rest, _ := strings.Cut(line, " ")
	in := instruction{name: strings.ToUpper(name), rest: strings.TrimSpace(rest)}
	for strings.HasPrefix(in.rest, "--") {
		flag, after, _ := strings.Cut(in.rest, " ")
		in.flags = append(in.flags, flag)
		in.rest = strings.TrimSpace(after)
	}
	return in
}

// flag is the value of --name=value.
func (i instruction) flag(name string) string {
	for _, flag := range i.flags {
		if value, found := strings.CutPrefix(flag, "--"+name+"="); found {
			return value
		}
	}
	return ""
}

// list is a JSON list, the form of ENTRYPOINT and CMD that starts a program without a shell.
func (i instruction) list() ([]string, error) {
	var words []string
	if err := json.Unmarshal([]byte(i.rest), &words); err != nil {
		return nil, fmt.Errorf("image: %s %s: only the JSON form is understood, as an image from scratch has no shell", i.name, i.rest)
	}
	return words, nil
}

// ignore is a .dockerignore file: the last pattern that matches a path or a folder it is in decides.
type ignore struct{ rules []ignoreRule }

type ignoreRule struct {
	pattern *regexp.Regexp
	keep    bool
}

func parseIgnore(text string) (ignore, error) {
	var parsed ignore
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		pattern, keep := strings.CutPrefix(line, "!")
		expression, err := regexp.Compile(ignoreExpression(strings.Trim(pattern, "/")))
		if err != nil {
			return ignore{}, fmt.Errorf("image: .dockerignore: %s: %w", line, err)
		}
		parsed.rules = append(parsed.rules, ignoreRule{pattern: expression, keep: keep})
	}
	return parsed, nil
}

// ignoreExpression matches what a pattern names, and everything below it.
func ignoreExpression(pattern string) string {
	var out strings.Builder
	out.WriteString("^")
	for i := 0; i < len(pattern); i++ {
		switch {
		case strings.HasPrefix(pattern[i:], "**/"):
			out.WriteString("(.*/)?")
			i += 2
		case strings.HasPrefix(pattern[i:], "**"):
			out.WriteString(".*")
			i++
		case pattern[i] == '*':
			out.WriteString("[^/]*")
		case pattern[i] == '?':
			out.WriteString("[^/]")
		default:
			out.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		}
	}
	return out.String() + "(/.*)?$"
}

// ignored says whether a file, by its path with slashes, is left out of a build.
func (i ignore) ignored(path string) bool {
	out := false
	for _, rule := range i.rules {
		if rule.pattern.MatchString(path) {
			out = !rule.keep
		}
	}
	return out
}
