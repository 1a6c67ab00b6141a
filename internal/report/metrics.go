package report

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
)

// Metrics counts what the operator does.
type Metrics struct {
	issuances *prometheus.CounterVec
	latency   *prometheus.HistogramVec
	acme      *prometheus.CounterVec
	acmeTime  *prometheus.HistogramVec
}

var issuerLabels = []string{"issuer_name", "issuer_kind", "issuer_group"}

// NewMetrics makes the metrics of an operator of this version and registers them.
func NewMetrics(registry prometheus.Registerer, version string) (*Metrics, error) {
	m := &Metrics{
		issuances: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certwright_issuances_total",
			Help: "Attempts to issue a certificate that ended, by issuer and result (issued or failed).",
		}, append([]string{"result"}, issuerLabels...)),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "certwright_issuance_duration_seconds",
			Help:    "Time from the request to the stored certificate.",
			Buckets: []float64{.1, .25, .5, 1, 2.5, 5, 10, 30, 60, 180, 600, 3600},
		}, issuerLabels),
		acme: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "certwright_acme_requests_total",
			Help: "Requests to ACME CAs, by host, operation and HTTP status (0 where no answer came).",
		}, []string{"host", "operation", "status"}),
		acmeTime: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "certwright_acme_request_duration_seconds",
			Help:    "Time that requests to ACME CAs took.",
			Buckets: prometheus.DefBuckets,
		}, []string{"host", "operation"}),
	}
	// It is there from the start, so that its absence means that no operator is.
	build := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "certwright_build_info", Help: "1, with the operator's version.", ConstLabels: prometheus.Labels{"version": version},
	}, func() float64 { return 1 })
	for _, collector := range []prometheus.Collector{build, m.issuances, m.latency, m.acme, m.acmeTime} {
		if err := registry.Register(collector); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// Issued counts a certificate that was stored, elapsed after it was requested.
func (m *Metrics) Issued(issuer v1.IssuerRef, elapsed time.Duration) {
	m.issuances.WithLabelValues("issued", issuer.Name, issuer.Kind, issuer.Group).Inc()
	m.latency.WithLabelValues(issuer.Name, issuer.Kind, issuer.Group).Observe(elapsed.Seconds())
}

// Failed counts an attempt that failed.
func (m *Metrics) Failed(issuer v1.IssuerRef) {
	m.issuances.WithLabelValues("failed", issuer.Name, issuer.Kind, issuer.Group).Inc()
}

// ACMERequest counts a request to a CA.
func (m *Metrics) ACMERequest(operation, host string, status int, elapsed time.Duration) {
	m.acme.WithLabelValues(host, operation, strconv.Itoa(status)).Inc()
	m.acmeTime.WithLabelValues(host, operation).Observe(elapsed.Seconds())
}

// certificates reports every Certificate when it is scraped, from the cache: nothing is kept per
// certificate between scrapes.
type certificates struct {
	reader                    client.Reader
	names                     api.Names
	ready, notAfter, renewals *prometheus.Desc
}

// CertificateCollector reports expiry, renewal and readiness of every Certificate in reader.
func CertificateCollector(reader client.Reader, names api.Names) prometheus.Collector {
	labels := append([]string{"name", "namespace"}, issuerLabels...)
	return &certificates{
		reader: reader,
		names:  names,
		ready: prometheus.NewDesc("certwright_certificate_ready_status",
			"1 for the value that the condition Ready of a Certificate has.", append([]string{"condition"}, labels...), nil),
		notAfter: prometheus.NewDesc("certwright_certificate_expiration_timestamp_seconds",
			"When the certificate in the Secret expires, in Unix time.", labels, nil),
		renewals: prometheus.NewDesc("certwright_certificate_renewal_timestamp_seconds",
			"When the certificate is due for renewal, in Unix time.", labels, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *certificates) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- c.ready
	descriptions <- c.notAfter
	descriptions <- c.renewals
}

// Collect implements prometheus.Collector.
func (c *certificates) Collect(metrics chan<- prometheus.Metric) {
	var list v1.CertificateList
	if err := c.reader.List(context.Background(), &list, client.UnsafeDisableDeepCopy); err != nil {
		metrics <- prometheus.NewInvalidMetric(c.ready, err)
		return
	}
	for i := range list.Items {
		c.collect(metrics, &list.Items[i])
	}
}

func (c *certificates) collect(metrics chan<- prometheus.Metric, crt *v1.Certificate) {
	issuer := crt.Spec.IssuerRef.WithDefaults(c.names)
	labels := []string{crt.Name, crt.Namespace, issuer.Name, issuer.Kind, issuer.Group}
	status := metav1.ConditionUnknown
	if ready := condition.Get(crt.Status.Conditions, v1.ConditionReady); ready != nil {
		status = ready.Status
	}
	metrics <- prometheus.MustNewConstMetric(c.ready, prometheus.GaugeValue, 1, append([]string{string(status)}, labels...)...)
	for desc, t := range map[*prometheus.Desc]*metav1.Time{c.notAfter: crt.Status.NotAfter, c.renewals: crt.Status.RenewalTime} {
		if t != nil {
			metrics <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(t.Unix()), labels...)
		}
	}
}
