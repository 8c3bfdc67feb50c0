#!/usr/bin/env bash
# Installs what the tests of the stack take and runs them all: compose.yaml, .env.example, the image, and the whole of it in a Docker
# engine of its own, inside a network namespace. Needs Debian, root and Go; GONETMON_CAPTURES, or ../shared/captures beside the
# repository, with the captures and their expected counts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
step() { printf '\n== %s (%s s)\n' "$1" "$SECONDS"; }

step 'packages'
export DEBIAN_FRONTEND=noninteractive
packages=()
for pair in dockerd:docker.io busybox:busybox-static qemu-arm-static:qemu-user-static ip:iproute2 tar:tar; do
	command -v "${pair%%:*}" >/dev/null || packages+=("${pair#*:}")
done
if [ ${#packages[@]} -gt 0 ]; then
	apt-get update -q >/dev/null
	# An engine that starts by itself would change the network of this machine.
	policy=/usr/sbin/policy-rc.d
	if [ ! -e $policy ]; then
		printf '#!/bin/sh\nexit 101\n' >$policy
		chmod +x $policy
		trap 'rm -f $policy' EXIT
	fi
	apt-get install -yq --no-install-recommends "${packages[@]}" ca-certificates >/dev/null
	command -v docker >/dev/null || apt-get install -yq --no-install-recommends docker-cli >/dev/null # newer releases have it apart
fi

step 'Prometheus, of the version that compose.yaml names'
GOBIN=$(go env GOPATH)/bin
export GOBIN PATH=$GOBIN:$PATH
version=$(sed -nE 's|^ *image: prom/prometheus:v3\.([0-9]+)\.([0-9]+)$|v0.3\1.\2|p' ../../compose.yaml) # v3.13.5 is v0.313.5 of the module
if ! go version -m "$GOBIN/prometheus" 2>/dev/null | grep -q "prometheus/prometheus	$version"; then
	scratch=$(mktemp -d) # its go.mod has replacements, which `go install PACKAGE@VERSION` refuses
	(cd "$scratch" && go mod init scratch && go get "github.com/prometheus/prometheus/cmd/prometheus@$version" &&
		go install github.com/prometheus/prometheus/cmd/prometheus) >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
	rm -rf "$scratch"
fi

step 'Compose, of the version that go.mod names'
export CGO_ENABLED=0
go build -o /dev/null github.com/docker/compose/v2/cmd

step 'tests, none skipped'
unformatted=$(gofmt -l .)
[ -z "$unformatted" ] || { echo "gofmt would change: $unformatted"; exit 1; }
go vet ./...
export GONETMON_TEST_DOCKER=1 GONETMON_CAPTURES=${GONETMON_CAPTURES:-$(realpath ../../../shared/captures)}
log=$(mktemp)
go test -count=1 -v -timeout 15m ./... >"$log" 2>&1 || { grep -v '^=== ' "$log"; exit 1; }
if grep -E -- '--- SKIP' "$log"; then echo 'skipped'; exit 1; fi
grep -vE '^(=== | *--- PASS|PASS)' "$log"
rm -f "$log"
step 'done'
