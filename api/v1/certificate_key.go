package v1

// KeyAlgorithm is the algorithm of a private key.
//
// +kubebuilder:validation:Enum=RSA;ECDSA;Ed25519
type KeyAlgorithm string

// Algorithms of private keys.
const (
	RSAKeyAlgorithm     KeyAlgorithm = "RSA"
	ECDSAKeyAlgorithm   KeyAlgorithm = "ECDSA"
	Ed25519KeyAlgorithm KeyAlgorithm = "Ed25519"
)

// KeyEncoding is the form that a private key is written in.
//
// +kubebuilder:validation:Enum=PKCS1;PKCS8
type KeyEncoding string

const (
	// PKCS1 is PKCS #1 for RSA (RFC 8017) and SEC 1 for ECDSA (RFC 5915).
	PKCS1 KeyEncoding = "PKCS1"
	// PKCS8 is the form that holds every algorithm (RFC 5958).
	PKCS8 KeyEncoding = "PKCS8"
)

// RotationPolicy says when a private key is replaced.
//
// +kubebuilder:validation:Enum=Never;Always
type RotationPolicy string

const (
	// RotationNever keeps the key as long as it fits the spec.
	RotationNever RotationPolicy = "Never"
	// RotationAlways makes a key for every issuance. It is the default.
	RotationAlways RotationPolicy = "Always"
)

// SignatureAlgorithm is how a request is signed.
type SignatureAlgorithm string

// Signature algorithms.
const (
	SHA256WithRSA   SignatureAlgorithm = "SHA256WithRSA"
	SHA384WithRSA   SignatureAlgorithm = "SHA384WithRSA"
	SHA512WithRSA   SignatureAlgorithm = "SHA512WithRSA"
	ECDSAWithSHA256 SignatureAlgorithm = "ECDSAWithSHA256"
	ECDSAWithSHA384 SignatureAlgorithm = "ECDSAWithSHA384"
	ECDSAWithSHA512 SignatureAlgorithm = "ECDSAWithSHA512"
	PureEd25519     SignatureAlgorithm = "PureEd25519"
)

// CertificatePrivateKey says what key to make and when to replace it.
//
// +kubebuilder:validation:XValidation:rule="!has(self.size) || self.size == 0 || (has(self.algorithm) && self.algorithm != 'RSA') || (self.size >= 2048 && self.size <= 8192)",message="an RSA key has 2048 to 8192 bits: write 2048, 3072, 4096 or 8192"
// +kubebuilder:validation:XValidation:rule="!has(self.size) || self.size == 0 || !has(self.algorithm) || self.algorithm != 'ECDSA' || self.size in [256, 384, 521]",message="an ECDSA key has 256, 384 or 521 bits: write one of these"
type CertificatePrivateKey struct {
	// RotationPolicy is Always (the default: a key for every issuance) or Never (keep the key in the Secret;
	// if it does not fit the spec, issuance stops and says so).
	// +optional
	RotationPolicy RotationPolicy `json:"rotationPolicy,omitempty"`

	// Encoding of tls.key: PKCS1 (the default; for ECDSA this means SEC 1) or PKCS8. Ed25519 keys are
	// always written as PKCS8.
	// +optional
	Encoding KeyEncoding `json:"encoding,omitempty"`

	// Algorithm is RSA (the default), ECDSA or Ed25519.
	// +optional
	Algorithm KeyAlgorithm `json:"algorithm,omitempty"`

	// Size of the key in bits: for RSA 2048 (the default) to 8192, for ECDSA 256 (the default), 384 or 521.
	// It means nothing for Ed25519.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=8192
	// +optional
	Size int `json:"size,omitempty"`
}
