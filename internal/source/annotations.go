package source

import (
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
)

const (
	// labelApplySet is a label by which kubectl knows what it may prune: a copy of it would have the Certificate
	// deleted by whoever applied the source.
	labelApplySet = "applyset.kubernetes.io/part-of"

	longestCommonName  = 64
	leastDuration      = time.Hour
	leastRenewBefore   = 5 * time.Minute
	defaultDuration    = 2160 * time.Hour
	leastRSA, mostRSA  = 2048, 8192
	mostPercentage     = 99
	separatorOfLabels  = ","
	separatorOfProblem = "; "
)

// asked is what the annotations of a source ask for.
type asked struct {
	config *Config
	source Source
	// template is a Certificate without name, hosts and Secret.
	template v1.Certificate
	// ignored are names of listeners to leave out.
	ignored  []string
	problems []string
}

// problem is all that is wrong, short enough to be written on each Certificate: a list may be wrong in every word.
func (a *asked) problem() string {
	const most = 1024
	return condition.Bounded(strings.Join(a.problems, separatorOfProblem), most)
}

// asks says whether a source is annotated for an issuer.
func (c *Config) asks(source Source, annotations map[string]string) bool {
	for _, key := range []string{c.Names.Annotation.Issuer, c.Names.Annotation.ClusterIssuer} {
		if _, ok := annotations[key]; ok {
			return true
		}
	}
	return source.Kind == IngressKind && c.asksByDefault(annotations)
}

// asksByDefault says whether the default issuer is asked for.
func (c *Config) asksByDefault(annotations map[string]string) bool {
	return slices.ContainsFunc(c.Auto, func(key string) bool {
		yes, err := strconv.ParseBool(strings.TrimSpace(annotations[key]))
		return err == nil && yes
	})
}

// read reads the annotations of a source. Those that name the issuer may be another's.
func (c *Config) read(source Source, issuer map[string]string) *asked {
	r := &reader{annotations: source.Meta.Annotations}
	a := &asked{config: c, source: source, ignored: r.list(c.Names.Annotation.IgnoreTLSListeners)}
	by := &reader{annotations: issuer}
	a.template.Spec = v1.CertificateSpec{IssuerRef: c.issuer(source, by)}
	c.readNames(r, &a.template.Spec)
	c.readTimes(r, &a.template.Spec)
	c.readKey(r, &a.template.Spec)
	c.readTemplate(r, &a.template.Spec)
	a.template.Labels = maps.Clone(source.Meta.Labels)
	delete(a.template.Labels, labelApplySet)
	a.template.Annotations = map[string]string{}
	if len(a.template.Labels) > 0 {
		a.template.Annotations[c.Names.Annotation.SourceLabels] = strings.Join(slices.Sorted(maps.Keys(a.template.Labels)), separatorOfLabels)
	}
	for _, key := range c.Extra {
		if value, ok := source.Meta.Annotations[key]; ok {
			a.template.Annotations[key] = value
		}
	}
	c.readParent(r, a)
	a.problems = slices.Concat(by.problems, r.problems)
	return a
}

// issuer is the issuer that is named, or the default.
func (c *Config) issuer(source Source, r *reader) v1.IssuerRef {
	keys := c.Names.Annotation
	ref := v1.IssuerRef{Name: r.text(keys.Issuer), Kind: r.text(keys.IssuerKind), Group: r.text(keys.IssuerGroup)}
	cluster := r.text(keys.ClusterIssuer)
	switch {
	case cluster != "" && ref != (v1.IssuerRef{}):
		r.refuse(keys.ClusterIssuer, "it excludes %s, %s and %s: remove it or those", keys.Issuer, keys.IssuerKind, keys.IssuerGroup)
	case cluster != "":
		ref = v1.IssuerRef{Name: cluster, Kind: v1.ClusterIssuerKind}
	case ref.Name == "" && source.Kind == IngressKind && c.asksByDefault(r.annotations):
		ref = c.defaultIssuer(r, ref)
	case ref.Name == "":
		r.refuse(keys.Issuer, "it names no issuer: write the name of one, or %s instead", keys.ClusterIssuer)
	}
	ref = ref.WithDefaults(c.Names)
	if !ref.IsExternal(c.Names) && ref.Kind != v1.IssuerKind && ref.Kind != v1.ClusterIssuerKind {
		r.refuse(keys.IssuerKind, "write %s or %s instead of %q, or that kind's API group into %s",
			v1.IssuerKind, v1.ClusterIssuerKind, quoted(ref.Kind), keys.IssuerGroup)
	}
	return ref
}

