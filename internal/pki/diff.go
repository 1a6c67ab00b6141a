package pki

import (
	"cmp"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"slices"
	"strings"
)

// The API names of the fields in which a request or certificate can differ
// from a spec.
const (
	fieldSubject            = "subject"
	fieldCommonName         = "commonName"
	fieldLiteralSubject     = "literalSubject"
	fieldDNSNames           = "dnsNames"
	fieldIPAddresses        = "ipAddresses"
	fieldURIs               = "uris"
	fieldEmailAddresses     = "emailAddresses"
	fieldOtherNames         = "otherNames"
	fieldUsages             = "usages"
	fieldIsCA               = "isCA"
	fieldNameConstraints    = "nameConstraints"
	fieldSignatureAlgorithm = "signatureAlgorithm"
	fieldSpec               = "spec"
)

// DiffRequest returns the API names of the fields in which a request differs
// from the spec, in a fixed order, and nil if it differs in none. Lists are
// compared as sets, usages only if the spec wants them encoded, the signature
// algorithm only if the spec names one. The key is not compared: that is for
// KeyMatchesSpec. A spec that is not valid differs in "spec".
func DiffRequest(request *Request, spec RequestSpec) []string {
	want, err := spec.resolve()
	if err != nil {
		return []string{fieldSpec}
	}
	fields, err := diffSubject(request.subject, want.subject, spec.LiteralSubject != "")
	if err != nil {
		return []string{fieldSpec}
	}
	fields = append(fields, diffNames(request.names(), want.names)...)
	if spec.EncodeUsages && !request.hasUsages(want.usages) {
		fields = append(fields, fieldUsages)
	}
	if !request.hasCA(spec) {
		fields = append(fields, fieldIsCA)
	}
	if !equalConstraints(request.constraints, want.constraints) {
		fields = append(fields, fieldNameConstraints)
	}
	if spec.SignatureAlgorithm != "" && request.SignatureAlgorithm != spec.SignatureAlgorithm.x509() {
		fields = append(fields, fieldSignatureAlgorithm)
	}
	return fields
}

func (r *Request) hasUsages(want []Usage) bool {
	return len(r.unknownUsages) == 0 && slices.Equal(r.Usages, want)
}

// hasCA compares the CA flag. Not every writer of requests adds basic
// constraints to that of a CA; then the cert sign usage speaks for them.
func (r *Request) hasCA(spec RequestSpec) bool {
	if r.basicConstraints == nil && spec.IsCA {
		return slices.Contains(r.Usages, UsageCertSign)
	}
	return r.IsCA == spec.IsCA
}

// diffSubject compares two DNs. One given literally has to be the same RDN by
// RDN; one given by fields has to have the same attributes, since the API's
// lists say nothing about order.
func diffSubject(have, want pkix.RDNSequence, literal bool) ([]string, error) {
	der, err := asn1.Marshal(want)
	if err != nil {
		return nil, err
	}
	want, err = decodeSubject(der)
	if err != nil {
		return nil, err
	}
	if slices.EqualFunc(have, want, equalRDN) {
		return nil, nil
	}
	if literal {
		return []string{fieldLiteralSubject}, nil
	}
	haveNames, haveRest := splitAttributes(have)
	wantNames, wantRest := splitAttributes(want)
	var fields []string
	if !slices.Equal(haveRest, wantRest) {
		fields = append(fields, fieldSubject)
	}
	if !slices.Equal(haveNames, wantNames) {
		fields = append(fields, fieldCommonName)
	}
	return fields, nil
}

func equalRDN(a, b pkix.RelativeDistinguishedNameSET) bool {
	return equalSets(attributesOf(a), attributesOf(b), compareAttributes)
}

// splitAttributes returns the common names of a DN and its other attributes,
// both sorted.
func splitAttributes(sequence pkix.RDNSequence) (commonNames, rest []attribute) {
	for _, set := range sequence {
		for _, a := range attributesOf(set) {
			if a.oid == oidCommonName.String() {
				commonNames = append(commonNames, a)
			} else {
				rest = append(rest, a)
			}
		}
	}
	slices.SortFunc(commonNames, compareAttributes)
	slices.SortFunc(rest, compareAttributes)
	return commonNames, rest
}

func compareAttributes(a, b attribute) int {
	return cmp.Or(strings.Compare(a.oid, b.oid), strings.Compare(a.value, b.value))
}

