# gonetmon: `make` prints the targets.
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
FUZZTIME ?= 30s
TESTFLAGS ?=
export CGO_ENABLED ?= 0

.DEFAULT_GOAL := help
.PHONY: help build run test race bench fuzz lint env clean

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/gonetmon, a static binary
	$(GO) build -trimpath -ldflags "-s -w -X main.release=$(VERSION)" -o bin/gonetmon ./app

run: build ## build and run it as root, with the variables of .env if there is one
	@set -a; if [ -f .env ]; then . ./.env; fi; \
	if [ "$$(id -u)" = 0 ]; then exec ./bin/gonetmon; else echo "sudo, for the right to listen:"; exec sudo -E ./bin/gonetmon; fi

test: ## run all tests; what needs root, captures or a program says so and is skipped
	$(GO) vet ./...
	$(GO) test $(TESTFLAGS) ./...

race: ## run all tests with the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -timeout 20m $(TESTFLAGS) ./...

bench: ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

fuzz: ## run each fuzz target for FUZZTIME (30s)
	@set -e; for package in $$($(GO) list ./...); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s $$package; \
		done; \
	done

lint: ## run golangci-lint, with the floors of the house
	golangci-lint run ./...

env: ## write .env.example and README's table of variables anew
	$(GO) test ./app -run TestConfigDocumented -update

clean: ## remove what was built
	rm -rf bin
