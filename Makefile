# gonetmon: `make` prints the targets.
GO ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
REVISION ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
FUZZTIME ?= 30s
FUZZ ?= .
FAULTS ?= long
DAYS ?= 30
SEED ?=
RUN ?= .
PACKAGES ?= ./...
TESTFLAGS ?=
PLATFORMS ?= linux/amd64,linux/arm64,linux/arm/v7
IMAGE ?= gonetmon:$(VERSION)
export CGO_ENABLED ?= 0
include test/versions

.DEFAULT_GOAL := help
.PHONY: help build run up down logs ps image test race bench fuzz faults home check lint env standalone licenses notices reproducible sbom release-snapshot vuln clean browser pictures

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/gonetmon, a static binary
	$(GO) build -trimpath -ldflags "-s -w -X main.release=$(VERSION) -X main.commit=$(REVISION)" -o $(BINARY) ./app/cmd/gonetmon

run: build ## build and run it as root, with the variables of .env if there is one
	@set -f; IFS=$$(printf '\n.'); IFS=$${IFS%.}; \
	for line in $$(sed -nE 's/^(\xef\xbb\xbf)?[[:space:]]*(export[[:space:]]+)?(GONETMON_[A-Z_]+|TZ)[[:space:]]*[=:](.*)/\3=\4/p' .env 2>/dev/null); \
		do export "$$line"; done; unset IFS; \
	if [ "$$(id -u)" = 0 ]; then exec ./bin/gonetmon; else echo "sudo, for the privilege to capture:"; exec sudo -E ./bin/gonetmon; fi

up: ## docker compose up -d, and wait until all containers are healthy; if one is not, print why
	@docker/check-env.sh && docker compose up -d && docker/wait.sh

down: ## stop the containers, Alertmanager too; the data of Prometheus and Grafana stays
	docker compose --profile alerts down

logs: ## follow the logs of the containers
	docker compose logs --tail 50 -f

ps: ## list the containers and their health
	docker compose ps -a

image: ## build IMAGE for all PLATFORMS, as an archive in bin/; needs buildx
	mkdir -p bin
	docker buildx build --platform $(PLATFORMS) -f docker/Dockerfile -t $(IMAGE) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --output type=oci,dest=bin/image.tar .

test: ## run all tests; those that need root, captures or another program are skipped, and say how to get it
	$(GO) vet $(PACKAGES)
	$(GO) test $(TESTFLAGS) $(PACKAGES)

race: ## run all tests with the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race -timeout 20m $(TESTFLAGS) $(PACKAGES)

bench: ## run the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem $(PACKAGES)

fuzz: ## run each fuzz target that matches FUZZ for FUZZTIME (30s)
	@GO="$(GO)" FUZZTIME="$(FUZZTIME)" FUZZ="$(FUZZ)" test/fuzz.sh

check: ## test the stack: rules, dashboards, compose.yaml and images, in Docker; needs Debian and root
	test/run

faults: ## run the fault bench as root for an hour, and write docs/faults.md if TEST_CAPTURES is set; FAULTS=short: for minutes; RUN=NAME: some rows
	TEST_FAULTS=$(FAULTS) $(GO) test -count=1 -v -timeout 4h -parallel 12 -run 'TestFaults/$(RUN)' ./test/faults \
		-args $(if $(TEST_CAPTURES),$(if $(filter long.,$(FAULTS)$(RUN)),-write $(CURDIR)/docs/faults.md))

browser: ## test the page in Chromium, and its accessibility with axe-core, which npm fetches; the test with the daemon needs root
	cd test/browser && $(GO) test -count=1 $(TESTFLAGS) .

pictures: ## write pictures of the page with a simulated home to bin/pictures, in all sizes, and docs/page.png; needs Chromium
	cd test/browser && $(GO) run ./pictures $(CURDIR)/bin/pictures $(CURDIR)/docs/page.png

home: ## simulate four homes for DAYS (30), or that of SEED, and print what was counted for the wrong device; some minutes each
	TEST_HOME=long $(GO) test -count=1 -v -timeout 4h -run TestHome ./test/home -args -days $(DAYS) $(if $(SEED),-seed $(SEED))

