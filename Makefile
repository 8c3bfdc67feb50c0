# gonetmon: `make` prints the targets.
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
FUZZTIME ?= 30s
FUZZ ?= .
FAULTS ?= $(or $(TEST_FAULTS),long)
RUN ?= .
TESTFLAGS ?=
PLATFORMS ?= linux/amd64,linux/arm64,linux/arm/v7
IMAGE ?= gonetmon:$(VERSION)
export CGO_ENABLED ?= 0
include test/versions

.DEFAULT_GOAL := help
.PHONY: help build run up down logs ps image test race bench fuzz faults check lint env licences notices reproducible sbom vuln clean

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/gonetmon, a static binary
	$(GO) build -trimpath -ldflags "-s -w -X main.release=$(VERSION)" -o $(BINARY) ./app/cmd/gonetmon

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
	@GO="$(GO)" FUZZTIME="$(FUZZTIME)" FUZZ="$(FUZZ)" test/fuzz.sh

check: ## everything that is checked of the stack: rules, dashboards, compose.yaml, images, all of it in Docker; Debian and root
	test/run

faults: ## run the fault bench as root: an hour, and write docs/faults.md if TEST_CAPTURES is set; FAULTS=short: some minutes; RUN=NAME: some rows
	TEST_FAULTS=$(FAULTS) $(GO) test -count=1 -v -timeout 4h -parallel 6 -run 'TestFaults/$(RUN)' ./test/faults \
		-args $(if $(TEST_CAPTURES),$(if $(filter long.,$(FAULTS)$(RUN)),-write $(CURDIR)/docs/faults.md))

lint: ## run golangci-lint, with the floors of the house
	golangci-lint run ./...
	$(GO) run github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT) .github/workflows/*.yml

env: ## update .env.example, the table of docs/configuration.md and the manual's list of variables
	$(GO) test ./app/config -run Documented -update

licences: ## check the licences of what is linked into the binary, and THIRD_PARTY_NOTICES
	cd test/licences && $(GO) test -count=1 ./...

notices: ## write THIRD_PARTY_NOTICES anew
	cd test/licences && $(GO) test -run TestNotices -update .

reproducible: ## build twice, in different surroundings, and compare
	@VERSION="$(VERSION)" test/reproducible.sh

sbom: build ## write bin/gonetmon.cdx.json, what bin/gonetmon consists of (CycloneDX)
	$(GO) run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX_GOMOD) bin -json -std -version $(VERSION) -output bin/gonetmon.cdx.json bin/gonetmon

vuln: ## look for known vulnerabilities that gonetmon can reach; asks vuln.go.dev, or GOVULNDB
	@GO="$(GO)" GOVULNCHECK=$(GOVULNCHECK) test/vuln.sh

clean: ## remove what was built
	rm -rf bin

# Where `make install` puts things. DESTDIR is for packages: what is below it is taken for the machine's root.
PREFIX ?= /usr/local
DESTDIR ?=
BINARY ?= bin/gonetmon
bin_dir = $(DESTDIR)$(PREFIX)/bin
unit_dir = $(DESTDIR)$(PREFIX)/lib/systemd/system
man_dir = $(DESTDIR)$(PREFIX)/share/man/man8
doc_dir = $(DESTDIR)$(PREFIX)/share/doc/gonetmon
etc_dir = $(DESTDIR)/etc/gonetmon
units = gonetmon.service gonetmon.socket
examples = $(wildcard prometheus/*.yml prometheus/rules/*.yml grafana/dashboards/*.json grafana/provisioning/*/*.yaml)

.PHONY: install uninstall
install: ## install what `make build` has built below DESTDIR and PREFIX (/usr/local), with systemd's units and the manual; starts nothing
	@test -x $(BINARY) || { echo "$(BINARY): is not there; make build" >&2; exit 1; }
	install -d $(bin_dir) $(unit_dir) $(man_dir) $(etc_dir) $(addprefix $(doc_dir)/examples/,$(sort $(dir $(examples))))
	install -m 755 $(BINARY) $(bin_dir)/gonetmon
	for unit in $(units); do sed 's|/usr/local/bin/|$(PREFIX)/bin/|' systemd/$$unit >$(unit_dir)/$$unit && chmod 644 $(unit_dir)/$$unit || exit 1; done
	install -m 644 docs/gonetmon.8 $(man_dir)
	install -m 644 LICENSE THIRD_PARTY_NOTICES CHANGELOG.md $(doc_dir)
	for file in $(examples); do install -m 644 $$file $(doc_dir)/examples/$$file || exit 1; done
	install -m 644 .env.example $(doc_dir)/examples/gonetmon.env
	test -e $(etc_dir)/gonetmon.env || install -m 640 .env.example $(etc_dir)/gonetmon.env
	@test -n "$(DESTDIR)" || printf '%s\n' 'Next: say in /etc/gonetmon/gonetmon.env what to listen to, and' \
		'  systemctl daemon-reload && systemctl enable --now gonetmon'

uninstall: ## remove what `make install` has installed; /etc/gonetmon/gonetmon.env stays if it was changed
	@test -n "$(DESTDIR)" || ! systemctl is-active -q $(units) 2>/dev/null || \
		{ echo 'gonetmon is running: systemctl disable --now $(units)' >&2; exit 1; }
	if cmp -s $(etc_dir)/gonetmon.env $(doc_dir)/examples/gonetmon.env; then rm $(etc_dir)/gonetmon.env; fi
	rm -f $(bin_dir)/gonetmon $(addprefix $(unit_dir)/,$(units)) $(man_dir)/gonetmon.8
	rm -f $(addprefix $(doc_dir)/,LICENSE THIRD_PARTY_NOTICES CHANGELOG.md) $(addprefix $(doc_dir)/examples/,gonetmon.env $(examples))
	-test ! -d $(doc_dir) || find $(doc_dir) -depth -type d -exec rmdir --ignore-fail-on-non-empty {} +
	-test ! -d $(etc_dir) || rmdir --ignore-fail-on-non-empty $(etc_dir)
