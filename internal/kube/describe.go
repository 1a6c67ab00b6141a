package kube

import (
	"encoding/csv"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
)

// describe are the annotations that tell people and tools what the Secret holds.
func (l Layout) describe() map[string]string {
	keys, leaf := l.Names.Annotation, l.Pair.Chain.Leaf()
	ref := l.Issuer.WithDefaults(l.Names)
	annotations := map[string]string{
		keys.CertificateName: l.Certificate.Name,
		keys.IssuerName:      ref.Name,
		keys.IssuerKind:      ref.Kind,
		keys.IssuerGroup:     ref.Group,
		keys.CommonName:      leaf.Subject.CommonName,
		keys.AltNames:        commaSeparated(leaf.DNSNames),
		keys.IPSANs:          commaSeparated(texts(leaf.IPAddresses, net.IP.String)),
		keys.URISANs:         commaSeparated(texts(leaf.URIs, (*url.URL).String)),
	}
	for key, value := range l.describeSubject() {
		if value != "" {
			annotations[key] = value
		}
	}
	return annotations
}

func (l Layout) describeSubject() map[string]string {
	keys, leaf := l.Names.Annotation, l.Pair.Chain.Leaf()
	return map[string]string{
		keys.EmailSANs:                   commaSeparated(leaf.EmailAddresses),
		keys.Subject.Organizations:       commaSeparated(leaf.Subject.Organization),
		keys.Subject.OrganizationalUnits: commaSeparated(leaf.Subject.OrganizationalUnit),
		keys.Subject.Countries:           commaSeparated(leaf.Subject.Country),
		keys.Subject.Provinces:           commaSeparated(leaf.Subject.Province),
		keys.Subject.Localities:          commaSeparated(leaf.Subject.Locality),
		keys.Subject.PostalCodes:         commaSeparated(leaf.Subject.PostalCode),
		keys.Subject.StreetAddresses:     commaSeparated(leaf.Subject.StreetAddress),
		keys.Subject.SerialNumber:        leaf.Subject.SerialNumber,
	}
}

// describable are the annotations that describe may leave out, to be removed then.
func (l Layout) describable() []string {
	return slices.Collect(maps.Keys(l.describeSubject()))
}

// commaSeparated quotes values that hold commas or quotes, as CSV does.
func commaSeparated(values []string) string {
	if len(values) == 0 {
		return ""
	}
	var line strings.Builder
	writer := csv.NewWriter(&line)
	// Writing to a strings.Builder does not fail.
	_ = writer.Write(values)
	writer.Flush()
	return strings.TrimSuffix(line.String(), "\n")
}

func texts[T any](values []T, text func(T) string) []string {
	result := make([]string, len(values))
	for i, value := range values {
		result[i] = text(value)
	}
	return result
}
