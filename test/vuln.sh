#!/usr/bin/env bash
# Looks for known vulnerabilities in the functions that gonetmon calls, in its modules and in Go itself. Exit status 3: there are some;
# 1: the check failed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
GOBIN=$tool ${GO:-go} install "golang.org/x/vuln/cmd/govulncheck@${GOVULNCHECK:?}" # `go run` would turn every exit status into 1
status=0
"$tool/govulncheck" ${GOVULNDB:+-db "$GOVULNDB"} ./app/cmd/gonetmon || status=$?
case $status in
	0 | 3) exit $status ;;
esac
echo "vuln: govulncheck failed, so nothing is known. It needs https://vuln.go.dev; GOVULNDB names a copy, for example GOVULNDB=file:///srv/vulndb" >&2
exit 1
