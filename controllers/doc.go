// Package controllers holds one reconciler per kind. Each reads: load, gather, decide, act, report.
// Decisions are made in packages issuance, orderflow and rollout; effects are in kube, backend and solver.
//
// Only the wiring imports it.
package controllers