lint: ## run golangci-lint, which also checks what each package may import, and actionlint
	golangci-lint run ./...
	$(GO) run github.com/rhysd/actionlint/cmd/actionlint@$(ACTIONLINT) .github/workflows/*.yml

env: ## update .env.example, the table of docs/configuration.md and the manual's list of variables
	$(GO) test ./app/config -run Documented -update

standalone: ## update docker/compose.standalone.yaml and docker/compose.gonetmon.yaml from compose.yaml
	cd test/stack && $(GO) test -run Standalone_IsCurrent -update .

licenses: ## check the licenses of everything linked into the binary, and THIRD_PARTY_NOTICES
	cd test/licenses && $(GO) test -count=1 ./...

notices: ## update THIRD_PARTY_NOTICES
	cd test/licenses && $(GO) test -run TestNotices -update .

reproducible: ## build twice, in different environments, and compare
	@VERSION="$(VERSION)" test/reproducible.sh

sbom: build ## write bin/gonetmon.cdx.json, the bill of materials of bin/gonetmon (CycloneDX)
	$(GO) run github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$(CYCLONEDX_GOMOD) bin -json -std -version $(VERSION) -output bin/gonetmon.cdx.json bin/gonetmon

release-snapshot: ## build what a release consists of into dist/: archives, .deb packages, bills of materials, notes and checksums
	rm -rf dist && mkdir dist
	@GO="$(GO)" VERSION="$(VERSION)" systemd/release.sh dist

vuln: ## look for known vulnerabilities that affect gonetmon; asks vuln.go.dev, or GOVULNDB
	@GO="$(GO)" GOVULNCHECK=$(GOVULNCHECK) test/vuln.sh

clean: ## remove what was built
	rm -rf bin dist

# Where `make install` puts things. DESTDIR is for packages: it stands for the root directory of the target machine.
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
install: ## install bin/gonetmon, the systemd units and the manual below DESTDIR and PREFIX (/usr/local); starts nothing
	@test -x $(BINARY) || { echo "$(BINARY) does not exist; run make build" >&2; exit 1; }
	install -d $(bin_dir) $(unit_dir) $(man_dir) $(etc_dir) $(addprefix $(doc_dir)/examples/,$(sort $(dir $(examples))))
	install -m 755 $(BINARY) $(bin_dir)/gonetmon
	for unit in $(units); do sed 's|/usr/local/bin/|$(PREFIX)/bin/|' systemd/$$unit >$(unit_dir)/$$unit && chmod 644 $(unit_dir)/$$unit || exit 1; done
	install -m 644 docs/gonetmon.8 $(man_dir)
	install -m 644 LICENSE THIRD_PARTY_NOTICES CHANGELOG.md $(doc_dir)
	for file in $(examples); do install -m 644 $$file $(doc_dir)/examples/$$file || exit 1; done
	install -m 644 .env.example $(doc_dir)/examples/gonetmon.env
	test -e $(etc_dir)/gonetmon.env || install -m 640 .env.example $(etc_dir)/gonetmon.env
	@test -n "$(DESTDIR)" || printf '%s\n' 'Next: set the interface in /etc/gonetmon/gonetmon.env, and run' \
		'  systemctl daemon-reload && systemctl enable --now gonetmon'

uninstall: ## remove what `make install` has installed; /etc/gonetmon/gonetmon.env stays if it was edited
	@test -n "$(DESTDIR)" || ! systemctl is-active -q $(units) 2>/dev/null || \
		{ echo 'gonetmon is running: systemctl disable --now $(units)' >&2; exit 1; }
	if cmp -s $(etc_dir)/gonetmon.env $(doc_dir)/examples/gonetmon.env; then rm $(etc_dir)/gonetmon.env; fi
	rm -f $(bin_dir)/gonetmon $(addprefix $(unit_dir)/,$(units)) $(man_dir)/gonetmon.8
	rm -f $(addprefix $(doc_dir)/,LICENSE THIRD_PARTY_NOTICES CHANGELOG.md) $(addprefix $(doc_dir)/examples/,gonetmon.env $(examples))
	-test ! -d $(doc_dir) || find $(doc_dir) -depth -type d -exec rmdir --ignore-fail-on-non-empty {} +
	-test ! -d $(etc_dir) || rmdir --ignore-fail-on-non-empty $(etc_dir)