func compareOtherNames(a, b OtherName) int {
	return cmp.Or(strings.Compare(a.OID, b.OID), strings.Compare(a.UTF8Value, b.UTF8Value))
}

// diffNames names the kinds of subject alternative names that differ.
func diffNames(have, want names) []string {
	var fields []string
	for _, kind := range []struct {
		field      string
		have, want []string
	}{
		{fieldDNSNames, have.dns, want.dns},
		{fieldIPAddresses, have.ips, want.ips},
		{fieldURIs, have.uris, want.uris},
		{fieldEmailAddresses, have.emails, want.emails},
	} {
		if !equalSets(kind.have, kind.want, strings.Compare) {
			fields = append(fields, kind.field)
		}
	}
	if !equalSets(have.others, want.others, compareOtherNames) {
		fields = append(fields, fieldOtherNames)
	}
	return fields
}

func equalConstraints(a, b *constraints) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.critical == b.critical && a.permitted.equal(b.permitted) && a.excluded.equal(b.excluded)
}

func (t trees) equal(other trees) bool {
	return equalSets(t.dns, other.dns, strings.Compare) &&
		equalSets(t.ips, other.ips, strings.Compare) &&
		equalSets(t.emails, other.emails, strings.Compare) &&
		equalSets(t.uris, other.uris, strings.Compare)
}

// equalSets compares two lists without regard to order.
func equalSets[T comparable](a, b []T, compare func(T, T) int) bool {
	if len(a) != len(b) {
		return false
	}
	return slices.Equal(slices.SortedFunc(slices.Values(a), compare), slices.SortedFunc(slices.Values(b), compare))
}

// DiffCertificate returns the API names of the fields in which a certificate
// differs from the spec, and nil if it differs in none. It is for certificates
// whose request is gone and looks at the names only. CAs differ in what they do
// with a common name: it may be repeated among the subject alternative names,
// may be left out of the subject then, and may be chosen from them.
func DiffCertificate(cert *x509.Certificate, spec RequestSpec) []string {
	want, err := spec.resolve()
	if err != nil {
		return []string{fieldSpec}
	}
	have := namesOf(cert)
	var fields []string
	if !commonNameFits(cert.Subject.CommonName, have, want) {
		fields = append(fields, spec.commonNameField())
	}
	have.allow(want.commonNames, want.names)
	return append(fields, diffNames(have, want.names)...)
}

func (s RequestSpec) commonNameField() string {
	if s.LiteralSubject != "" {
		return fieldLiteralSubject
	}
	return fieldCommonName
}

// commonNameFits says whether the common name of a certificate follows from
// the spec. An empty one does if the wanted one is among the other names.
func commonNameFits(commonName string, have names, want resolved) bool {
	if commonName == "" {
		return !slices.ContainsFunc(want.commonNames, func(name string) bool { return !have.contains(name) })
	}
	if len(want.commonNames) == 0 {
		return want.names.contains(commonName)
	}
	return slices.ContainsFunc(want.commonNames, func(name string) bool { return strings.EqualFold(name, commonName) })
}

// allow drops common names that a CA added to the alternative names of its
// own accord.
func (n *names) allow(commonNames []string, wanted names) {
	for _, name := range commonNames {
		if wanted.contains(name) {
			continue
		}
		repeats := func(have string) bool { return strings.EqualFold(have, name) }
		n.dns = slices.DeleteFunc(n.dns, repeats)
		n.ips = slices.DeleteFunc(n.ips, repeats)
		n.emails = slices.DeleteFunc(n.emails, repeats)
	}
}

// contains says whether a name is among the DNS names, IP addresses or e-mail
// addresses, the kinds that a common name can repeat.
func (n names) contains(name string) bool {
	same := func(have string) bool { return strings.EqualFold(have, name) }
	return slices.ContainsFunc(n.dns, same) || slices.ContainsFunc(n.ips, same) || slices.ContainsFunc(n.emails, same)
}

// namesOf reads the subject alternative names of a certificate, leaving out
// those of types that the API does not have. Names that cannot be normalized
// stay as they are, and so equal nothing that a spec can ask for.
func namesOf(cert *x509.Certificate) names {
	at := slices.IndexFunc(cert.Extensions, func(e pkix.Extension) bool { return e.Id.Equal(oidSubjectAltName) })
	if at < 0 {
		return names{}
	}
	raw, _, err := decodeSAN(cert.Extensions[at].Value)
	if err != nil {
		return names{}
	}
	normalized, err := normalizeNames(raw)
	if err != nil {
		return raw
	}
	return normalized
}
