# The workshop. `make` alone lists what there is.

SHELL := /bin/bash

GOLANGCI_VERSION    := 2.13.1
GOVULNCHECK_VERSION := 1.9.0
BENCHSTAT_VERSION   := 0.0.0-20260908200009-22c9c6c9d4da
FUZZTIME            ?= 10s
KILLS               ?= 100
SOAK                ?= 10m

# The packages that decide what people are told, and how much of each its own tests must run, in percent.
COVERED  := cometchat engine rules
COVERAGE := 90

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null)

# The version is passed in above, and stamping by Go itself fails in a checkout that another user owns.
export GOFLAGS := $(shell go env GOFLAGS) -buildvcs=false

GOLANGCI    := bin/golangci-lint-$(GOLANGCI_VERSION)
GOVULNCHECK := bin/govulncheck-$(GOVULNCHECK_VERSION)
BENCHSTAT   := bin/benchstat-$(BENCHSTAT_VERSION)

# The race detector watches everything but SQLite's own code, which is C made into Go, shares nothing with us but through its
# Go driver (which is watched), and takes three times as long when it is watched.
RACE := -race -gcflags=modernc.org/sqlite/lib=-race=false

# What the tests depend on: go files, and the files that they read.
SOURCES := go.mod go.sum CONTRIBUTING.md $(wildcard rules*.yaml) \
           $(shell find cmd internal templates -type f 2>/dev/null)

.PHONY: help
help: ## list these commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: ## vet, then every test with the race detector
	@.ci/need cc curl postgres promtool browser
	go vet ./...
	CGO_ENABLED=1 go test $(RACE) -shuffle=on -timeout 40m ./...
	@$(MAKE) --no-print-directory k8s-check

# Without the race detector, which would find nothing here and take its time.
.PHONY: k8s-check
k8s-check: ## build deploy/ in every combination, and hold it against the schemas of Kubernetes and rules of our own
	@.ci/need schemas
	go test ./internal/manifests

.PHONY: manifests
manifests: ## write anew what deploy/ has of rules.yaml, templates/ and the alerts in the form of Kubernetes
	@.ci/manifests

coverage.out: $(SOURCES)
	go test -coverprofile=$@ $(COVERED:%=./internal/%)

.PHONY: cover
cover: coverage.out ## check the coverage of the deciding packages
	@.ci/cover coverage.out $(COVERAGE) $(COVERED)

.PHONY: build
build: ## build bin/beckon
	CGO_ENABLED=0 go build -ldflags "-X main.version=$(VERSION) -X main.commit=$(REVISION)" -o bin/beckon ./cmd/beckon

.PHONY: fmt
fmt: $(GOLANGCI) ## format the code and its imports
	$(GOLANGCI) fmt

.PHONY: lint
lint: $(GOLANGCI) ## lint; the first run builds the linter, which takes minutes
	$(GOLANGCI) run ./...

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME
	@.ci/fuzz $(FUZZTIME)

.PHONY: bench
bench: $(BENCHSTAT) ## measure everything on a quiet machine, for half an hour, and write docs/performance.md; BENCH="--quick" only tries it
	@.ci/need postgres
	go run ./cmd/bench --benchstat $(BENCHSTAT) $(if $(findstring --quick,$(BENCH)),,--write) $(BENCH)

.PHONY: screenshots
screenshots: ## take the pictures of the README anew; look at each before it goes in
	@.ci/need browser
	mkdir -p docs/images
	BECKON_SCREENSHOTS=$(CURDIR)/docs/images go test ./cmd/beckon -run TestScreenshots -count=1

.PHONY: chaos
chaos: ## kill relays at random, KILLS times on SQLite and as often on PostgreSQL, while the vendors misbehave; prints counts
	@.ci/need cc postgres
	BECKON_CHAOS_KILLS=$(KILLS) go test ./cmd/beckon -run TestChaos -v -count=1 -timeout 60m

.PHONY: soak
soak: ## half of the capacity for ten minutes; prints the memory minute by minute
	BECKON_SOAK=$(SOAK) go test -tags soak ./cmd/beckon -run TestSoak -v -count=1 -timeout 30m

.PHONY: vuln
vuln: $(GOVULNCHECK) ## look for known vulnerabilities; needs the database on the network
	@$(GOVULNCHECK) ./... || { code=$$?; [ $$code -eq 3 ] || \
		echo "vuln: NOTHING WAS CHECKED: the database (GOVULNDB, else vuln.go.dev) or the code could not be read" >&2; exit $$code; }

.PHONY: image
image: ## build the container image beckon:VERSION with buildah, podman or docker; pulls nothing
	@.ci/image $(VERSION) $(REVISION)

.PHONY: image-check
image-check: ## build the image twice from two folders, and fail unless all in it is the same; for arm64 too; lint the Dockerfile
	@.ci/need buildah
	@.ci/image-check $(VERSION) $(REVISION)

.PHONY: container-check
container-check: ## run the image locked up as in a pod: webhooks, swaps of a ConfigMap, SIGTERM under load; takes minutes
	@.ci/need buildah podman
	@.ci/image $(VERSION) $(REVISION)
	BECKON_IMAGE=beckon:$(VERSION) go test -tags container ./cmd/beckon -run 'TestTheImage|InTheContainer|TestTermUnderLoad' -v -count=1 -timeout 20m

.PHONY: clean
clean: ## remove what these commands made
	rm -rf bin coverage.out

# A tool's version is part of its file name, so a new one here builds a new one there.
$(GOLANGCI):
	GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v$(GOLANGCI_VERSION)
	mv bin/golangci-lint $@

$(GOVULNCHECK):
	GOBIN=$(CURDIR)/bin go install golang.org/x/vuln/cmd/govulncheck@v$(GOVULNCHECK_VERSION)
	mv bin/govulncheck $@

$(BENCHSTAT):
	GOBIN=$(CURDIR)/bin go install golang.org/x/perf/cmd/benchstat@v$(BENCHSTAT_VERSION)
	mv bin/benchstat $@
