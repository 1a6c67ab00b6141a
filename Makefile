# `make help` explains every target.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
TOOL = $(shell hack/tools/build.sh $(1))

# ARGS goes to the program of demo and bench: make demo ARGS=--exit
ARGS ?=
# TESTS narrows `make test`: make test TESTS=./internal/pki/...
TESTS ?= ./...
# PROCS is how many processes share the specs of controllers: they wait more than they work.
PROCS ?= 6

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS = -s -w -X github.com/certwright/certwright/internal/operator.Version=$(VERSION)

##@ Everyday

.PHONY: help
help: ## Explain every target.
	@awk 'BEGIN {FS = ":.*##"} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*##/ {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Start a control plane, an ACME CA and the operator; watch three Certificates become Secrets. ARGS=--exit ends by itself.
	@echo 'building the demo (a few minutes the first time, seconds after that)'
	@$(GO) build -o bin/demo ./test/demo
	@exec bin/demo $(ARGS)

# The packages that start a control plane wait more than they work, too, and the longest ones are the last by name: they
# begin first.
.PHONY: test
test: control-plane ## Run all specs but the cluster and load tiers, with the race detector. TESTS=./package/... narrows it.
	@packages=$$($(GO) list $(TESTS) | sort -r); \
	others=$$(grep -v '/controllers$$' <<<"$$packages" || true); \
	if [ -n "$$others" ]; then \
	  $(call TOOL,gotestsum) --format pkgname-and-test-fails -- -race -p 3 -timeout 20m $$others; \
	fi; \
	if [ '$(TESTS)' = ./... ]; then (cd cmd/dns-solver && $(GO) test ./...); fi; \
	if [ "$$others" != "$$packages" ]; then \
	  $(call TOOL,ginkgo) run --race --randomize-all --procs=$(PROCS) --timeout=20m --no-color --succinct ./controllers; \
	fi

.PHONY: e2e
e2e: ## Start a real Kubernetes node, run the cluster specs on it, take it away. ARGS=-keep leaves it up; docs/e2e.md.
	@$(GO) build -o bin/e2e ./test/e2e
	@exec bin/e2e $(ARGS)

.PHONY: bench
bench: control-plane build ## Measure the operator on a fresh control plane. ARGS=--help lists scenarios and parameters.
	@$(GO) run ./test/bench $(ARGS)

.PHONY: build
build: ## Build the operator into bin/certwright.
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/certwright .

##@ Checks

.PHONY: check
check: generate fmt lint unit chart-lint diff ## Everything a change must pass: generate, fmt, lint, unit tests, chart, and no diff left over.

.PHONY: generate
generate: ## Regenerate deepcopy code, CRDs, RBAC and the chart's copies of them.
	$(call TOOL,controller-gen) object paths=./api/...
	$(call TOOL,controller-gen) crd:crdVersions=v1 paths=./api/... output:crd:artifacts:config=config/crd/bases
	$(GO) run ./hack/chart

.PHONY: generate-dns
generate-dns: ## Regenerate what is known of DNS providers, after a change of lego's version or of the facts about it.
	cd cmd/dns-solver && $(GO) run ./generate

.PHONY: fmt
fmt: ## Format the code.
	$(call TOOL,golangci-lint) fmt

.PHONY: lint
lint: ## Lint the code, the layers included.
	$(call TOOL,golangci-lint) run ./...
	cd cmd/dns-solver && $(call TOOL,golangci-lint) run --config ../../.golangci.yml ./...

.PHONY: unit
unit: control-plane ## Run the specs of the API and of single packages.
	@$(call TOOL,gotestsum) --format pkgname-and-test-fails -- -race ./api/... ./hack/... ./internal/...
	@cd cmd/dns-solver && $(GO) test ./...

.PHONY: chart-lint
chart-lint: ## Lint the Helm chart, render it, and have Prometheus itself read its alerts and queries, and try the alerts.
	$(call TOOL,helm) lint --strict charts/certwright
	$(call TOOL,helm) template certwright charts/certwright --namespace certwright-system > /dev/null
	$(call TOOL,helm) template certwright charts/certwright --namespace certwright-system \
	  --set prometheus.rules.enabled=true,prometheus.dashboard.enabled=true | (cd hack/prometheus && $(GO) run . && $(GO) test -count=1 ./...)

.PHONY: diff
diff: ## Fail if the checkout has changes that are not committed.
	@git diff --exit-code -- . || { echo 'make check left changes: commit them (run make generate fmt)' >&2; exit 1; }
	@test -z "$$(git status --porcelain)" || { git status --short; echo 'make check left files that are not committed' >&2; exit 1; }

##@ Parts

.PHONY: control-plane
control-plane: ## Build etcd, kube-apiserver, kube-controller-manager and kubectl once (KUBEBUILDER_ASSETS set: nothing).
	@hack/kube/build.sh > /dev/null

.PHONY: dns-solver
dns-solver: ## Build the program of the DNS providers into bin/dns-solver, for the operator's flag --dns-solver.
	cd cmd/dns-solver && CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o ../../bin/dns-solver .

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (default 20s).
	@hack/fuzz.sh $(or $(FUZZTIME),20s)
