// Package kube holds the effects on the Kubernetes API: writes that are remembered so that a stale
// cache is noticed, the watches of single Secrets, the layout of target Secrets, and indexes.
//
// Controllers and backends import it. It decides nothing about certificates.
package kube
