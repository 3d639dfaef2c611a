# Everything that one does to Daybook. `make` alone lists it.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

GO ?= go
# The packages that start goroutines are tested under the race detector, all others without; first the longest of
# each, which the others run beside.
RACE = ./collector/trove $(shell $(GO) list ./... | grep -E '$(GOROUTINES)' | grep -v '/collector/trove$$')
PLAIN = ./internal/lab/e2e $(shell $(GO) list ./... | grep -vE '$(GOROUTINES)|/internal/lab/e2e$$')
GOROUTINES := /(collector|pricer|ledger|api|internal/bus|internal/stage|internal/service|internal/cfapi)(/|$$)
# What `make generate` writes, and `make verify` compares with what is committed.
GENERATED := proto schemas internal/lab/demo
FUZZTIME ?= 20s
# How often `make proof` lives by a seed, kills, cuts the power, and how many batches go to a cluster with other
# leaders; internal/lab/scale says more.
SEEDS ?= 240
KILLS ?= 20
CUTS ?= 50
BATCHES ?= 200
FIGURES := $(CURDIR)/bin/proof.txt
# Some tests run the real nats CLI; test-short builds none, and leaves them out.
test proof: export DAYBOOK_NATS_CLI := $(CURDIR)/bin/nats

# $(call need,things) ends the target unless the machine has them, and names all that it lacks.
need = @.ci/need "make $(or $(MAKECMDGOALS),$@)" $(1)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: ## Run Daybook with months of believable usage, and show the bill; ARGS="--http :9464" adds flags
	$(call need,go)
	@printf 'Building Daybook: the first time this takes minutes, and names each package.\n' >&2
	@$(GO) build -v -o bin/daybook ./cmd/daybook
	@# On a terminal Ctrl-C stops Daybook alone, which drains, and make ends with its status.
	@[ ! -t 0 ] || set -m; status=0; bin/daybook up --demo $(ARGS) || status=$$?; exit $$status

# A test waits for what happens, not for time to pass: only a hang comes near these limits.
.PHONY: test-short
test-short: needs-go ## Run the tests that need no broker and kill nothing: 2 min from cold, the aim is 90 s
	$(GO) test -short -timeout 15m ./...

.PHONY: test
test: needs-test bin/nats ## Run all tests, with goroutines under the race detector: 10 min on two cores
	$(GO) vet ./...
	@# Side by side, for the tests that kill and restart leave a core idle.
	$(MAKE) -j2 test-plain test-race

.PHONY: test-plain test-race
test-plain:
	$(GO) test -timeout 60m $(PLAIN)
test-race:
	$(GO) test -race -timeout 60m $(RACE)

.PHONY: proof
proof: needs-test bin/nats ## Run the tests with seeds and kills as often as the project is judged by, and print figures
	rm -f $(FIGURES)
	DAYBOOK_SEEDS=$(SEEDS) DAYBOOK_KILLS=$(KILLS) DAYBOOK_CUTS=$(CUTS) DAYBOOK_BATCHES=$(BATCHES) \
		DAYBOOK_FIGURES=$(FIGURES) \
		$(GO) test -count 1 -timeout 180m \
		./cmd/daybook ./internal/stage ./ledger/postgres ./internal/lab/proof ./internal/lab/e2e ./internal/lab/schedule
	@cat $(FIGURES)

.PHONY: needs-go needs-test needs-verify
needs-go:
	$(call need,go)
needs-test:
	$(call need,go git gcc rabbitmq postgresql logrotate chromium)
needs-verify:
	$(call need,go git npm promtool)

.PHONY: screenshots
screenshots: ## Write every page with the demo's data into bin/screenshots: wide and narrow, light and dark
	$(call need,go chromium)
	DAYBOOK_SCREENSHOTS=$(CURDIR)/bin/screenshots $(GO) test -count 1 -run TestDaybook ./cmd/daybook -ginkgo.focus 'To the eye'
	@ls bin/screenshots

.PHONY: lint
lint: bin/golangci-lint ## Check style and likely mistakes (.golangci.yml)
	bin/golangci-lint run ./...

.PHONY: generate
generate: ## Write the generated files: Go and JSON Schema from proto/, the demo's input
	$(call need,go npm)
	$(GO) -C tools/generate run .
	$(GO) run ./internal/lab/demo/gen

.PHONY: verify
verify: needs-verify generate bin/gofumpt ## Check generated files, messages against the released ones, formatting, go.mod, alerts
	@changed=$$(git status --porcelain -- $(GENERATED)); [ -z "$$changed" ] || { \
		git --no-pager diff --stat -- $(GENERATED) >&2; \
		printf '%s\n' "$$changed" "These files differ from what is committed: commit what make generate writes." >&2; exit 1; }
	@unformatted=$$(git ls-files '*.go' ':!:*.pb.go' | xargs bin/gofumpt -l); [ -z "$$unformatted" ] || { \
		printf '%s\n' "$$unformatted" "These files are not formatted: bin/gofumpt -w FILE" >&2; exit 1; }
	$(GO) -C tools/generate run . check
	$(GO) mod tidy -diff
	$(GO) mod verify
	promtool check rules deploy/prometheus/daybook.rules.yaml
	promtool test rules deploy/prometheus/daybook.test.yaml

.PHONY: bench
bench: ## Measure the program: one table of ratios; OLD=program an earlier one, too, CHARGES=10000000 a large ledger
	$(call need,go)
	$(GO) build -o bin/daybook ./cmd/daybook
	$(GO) run ./internal/lab/bench $(if $(OLD),-old $(OLD)) $(if $(CHARGES),-charges $(CHARGES)) \
		$(if $(KEEP),-keep $(KEEP)) $(if $(ONLY),-only $(ONLY)) bin/daybook

.PHONY: microbench
microbench: bin/benchstat ## Run the packages' benchmarks and summarise them in bin/bench.txt
	$(GO) test -run '^$$' -bench . -benchmem -count 5 ./... | tee bin/bench.txt
	bin/benchstat bin/bench.txt

.PHONY: compare
compare: ## Compare the streams of this program with those of OLD=program, in the demo and WORLDS (20) worlds
	$(call need,go)
	@[ -x "$(OLD)" ] || { echo "make compare: OLD=$(OLD) is no program: build the version to compare with" \
		"(git worktree add /tmp/old COMMIT && go -C /tmp/old build -o /tmp/daybook-old ./cmd/daybook)" \
		"and give OLD=/tmp/daybook-old" >&2; exit 1; }
	$(GO) build -o bin/daybook ./cmd/daybook
	$(GO) run ./internal/lab/compare/run -worlds $(or $(WORLDS),20) $(OLD) bin/daybook

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (20s)
	$(call need,go)
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
	$(call need,go)
	$(GO) -C tools build -o ../$@ $(TOOL)

bin/golangci-lint: tools/lint/go.mod tools/lint/go.sum
	$(call need,go)
	$(GO) -C tools/lint build -o ../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
