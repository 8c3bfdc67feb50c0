#!/usr/bin/env bash
# Tests the files in this folder. It needs promtool and amtool in the PATH, in the versions of the images: `make check` builds them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# The configuration refers to the rules by their installed path: test a copy that refers to them here.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R rules "$copy/"
sed 's|/etc/prometheus/||' prometheus.yml >"$copy/prometheus.yml"
promtool check config --lint=all --lint-fatal "$copy/prometheus.yml"
promtool check rules --lint=all --lint-fatal rules/*.yml
promtool test rules rules/tests/*.yml

# The container replaces these addresses by its own, so each must appear once.
for address in 127.0.0.1:8080 127.0.0.1:9090 127.0.0.1:9093; do
	if [ "$(grep -v '^ *#' prometheus.yml | grep -oF "$address" | wc -l)" != 1 ]; then
		echo "prometheus.yml: $address does not appear exactly once" >&2
		exit 1
	fi
done

amtool check-config alertmanager.yml