// defaultIssuer is the default one, of the kind and group that are named if there are.
func (c *Config) defaultIssuer(r *reader, named v1.IssuerRef) v1.IssuerRef {
	keys, ref := c.Names.Annotation, c.DefaultIssuer
	if ref.Name == "" {
		r.problems = append(r.problems, "the default issuer is asked for, and there is none: name one by annotation "+
			keys.Issuer+" or "+keys.ClusterIssuer+", or start the operator with --default-issuer-name")
	}
	if named.Kind != "" {
		ref.Kind = named.Kind
	}
	if named.Group != "" {
		ref.Group = named.Group
	}
	return ref
}

func (c *Config) readNames(r *reader, spec *v1.CertificateSpec) {
	keys := c.Names.Annotation
	spec.CommonName = r.text(keys.CommonName)
	if len(spec.CommonName) > longestCommonName {
		r.refuse(keys.CommonName, "it is limited to %d characters: write longer names into %s", longestCommonName, keys.AltNames)
	}
	spec.DNSNames, spec.URIs, spec.EmailAddresses = r.list(keys.AltNames), r.list(keys.URISANs), r.list(keys.EmailSANs)
	for _, address := range r.list(keys.IPSANs) {
		if parsed, err := netip.ParseAddr(address); err != nil || parsed.Zone() != "" {
			r.refuse(keys.IPSANs, "%q is no IP address: write such as 192.0.2.1 or 2001:db8::1", quoted(address))
			continue
		}
		spec.IPAddresses = append(spec.IPAddresses, address)
	}
	subject := v1.X509Subject{
		Organizations:       r.list(keys.Subject.Organizations),
		OrganizationalUnits: r.list(keys.Subject.OrganizationalUnits),
		Countries:           r.list(keys.Subject.Countries),
		Provinces:           r.list(keys.Subject.Provinces),
		Localities:          r.list(keys.Subject.Localities),
		PostalCodes:         r.list(keys.Subject.PostalCodes),
		StreetAddresses:     r.list(keys.Subject.StreetAddresses),
		SerialNumber:        r.text(keys.Subject.SerialNumber),
	}
	if !isEmpty(subject) {
		spec.Subject = &subject
	}
}

func isEmpty(s v1.X509Subject) bool {
	lists := [][]string{s.Organizations, s.OrganizationalUnits, s.Countries, s.Provinces, s.Localities, s.PostalCodes, s.StreetAddresses}
	return s.SerialNumber == "" && !slices.ContainsFunc(lists, func(list []string) bool { return len(list) > 0 })
}

func (c *Config) readTimes(r *reader, spec *v1.CertificateSpec) {
	keys := c.Names.Annotation
	spec.Duration = r.duration(keys.Duration, leastDuration)
	spec.RenewBefore = r.duration(keys.RenewBefore, leastRenewBefore)
	spec.RenewBeforePercentage = r.integer(keys.RenewBeforePercentage, 1, mostPercentage)
	spec.RevisionHistoryLimit = r.integer(keys.RevisionHistoryLimit, 1, math.MaxInt32)
	lifetime := metav1.Duration{Duration: defaultDuration}
	if spec.Duration != nil {
		lifetime = *spec.Duration
	}
	switch {
	case spec.RenewBefore != nil && spec.RenewBeforePercentage != nil:
		r.refuse(keys.RenewBeforePercentage, "it says the same thing as %s: remove one of them", keys.RenewBefore)
	case spec.RenewBefore != nil && spec.RenewBefore.Duration >= lifetime.Duration:
		r.refuse(keys.RenewBefore, "it must be less than the duration of %s", short(lifetime.Duration))
	}
}

