// Command prometheus checks what the chart asks of Prometheus, by the parsers of Prometheus itself: the alerts of each
// PrometheusRule, templates of annotations included, and the queries of each dashboard. It reads manifests from its
// standard input, and ends with status 1 if one of these cannot be read, or if there is none.
//
// It is a Go module of its own, so that the operator's has nothing of Prometheus' server. Nothing imports it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// manifest is what matters here of a Kubernetes object.
type manifest struct {
	Kind     string                `yaml:"kind"`
	Metadata struct{ Name string } `yaml:"metadata"`
	Spec     yaml.Node             `yaml:"spec"`
	Data     map[string]string     `yaml:"data"`
}

func main() {
	rules, queries, err := check(os.Stdin)
	if err == nil && (rules == 0 || queries == 0) {
		err = errors.New("the manifests have no alerts, or no dashboard: enable both when rendering the chart")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "prometheus:", err)
		os.Exit(1)
	}
	fmt.Printf("Prometheus reads %d alerts and %d queries\n", rules, queries)
}

// check reads manifests, and counts the alerts and queries in them. Its error has all mistakes.
func check(input io.Reader) (rules, queries int, err error) {
	var mistakes []error
	for decoder := yaml.NewDecoder(input); ; {
		var object manifest
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			return rules, queries, errors.Join(mistakes...)
		} else if err != nil {
			return rules, queries, errors.Join(append(mistakes, fmt.Errorf("reading the manifests: %w", err))...)
		}
		var found int
		var errs []error
		switch object.Kind {
		case "PrometheusRule":
			found, errs = checkRules(&object.Spec)
			rules += found
		case "ConfigMap":
			found, errs = checkDashboards(object.Data)
			queries += found
		}
		for _, err := range errs {
			mistakes = append(mistakes, fmt.Errorf("%s %q: %w", object.Kind, object.Metadata.Name, err))
		}
	}
}

// checkRules checks the spec of a PrometheusRule, which is a file of rules.
func checkRules(spec *yaml.Node) (found int, errs []error) {
	text, err := yaml.Marshal(spec)
	if err != nil {
		return 0, []error{err}
	}
	groups, errs := rulefmt.Parse(text, false, model.UTF8Validation, parser.NewParser(parser.Options{}), slog.Default())
	if groups == nil {
		return 0, errs
	}
	for _, group := range groups.Groups {
		found += len(group.Rules)
	}
	return found, errs
}

// checkDashboards checks the queries of a ConfigMap's dashboards.
func checkDashboards(data map[string]string) (found int, errs []error) {
	for _, name := range slices.Sorted(maps.Keys(data)) {
		if !strings.HasSuffix(name, ".json") {
			continue
		}
		var dashboard any
		if err := json.Unmarshal([]byte(data[name]), &dashboard); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
			continue
		}
		for _, query := range queriesIn(dashboard) {
			found++
			// Grafana puts a duration here; other variables are in quotes.
			if _, err := parser.NewParser(parser.Options{}).ParseExpr(strings.ReplaceAll(query, "$__rate_interval", "5m")); err != nil {
				errs = append(errs, fmt.Errorf("%s: query %q: %w", name, query, err))
			}
		}
	}
	return found, errs
}

// queriesIn are the fields "expr" in a JSON value, however deep.
func queriesIn(value any) (result []string) {
	switch value := value.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			if query, ok := value[key].(string); ok && key == "expr" {
				result = append(result, query)
			}
			result = append(result, queriesIn(value[key])...)
		}
	case []any:
		for _, item := range value {
			result = append(result, queriesIn(item)...)
		}
	}
	return result
}
