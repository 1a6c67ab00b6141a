// Package v1 holds the kinds of the base group: Certificate, CertificateRequest, Issuer and ClusterIssuer,
// with the types they share, and the names of their conditions and reasons. The rules that the API server
// can check stand on the fields as CEL markers; config/crd/bases is generated from them.
//
// It is layer 0: every package may import it. It holds facts only and must not decide, call or wait. The
// group in the markers is the default one; code takes the group from api.Names.
//
// +kubebuilder:object:generate=true
// +groupName=certwright.dev
package v1
