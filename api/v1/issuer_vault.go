package v1

// VaultIssuer is a PKI secrets engine of HashiCorp Vault or OpenBao.
//
// +kubebuilder:validation:XValidation:rule="!has(self.caBundle) || !has(self.caBundleSecretRef)",message="the CA certificates are given twice: set either caBundle or caBundleSecretRef"
// +kubebuilder:validation:XValidation:rule="has(self.clientCertSecretRef) == has(self.clientKeySecretRef)",message="a client certificate needs its key: set both clientCertSecretRef and clientKeySecretRef, or neither"
type VaultIssuer struct {
	// Server is the URL of the Vault server.
	// +kubebuilder:validation:MinLength=1
	Server string `json:"server"`

	// Path is where requests are signed: the engine's mount, "sign" and the role, such as
	// pki_int/sign/web. It has no ".." in it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.matches('(^|/)[.][.](/|$)')",message="write the path without .. in it, such as pki_int/sign/web"
	Path string `json:"path"`

	// Auth says how to sign in.
	Auth VaultAuth `json:"auth"`

	// Namespace is the Vault namespace.
	// +optional
	Namespace string `json:"namespace,omitempty"`

	// ServerName is the name to verify the server's TLS certificate for. The default is the host of server.
	// +optional
	ServerName string `json:"serverName,omitempty"`

	// CABundle has the certificates, in PEM, that the server's TLS certificate is verified with. Excludes
	// caBundleSecretRef. Without both, those of the operator's image are used.
	// +optional
	CABundle []byte `json:"caBundle,omitempty"`

	// CABundleSecretRef names such certificates: an entry of a Secret, by default ca.crt. Excludes caBundle.
	// +optional
	CABundleSecretRef *SecretKeySelector `json:"caBundleSecretRef,omitempty"`

	// ClientCertSecretRef names the certificate, by default at tls.crt, to present to a server that wants
	// one. Needs clientKeySecretRef.
	// +optional
	ClientCertSecretRef *SecretKeySelector `json:"clientCertSecretRef,omitempty"`

	// ClientKeySecretRef names the key, by default at tls.key, of that certificate. Needs
	// clientCertSecretRef.
	// +optional
	ClientKeySecretRef *SecretKeySelector `json:"clientKeySecretRef,omitempty"`
}

// VaultAuth says how to sign in to Vault. Exactly one of its fields is set.
//
// +kubebuilder:validation:XValidation:rule="[has(self.tokenSecretRef), has(self.appRole), has(self.clientCertificate), has(self.kubernetes), has(self.aws)].filter(set, set).size() == 1",message="sign in to Vault in exactly one way: set one of tokenSecretRef, appRole, clientCertificate, kubernetes and aws"
type VaultAuth struct {
	// TokenSecretRef names a token: an entry of a Secret, by default token.
	// +optional
	TokenSecretRef *SecretKeySelector `json:"tokenSecretRef,omitempty"`

	// AppRole signs in with the AppRole method.
	// +optional
	AppRole *VaultAppRole `json:"appRole,omitempty"`

	// ClientCertificate signs in with the TLS certificate method.
	// +optional
	ClientCertificate *VaultClientCertificate `json:"clientCertificate,omitempty"`

	// Kubernetes signs in with the Kubernetes method.
	// +optional
	Kubernetes *VaultKubernetes `json:"kubernetes,omitempty"`

	// AWS signs in with the AWS method, type iam.
	// +optional
	AWS *VaultAWS `json:"aws,omitempty"`
}

// VaultAppRole is the AppRole method.
type VaultAppRole struct {
	// Path is where the method is mounted. Empty means approle.
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.matches('(^|/)[.][.](/|$)')",message="write the path without .. in it, from the mount on"
	Path string `json:"path"`

	// RoleID of the role.
	// +kubebuilder:validation:MinLength=1
	RoleID string `json:"roleId"`

	// SecretRef names the role's secret ID.
	SecretRef SecretKeySelector `json:"secretRef"`
}

// VaultClientCertificate is the TLS certificate method.
type VaultClientCertificate struct {
	// MountPath is where the method is mounted. The default is /v1/auth/cert.
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.matches('(^|/)[.][.](/|$)')",message="write the mount path without .. in it"
	// +optional
	MountPath string `json:"mountPath,omitempty"`

	// SecretName is the Secret with the certificate at tls.crt and its key at tls.key. The default is the
	// client certificate of the connection.
	// +optional
	SecretName string `json:"secretName,omitempty"`

	// Name is the role to sign in to. The default is any that fits the certificate.
	// +optional
	Name string `json:"name,omitempty"`
}

// VaultKubernetes is the Kubernetes method. Exactly one of secretRef and serviceAccountRef is set.
//
// +kubebuilder:validation:XValidation:rule="has(self.secretRef) != has(self.serviceAccountRef)",message="the Kubernetes method needs one token: set either serviceAccountRef (preferred) or secretRef"
type VaultKubernetes struct {
	// MountPath is where the method is mounted. The default is /v1/auth/kubernetes.
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.matches('(^|/)[.][.](/|$)')",message="write the mount path without .. in it"
	// +optional
	MountPath string `json:"mountPath,omitempty"`

	// Role to sign in to.
	// +kubebuilder:validation:MinLength=1
	Role string `json:"role"`

	// SecretRef names a service account token: an entry of a Secret, by default token. Prefer
	// serviceAccountRef, whose tokens expire.
	// +optional
	SecretRef *SecretKeySelector `json:"secretRef,omitempty"`

	// ServiceAccountRef names the ServiceAccount to ask the API server for a short-lived token of.
	// +optional
	ServiceAccountRef *ServiceAccountRef `json:"serviceAccountRef,omitempty"`
}

// VaultAWS is the AWS method, type iam.
type VaultAWS struct {
	// MountPath is where the method is mounted. The default is /v1/auth/aws.
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.matches('(^|/)[.][.](/|$)')",message="write the mount path without .. in it"
	// +optional
	MountPath string `json:"mountPath,omitempty"`

	// Role to sign in to.
	// +kubebuilder:validation:MinLength=1
	Role string `json:"role"`

	// Region of AWS. The default is taken from the operator's environment, and at last us-east-1.
	// +optional
	Region string `json:"region,omitempty"`

	// IAMRoleARN is the ARN of the role to assume with the token of serviceAccountRef.
	// +optional
	IAMRoleARN string `json:"iamRoleArn,omitempty"`

	// ServiceAccountRef names the ServiceAccount whose token is exchanged for AWS credentials. The default
	// is the identity of the operator's Pod.
	// +optional
	ServiceAccountRef *ServiceAccountRef `json:"serviceAccountRef,omitempty"`

	// VaultHeaderValue is the value of the header X-Vault-AWS-IAM-Server-ID that the server expects.
	// +optional
	VaultHeaderValue string `json:"vaultHeaderValue,omitempty"`
}
