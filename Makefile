# Everything that one does to Daybook. `make` alone lists it.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

GO ?= go
# Whose tests run under the race detector too: everything that starts goroutines.
RACE := $(patsubst %,./%/...,$(wildcard collector projector pricer ledger api internal/bus internal/stage internal/service))
# What `make generate` writes, and `make verify` compares with what is committed.
GENERATED := proto schemas internal/lab/demo
FUZZTIME ?= 20s
# A test runs the real nats CLI against `daybook up`.
export DAYBOOK_NATS_CLI := $(CURDIR)/bin/nats

# $(call need,program,how to install it)
need = command -v $(1) >/dev/null || { echo "make $@ needs $(1), which is not installed: $(2)" >&2; exit 1; }
need_go = $(call need,$(GO),Go 1.26 or newer$(comma) see https://go.dev/doc/install)
need_npm = $(call need,npm,apt-get install npm (Debian)$(comma) brew install node (macOS))
# Tests run a real RabbitMQ and OpenStack's own notifier and Trove. The server's own service is not needed and may be off.
need_rabbitmq = [ -x /usr/lib/rabbitmq/bin/rabbitmq-server ] && /usr/bin/python3 -c 'import oslo_messaging, trove' 2>/dev/null || { \
	echo "make $@ needs RabbitMQ, oslo.messaging and Trove: apt-get install --no-install-recommends rabbitmq-server python3-oslo.messaging python3-trove (Debian)" >&2; exit 1; }
comma := ,

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Run Daybook with a month of believable usage, and show the bill
	@$(need_go)
	$(GO) run ./cmd/daybook up --demo

.PHONY: test
test: bin/nats ## Run all tests; what has goroutines also under the race detector
	@$(need_go)
	@$(need_rabbitmq)
	$(GO) vet ./...
	$(GO) test ./...
	$(GO) test -race $(RACE)

.PHONY: lint
lint: bin/golangci-lint ## Check style and likely mistakes (.golangci.yml)
	bin/golangci-lint run ./...

.PHONY: generate
generate: ## Write the generated files: Go and JSON Schema from proto/, the demo's input
	@$(need_go)
	@$(need_npm)
	$(GO) -C tools/generate run .
	$(GO) run ./internal/lab/demo/gen

.PHONY: verify
verify: generate bin/gofumpt ## Check generated files, messages against the released ones, formatting, go.mod
	@$(call need,git,apt-get install git (Debian))
	@changed=$$(git status --porcelain -- $(GENERATED)); [ -z "$$changed" ] || { \
		git --no-pager diff --stat -- $(GENERATED) >&2; \
		printf '%s\n' "$$changed" "These files differ from what is committed: commit what make generate writes." >&2; exit 1; }
	@unformatted=$$(git ls-files '*.go' ':!:*.pb.go' | xargs bin/gofumpt -l); [ -z "$$unformatted" ] || { \
		printf '%s\n' "$$unformatted" "These files are not formatted: bin/gofumpt -w FILE" >&2; exit 1; }
	$(GO) -C tools/generate run . check
	$(GO) mod tidy -diff
	$(GO) mod verify

.PHONY: bench
bench: bin/benchstat ## Run the benchmarks and summarise them in bin/bench.txt
	$(GO) test -run '^$$' -bench . -benchmem -count 5 ./... | tee bin/bench.txt
	bin/benchstat bin/bench.txt

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (20s)
	@$(need_go)
	@for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

# The tools, at the versions of tools/go.mod and tools/lint/go.mod.
bin/nats: TOOL := github.com/nats-io/natscli/nats
bin/gofumpt: TOOL := mvdan.cc/gofumpt
bin/benchstat: TOOL := golang.org/x/perf/cmd/benchstat
bin/nats bin/gofumpt bin/benchstat: tools/go.mod tools/go.sum
	@$(need_go)
	$(GO) -C tools build -o ../$@ $(TOOL)

bin/golangci-lint: tools/lint/go.mod tools/lint/go.sum
	@$(need_go)
	$(GO) -C tools/lint build -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
