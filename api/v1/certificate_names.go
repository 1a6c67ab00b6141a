package v1

// OtherName is a subject alternative name of type otherName (RFC 5280 section 4.2.1.6).
//
// +kubebuilder:validation:XValidation:rule="has(self.utf8Value) && size(self.utf8Value) > 0 && has(self.oid) && self.oid.matches('^[0-2]([.](0|[1-9][0-9]*))+$')",message="an otherName needs both oid (in dotted form, such as 1.3.6.1.4.1.311.20.2.3) and utf8Value"
type OtherName struct {
	// OID is the object identifier of the name's type, in dotted form.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	OID string `json:"oid,omitempty"`

	// UTF8Value is the name, encoded as a UTF8String.
	// +optional
	UTF8Value string `json:"utf8Value,omitempty"`
}

// X509Subject has the attributes of a distinguished name other than the common name.
type X509Subject struct {
	// Organizations become attributes O.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Organizations []string `json:"organizations,omitempty"`

	// OrganizationalUnits become attributes OU.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	OrganizationalUnits []string `json:"organizationalUnits,omitempty"`

	// Countries become attributes C, two letters each.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Countries []string `json:"countries,omitempty"`

	// Provinces become attributes ST.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Provinces []string `json:"provinces,omitempty"`

	// Localities become attributes L.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	Localities []string `json:"localities,omitempty"`

	// StreetAddresses become attributes STREET.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	StreetAddresses []string `json:"streetAddresses,omitempty"`

	// PostalCodes become attributes postalCode.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	PostalCodes []string `json:"postalCodes,omitempty"`

	// SerialNumber is the attribute serialNumber of the subject. It is not the certificate's serial number.
	// +optional
	SerialNumber string `json:"serialNumber,omitempty"`
}

// NameConstraints limits the names that a CA certificate may sign for.
//
// +kubebuilder:validation:XValidation:rule="has(self.permitted) || has(self.excluded)",message="nameConstraints limit nothing: set permitted, excluded or both"
type NameConstraints struct {
	// Critical makes clients that do not understand the limits refuse the certificate.
	// +optional
	Critical bool `json:"critical,omitempty"`

	// Permitted lists the only names allowed, for each type of name that it lists at all.
	// +optional
	Permitted *NameConstraintItem `json:"permitted,omitempty"`

	// Excluded lists names that are never allowed. It wins over permitted.
	// +optional
	Excluded *NameConstraintItem `json:"excluded,omitempty"`
}

// NameConstraintItem is a set of names.
type NameConstraintItem struct {
	// DNSDomains are domains, each with everything below it.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	DNSDomains []string `json:"dnsDomains,omitempty"`

	// IPRanges are networks in CIDR form.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:XValidation:rule="isCIDR(self)",message="write a network in CIDR form, such as 192.0.2.0/24 or 2001:db8::/32"
	// +optional
	IPRanges []string `json:"ipRanges,omitempty"`

	// EmailAddresses are addresses, hosts, or domains with a dot before them.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	EmailAddresses []string `json:"emailAddresses,omitempty"`

	// URIDomains are hosts of URIs, or domains with a dot before them.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	URIDomains []string `json:"uriDomains,omitempty"`
}
