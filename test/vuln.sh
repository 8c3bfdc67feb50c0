#!/usr/bin/env bash
# Looks for known vulnerabilities in what gonetmon calls, of its modules and of Go itself. Exit status 3: there are some; 1: not known.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
GOBIN=$tool ${GO:-go} install "golang.org/x/vuln/cmd/govulncheck@${GOVULNCHECK:?}" # `go run` would make one of all exit statuses
status=0
"$tool/govulncheck" ${GOVULNDB:+-db "$GOVULNDB"} ./app/cmd/gonetmon || status=$?
case $status in
	0 | 3) exit $status ;;
esac
echo "vuln: nothing is known, as govulncheck did not get through. It needs https://vuln.go.dev; GOVULNDB names a copy, for example GOVULNDB=file:///srv/vulndb" >&2
exit 1
