# gonetmon: `make` prints the targets.
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
FUZZTIME ?= 30s
FUZZ ?= .
TESTFLAGS ?=
PLATFORMS ?= linux/amd64,linux/arm64,linux/arm/v7
IMAGE ?= gonetmon:$(VERSION)
export CGO_ENABLED ?= 0
include check/versions

.DEFAULT_GOAL := help
.PHONY: help build run up down logs ps image test race bench fuzz check lint env licences notices reproducible sbom vuln clean

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/gonetmon, a static binary
	$(GO) build -trimpath -ldflags "-s -w -X main.release=$(VERSION)" -o bin/gonetmon ./app

run: build ## build and run it as root, with the variables of .env if there is one
	@set -a; if [ -f .env ]; then . ./.env; fi; \
	if [ "$$(id -u)" = 0 ]; then exec ./bin/gonetmon; else echo "sudo, for the right to listen:"; exec sudo -E ./bin/gonetmon; fi

up: ## docker compose up -d, and wait until all are healthy
	docker compose up -d --wait

down: ## stop the containers; what Prometheus and Grafana keep stays
	docker compose down

logs: ## what the containers say, from now on
	docker compose logs --tail 50 -f

ps: ## the containers and whether they are healthy
	docker compose ps -a

image: ## build IMAGE for all PLATFORMS, as an archive in bin/; needs buildx
	mkdir -p bin
	docker buildx build --platform $(PLATFORMS) -f docker/Dockerfile -t $(IMAGE) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --output type=oci,dest=bin/image.tar .

test: ## run all tests; what needs root, captures or a program says so and is skipped
	$(GO) vet ./...
	$(GO) test $(TESTFLAGS) ./...

race: ## run all tests with the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -timeout 20m $(TESTFLAGS) ./...

bench: ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

fuzz: ## run each fuzz target for FUZZTIME (30s), those that match FUZZ only
	@GO="$(GO)" FUZZTIME="$(FUZZTIME)" FUZZ="$(FUZZ)" check/fuzz.sh

check: ## everything that is checked of the stack: rules, dashboards, compose.yaml, images, all of it in Docker; Debian and root
	check/run

lint: ## run golangci-lint, with the floors of the house
	golangci-lint run ./...

env: ## write .env.example, README's table of variables and the manual's list of them anew
	$(GO) test ./app -run Documented -update

licences: ## check the licences of what is linked into the binary, and THIRD_PARTY_NOTICES
	cd check/licences && $(GO) test -count=1 ./...

notices: ## write THIRD_PARTY_NOTICES anew
	cd check/licences && $(GO) test -run TestNotices -update .

reproducible: ## build twice, in different surroundings, and compare
	@VERSION="$(VERSION)" check/reproducible.sh

sbom: build ## write bin/gonetmon.cdx.json, what bin/gonetmon consists of (CycloneDX)
	$(GO) run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX_GOMOD) bin -json -std -version $(VERSION) -output bin/gonetmon.cdx.json bin/gonetmon

vuln: ## look for known vulnerabilities that gonetmon can reach; asks vuln.go.dev, or GOVULNDB
	@GO="$(GO)" GOVULNCHECK=$(GOVULNCHECK) check/vuln.sh

clean: ## remove what was built
	rm -rf bin
