// Package testkit starts what specs, the demo and the benchmark need around the operator: a real
// kube-apiserver with etcd, a controller manager, and the manifests of this repository.
//
// Tests and the programs under test/ and hack/ import it; the operator never does.
package testkit
