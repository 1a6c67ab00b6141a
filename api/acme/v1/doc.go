// Package v1 holds the kind of the acme group: Order, which asks an ACME CA for one certificate and keeps the
// progress of all its authorizations.
//
// It is layer 0: every package may import it. It holds facts only and must not decide, call or wait. The
// group in the markers is the default one; code takes the group from api.Names.
//
// +kubebuilder:object:generate=true
// +groupName=acme.certwright.dev
package v1
