package v1

// TLSALPN01Solver answers TLS-ALPN-01 challenges.
type TLSALPN01Solver struct {
	// GatewayTLSRoute routes the challenge through a TLSRoute of the Gateway API.
	// +required
	GatewayTLSRoute *TLSALPN01GatewayTLSRoute `json:"gatewayTLSRoute,omitempty"`
}

// TLSALPN01GatewayTLSRoute routes a challenge through a TLSRoute, which leads to the operator. It is there as long as
// an order needs it, and takes all TLS connections for its host names at its listeners meanwhile: it is for hosts whose
// TLS is not passed through elsewhere.
type TLSALPN01GatewayTLSRoute struct {
	// Labels to set on the TLSRoute.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// ParentRefs are the Gateways, or listeners of them, that the TLSRoute attaches to. The listener that the CA
	// reaches at port 443 has the protocol TLS and the mode Passthrough.
	// +listType=atomic
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=32
	// +required
	ParentRefs []ParentReference `json:"parentRefs,omitempty"`
}
