#!/usr/bin/env bash
# Tests what is in this folder. It needs promtool and amtool on the PATH, of the versions that compose.yaml names: `make check` builds them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# The configuration names its rules by where they are once they are installed: test a copy that names them by where they are here.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R rules "$copy/"
sed 's|/etc/prometheus/||' prometheus.yml >"$copy/prometheus.yml"
promtool check config --lint=all --lint-fatal "$copy/prometheus.yml"
promtool check rules --lint=all --lint-fatal rules/*.yml
promtool test rules rules/tests/*.yml

# The container puts in its own ports by these, each of which is to stand once.
for address in 127.0.0.1:8080 127.0.0.1:9090 127.0.0.1:9093; do
	if [ "$(grep -v '^ *#' prometheus.yml | grep -oF "$address" | wc -l)" != 1 ]; then
		echo "prometheus.yml: $address does not stand there exactly once" >&2
		exit 1
	fi
done

amtool check-config alertmanager.yml
