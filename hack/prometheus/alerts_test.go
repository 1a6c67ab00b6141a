package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"go.yaml.in/yaml/v3"
)

// alertsOf are the expressions of the chart's alerts, by their names.
func alertsOf(t *testing.T) map[string]string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	helm, err := exec.Command(filepath.Join(root, "hack", "tools", "build.sh"), "helm").Output()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(strings.TrimSpace(string(helm)), "template", "certwright", filepath.Join(root, "charts", "certwright"),
		"--set=prometheus.rules.enabled=true", "--show-only=templates/monitoring.yaml")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var rule struct {
		Spec struct {
			Groups []struct {
				Rules []struct{ Alert, Expr string }
			}
		}
	}
	if err := yaml.Unmarshal(out, &rule); err != nil {
		t.Fatal(err)
	}
	alerts := map[string]string{}
	for _, group := range rule.Spec.Groups {
		for _, rule := range group.Rules {
			alerts[rule.Alert] = rule.Expr
		}
	}
	return alerts
}

const day = 24 * 60 * 60

// TestAlerts has a look at the third day of certificates, as two replicas tell of them: when they expire, and when they are
// to be renewed.
func TestAlerts(t *testing.T) {
	storage := promqltest.LoadedStorage(t, `
load 1d
  certwright_certificate_expiration_timestamp_seconds{name="lasting",pod="a"} 7776000x3
  certwright_certificate_expiration_timestamp_seconds{name="lasting",pod="b"} 7776000x3
  certwright_certificate_renewal_timestamp_seconds{name="lasting",pod="a"} 5184000x3
  certwright_certificate_renewal_timestamp_seconds{name="lasting",pod="b"} 5184000x3
  certwright_certificate_expiration_timestamp_seconds{name="brief",pod="a"} 518400x3
  certwright_certificate_expiration_timestamp_seconds{name="brief",pod="b"} 518400x3
  certwright_certificate_renewal_timestamp_seconds{name="brief",pod="a"} 345600x3
  certwright_certificate_renewal_timestamp_seconds{name="brief",pod="b"} 345600x3
  certwright_certificate_expiration_timestamp_seconds{name="overdue",pod="a"} 518400x3
  certwright_certificate_expiration_timestamp_seconds{name="overdue",pod="b"} 518400x3
  certwright_certificate_renewal_timestamp_seconds{name="overdue",pod="a"} 86400x3
  certwright_certificate_renewal_timestamp_seconds{name="overdue",pod="b"} 86400x3
  certwright_certificate_expiration_timestamp_seconds{name="unplanned",pod="a"} 518400x3
  certwright_certificate_expiration_timestamp_seconds{name="unplanned",pod="b"} 518400x3
`)
	alerts := alertsOf(t)
	for alert, want := range map[string]string{
		"CertificateExpiresSoon":    "overdue unplanned",
		"CertificateRenewalOverdue": "overdue",
	} {
		var names []string
		for _, sample := range ask(t, storage, alerts[alert]) {
			names = append(names, sample.Metric.Get("name"))
		}
		slices.Sort(names) // Prometheus promises no order
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s is told of %q, not of %q", alert, got, want)
		}
	}
}

// ask evaluates a query on the third day.
func ask(t *testing.T, storage storage.Queryable, text string) promql.Vector {
	t.Helper()
	engine := promqltest.NewTestEngine(t, false, time.Minute, promqltest.DefaultMaxSamplesPerQuery)
	query, err := engine.NewInstantQuery(context.Background(), storage, promql.NewPrometheusQueryOpts(false, time.Minute), text, time.Unix(3*day, 0))
	if err != nil {
		t.Fatal(err)
	}
	vector, err := query.Exec(context.Background()).Vector()
	if err != nil {
		t.Fatal(err)
	}
	return vector
}

// TestDashboardCountsOnce has two replicas tell of one Certificate: every number of Certificates that it shows is 1.
func TestDashboardCountsOnce(t *testing.T) {
	text, err := os.ReadFile("../../charts/certwright/dashboards/certwright.json")
	if err != nil {
		t.Fatal(err)
	}
	var dashboard any
	if err := json.Unmarshal(text, &dashboard); err != nil {
		t.Fatal(err)
	}
	storage := promqltest.LoadedStorage(t, `
load 1d
  certwright_certificate_ready_status{namespace="shop",name="web",condition="True",pod="a"} 1x3
  certwright_certificate_ready_status{namespace="shop",name="web",condition="True",pod="b"} 1x3
  certwright_certificate_ready_status{namespace="shop",name="api",condition="False",pod="a"} 1x3
  certwright_certificate_ready_status{namespace="shop",name="api",condition="False",pod="b"} 1x3
  certwright_certificate_expiration_timestamp_seconds{namespace="shop",name="web",pod="a"} 864000x3
  certwright_certificate_expiration_timestamp_seconds{namespace="shop",name="web",pod="b"} 864000x3
  certwright_certificate_renewal_timestamp_seconds{namespace="shop",name="web",pod="a"} 86400x3
  certwright_certificate_renewal_timestamp_seconds{namespace="shop",name="web",pod="b"} 86400x3
`)
	asked := 0
	for _, query := range queriesIn(dashboard) {
		if !strings.Contains(query, "certwright_certificate_") {
			continue
		}
		asked++
		found := ask(t, storage, strings.ReplaceAll(query, "$namespace", ".*"))
		if len(found) != 1 {
			t.Errorf("%s: %d results, not 1", query, len(found))
		} else if isNumber := strings.HasPrefix(query, "sum") || strings.HasPrefix(query, "count"); isNumber && found[0].F != 1 {
			t.Errorf("%s: %v, not 1", query, found[0].F)
		}
	}
	if asked == 0 {
		t.Error("the dashboard shows nothing of Certificates")
	}
}
