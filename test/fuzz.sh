#!/usr/bin/env bash
# Runs the fuzz targets of app/ whose package and name match FUZZ, one after another, each for FUZZTIME, and prints how often each was
# executed. Go keeps an input that fails in the package's testdata/fuzz: put it into a test of its own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
GO=${GO:-go} FUZZTIME=${FUZZTIME:-30s} FUZZ=${FUZZ:-.}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
summary=() failed=0
for package in $($GO list ./app/...); do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "${package#*/}"/*_test.go 2>/dev/null); do
		[[ "$package $target" =~ $FUZZ ]] || continue
		echo "$package $target"
		verdict=ok
		# Minimizing ends after a second, so that one slow input does not delay the others.
		$GO test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" -fuzzminimizetime 1s ${FUZZFLAGS:-} "$package" 2>&1 | tee "$log" || verdict=FAILED
		# The time may end during an execution, which Go before 1.27 may report as a failure (go.dev/issue/75804).
		if [ $verdict = FAILED ] && grep -q '^    context deadline exceeded$' "$log" && ! grep -q 'Failing input written' "$log"; then
			verdict=ok
		fi
		[ $verdict = ok ] || failed=1
		count=$(sed -n 's/.*execs: \([0-9]*\).*/\1/p' "$log" | tail -1)
		summary+=("$(printf '%12s  %-6s  %s %s' "${count:-seeds}" $verdict "${package#*/}" "$target")")
	done
done
[ ${#summary[@]} -gt 0 ] || { echo "FUZZ=$FUZZ: no target matches; for example FUZZ=names"; exit 1; }
printf '\n%12s  %-6s  %s\n' executions '' target
printf '%s\n' "${summary[@]}"
exit $failed
