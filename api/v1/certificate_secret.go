package v1

// CertificateSecretTemplate has metadata for the Secret.
type CertificateSecretTemplate struct {
	// Annotations to set on the Secret. Keys of certwright.dev are the operator's own and are refused,
	// except certwright.dev/allow-direct-injection.
	// +kubebuilder:validation:MaxProperties=1000
	// +kubebuilder:validation:XValidation:rule="self.all(key, !(key.startsWith('certwright.dev/') || key.startsWith('acme.certwright.dev/')) || key == 'certwright.dev/allow-direct-injection')",message="annotations of certwright.dev on the Secret are the operator's own: remove them, except certwright.dev/allow-direct-injection"
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`

	// Labels to set on the Secret.
	// +kubebuilder:validation:MaxProperties=1000
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
}

// CertificateKeystores asks for keystores in the Secret.
type CertificateKeystores struct {
	// JKS asks for keystore.jks, and truststore.jks where the issuer tells its CA certificate.
	// +optional
	JKS *JKSKeystore `json:"jks,omitempty"`

	// PKCS12 asks for keystore.p12, and truststore.p12 where the issuer tells its CA certificate.
	// +optional
	PKCS12 *PKCS12Keystore `json:"pkcs12,omitempty"`
}

// JKSKeystore asks for a keystore in the format of Java.
//
// +kubebuilder:validation:XValidation:rule="has(self.password) != has(self.passwordSecretRef)",message="a JKS keystore needs one password: set either passwordSecretRef or password"
type JKSKeystore struct {
	// Create says whether to write the keystore.
	Create bool `json:"create"`

	// Alias is the name of the key's entry. The default is "certificate". Entries of CA certificates are
	// named "ca", "ca-1" and so on.
	// +optional
	Alias *string `json:"alias,omitempty"`

	// PasswordSecretRef names the password: the entry of a Secret, by default "password". Excludes password.
	// +optional
	PasswordSecretRef *SecretKeySelector `json:"passwordSecretRef,omitempty"`

	// Password is the password itself, for readers that insist on one where it protects nothing. Excludes
	// passwordSecretRef.
	// +kubebuilder:validation:MinLength=1
	// +optional
	Password *string `json:"password,omitempty"`
}

// PKCS12Profile is the set of algorithms that a PKCS#12 file is protected with.
//
// +kubebuilder:validation:Enum=LegacyRC2;LegacyDES;Modern2023;Modern2026
type PKCS12Profile string

// Profiles of PKCS#12, oldest first.
const (
	LegacyRC2PKCS12Profile  PKCS12Profile = "LegacyRC2"
	LegacyDESPKCS12Profile  PKCS12Profile = "LegacyDES"
	Modern2023PKCS12Profile PKCS12Profile = "Modern2023"
	Modern2026PKCS12Profile PKCS12Profile = "Modern2026"
)

// PKCS12Keystore asks for a keystore in the format PKCS#12 (RFC 7292).
//
// +kubebuilder:validation:XValidation:rule="has(self.password) != has(self.passwordSecretRef)",message="a PKCS#12 keystore needs one password: set either passwordSecretRef or password"
type PKCS12Keystore struct {
	// Create says whether to write the keystore.
	Create bool `json:"create"`

	// Profile is the set of algorithms: LegacyRC2 (the default) and LegacyDES for old readers, Modern2023
	// for PBES2 with AES-256-CBC, Modern2026 with PBMAC1 in addition (OpenSSL 3.4, Java 26).
	// +optional
	Profile PKCS12Profile `json:"profile,omitempty"`

	// PasswordSecretRef names the password: the entry of a Secret, by default "password". Excludes password.
	// +optional
	PasswordSecretRef *SecretKeySelector `json:"passwordSecretRef,omitempty"`

	// Password is the password itself, for readers that insist on one where it protects nothing. Excludes
	// passwordSecretRef.
	// +kubebuilder:validation:MinLength=1
	// +optional
	Password *string `json:"password,omitempty"`
}

// CertificateOutputFormatType names a further entry of the Secret.
//
// +kubebuilder:validation:Enum=DER;CombinedPEM
type CertificateOutputFormatType string

const (
	// OutputFormatDER is the private key in DER, at key.der.
	OutputFormatDER CertificateOutputFormatType = "DER"
	// OutputFormatCombinedPEM is the private key, an empty line and the chain in PEM, at tls-combined.pem.
	OutputFormatCombinedPEM CertificateOutputFormatType = "CombinedPEM"
)

// CertificateAdditionalOutputFormat asks for a further entry in the Secret.
type CertificateAdditionalOutputFormat struct {
	// Type is DER (the private key in DER, at key.der) or CombinedPEM (private key and chain in PEM, at
	// tls-combined.pem).
	Type CertificateOutputFormatType `json:"type"`
}
