#!/usr/bin/env bash
# Builds the commit that is checked out twice, and what a release consists of, and compares. The two builds have different folders, caches,
# time zones and umasks. The same commit, built with the same programs, must give the same bytes. VERSION is the version of both.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
VERSION=${VERSION:?the version to build, for example VERSION=v1.2.3}
scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT

build() { # directory, cache, umask, time zone
	git -c safe.directory='*' clone -q . "$1"
	(
		cd "$1"
		umask "$3"
		export TZ=$4 GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
		env ${2:+GOCACHE="$2"} LC_ALL=C make -s build VERSION="$VERSION"
		make -s release-snapshot VERSION="$VERSION" >&2
	)
	sha256sum <"$1/bin/gonetmon" | cut -d' ' -f1
}

git diff --quiet HEAD || echo 'uncommitted changes are not built'
# The first uses the caller's cache, which earlier builds have filled. The second compiles everything that is in the binary.
one=$scratch/one two=$scratch/a/deeper/folder/two
first=$(build "$one" '' 022 UTC)
second=$(build "$two" "$scratch/cache" 077 Pacific/Auckland)
echo "$first $VERSION, $(git -c safe.directory='*' rev-parse --short=12 HEAD), $(go version | cut -d' ' -f3,4)"
if [ "$first" != "$second" ]; then
	echo "$second the second time: the build is not reproducible" >&2
	go version -m "$one/bin/gonetmon" "$two/bin/gonetmon" >&2
	exit 1
fi
cat "$one/dist/SHA256SUMS"
diff -r "$one/dist" "$two/dist" || { echo 'the release is not reproducible' >&2; exit 1; }