func (c *Config) readKey(r *reader, spec *v1.CertificateSpec) {
	keys := c.Names.Annotation
	key := v1.CertificatePrivateKey{
		Algorithm:      choice(r, keys.PrivateKeyAlgorithm, v1.RSAKeyAlgorithm, v1.ECDSAKeyAlgorithm, v1.Ed25519KeyAlgorithm),
		Encoding:       choice(r, keys.PrivateKeyEncoding, v1.PKCS1, v1.PKCS8),
		RotationPolicy: choice(r, keys.PrivateKeyRotationPolicy, v1.RotationNever, v1.RotationAlways),
	}
	if size := r.integer(keys.PrivateKeySize, 0, mostRSA); size != nil {
		key.Size = int(*size)
	}
	switch {
	case key.Size == 0 || key.Algorithm == v1.Ed25519KeyAlgorithm:
	case key.Algorithm == v1.ECDSAKeyAlgorithm && !slices.Contains([]int{256, 384, 521}, key.Size):
		r.refuse(keys.PrivateKeySize, "write 256, 384 or 521 for an ECDSA key")
	case key.Algorithm != v1.ECDSAKeyAlgorithm && key.Size < leastRSA:
		r.refuse(keys.PrivateKeySize, "write %d to %d for an RSA key", leastRSA, mostRSA)
	}
	if key != (v1.CertificatePrivateKey{}) {
		spec.PrivateKey = &key
	}
	spec.Usages = v1.DefaultUsages()
	if usages := r.list(keys.Usages); len(usages) > 0 {
		spec.Usages = nil
		for _, text := range usages {
			usage := v1.KeyUsage(strings.ToLower(text))
			if !usage.IsKnown() {
				r.refuse(keys.Usages, "%q is no usage: write such as %q", quoted(text), v1.UsageServerAuth)
			}
			spec.Usages = append(spec.Usages, usage)
		}
	}
}

func (c *Config) readTemplate(r *reader, spec *v1.CertificateSpec) {
	key := c.Names.Annotation.SecretTemplate
	if r.text(key) == "" {
		return
	}
	template, err := ParseSecretTemplate(r.annotations[key], c.Names)
	if err != nil {
		r.refuse(key, "%s", quoted(err.Error()))
		return
	}
	spec.SecretTemplate = template
}

// readParent copies the annotations that say where the routes of an HTTP-01 challenge attach to.
func (c *Config) readParent(r *reader, a *asked) {
	keys := c.Names.Annotation.ACME
	name, kind := r.text(keys.ParentRefName), r.text(keys.ParentRefKind)
	if (name == "") != (kind == "") {
		r.refuse(keys.ParentRefName, "it is needed with %s, and the other way round: write both or none", keys.ParentRefKind)
	}
	for _, key := range []string{keys.ParentRefName, keys.ParentRefKind, keys.ParentRefNamespace} {
		if value := r.text(key); value != "" {
			a.template.Annotations[key] = value
		}
	}
}

// attachTo has the routes of HTTP-01 challenges attach to a parent, unless the source says another.
func (c *Config) attachTo(a *asked, kind, namespace, name string) {
	keys, annotations := c.Names.Annotation.ACME, a.template.Annotations
	if annotations[keys.ParentRefName] != "" {
		return
	}
	annotations[keys.ParentRefName], annotations[keys.ParentRefKind], annotations[keys.ParentRefNamespace] = name, kind, namespace
}

// owned are the annotations of a Certificate that are its source's to set and to take away.
func (c *Config) owned() []string {
	keys := c.Names.Annotation
	return append([]string{
		keys.Source, keys.SourceLabels, keys.SourceProblem, keys.IssueTemporaryCertificate,
		keys.ACME.OverrideIngressName, keys.ACME.OverrideIngressClass, keys.ACME.OverrideIngressClassName,
		keys.ACME.ParentRefName, keys.ACME.ParentRefKind, keys.ACME.ParentRefNamespace,
	}, c.Extra...)
}
