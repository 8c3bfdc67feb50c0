#!/usr/bin/env bash
# Runs the fuzz targets of app/ whose package and name match FUZZ, as many beside each other as there are processors, each for
# FUZZTIME, and prints how often each was executed. Go keeps an input that fails in the package's testdata/fuzz: put it into a test
# of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GO=${GO:-go} FUZZTIME=${FUZZTIME:-30s} FUZZ=${FUZZ:-.}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cache=$($GO env GOCACHE)/fuzz
export scratch cache

# build compiles the tests of each package once, and prints its targets as soon as they can run. Only gonetmon's own packages are
# instrumented for coverage (go test -fuzz would recompile all dependencies too).
build() {
	local package target targets
	for package in $($GO list ./app/...); do
		targets=()
		for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "${package#*/}"/*_test.go 2>/dev/null); do
			[[ "$package $target" =~ $FUZZ ]] && targets+=("$target")
		done
		[ ${#targets[@]} -gt 0 ] || continue
		$GO test -c -gcflags 'gonetmon/...=-d=libfuzzer' -o "$scratch/${package//\//.}" "$package" >&2 || { echo "$package build" >>"$scratch/failed"; continue; }
		printf "$package %s\n" "${targets[@]}"
	done
}

# run runs one target of one package.
run() {
	local package=$1 target=$2 log verdict=ok count
	log=$scratch/${package//\//.}.$target
	# Minimizing ends after a second, so that one slow input does not delay the others.
	(cd "${package#*/}" && "$scratch/${package//\//.}" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$FUZZTIME" \
		-test.fuzzminimizetime 1s -test.fuzzcachedir "$cache/$package" -test.parallel 1) >"$log" 2>&1 || verdict=FAILED
	# The time may end during an execution, which Go before 1.27 may report as a failure (go.dev/issue/75804).
	if [ $verdict = FAILED ] && grep -q '^    context deadline exceeded$' "$log" && ! grep -q 'Failing input written' "$log"; then
		verdict=ok
	fi
	if [ $verdict = FAILED ]; then
		cat "$log" >&2
		echo "$package $target" >>"$scratch/failed"
	fi
	count=$(sed -n 's/.*execs: \([0-9]*\).*/\1/p' "$log" | tail -1)
	printf '%12s  %-6s  %s %s\n' "${count:-seeds}" $verdict "${package#*/}" "$target"
}
export -f run

printf '%12s  %-6s  %s\n' executions '' target
build | xargs -r -P "$(nproc)" -L 1 bash -c 'run "$0" "$1"' | tee "$scratch/summary"
[ -s "$scratch/summary" ] || [ -e "$scratch/failed" ] || { echo "FUZZ=$FUZZ: no target matches; for example FUZZ=names"; exit 1; }
[ ! -e "$scratch/failed" ]
