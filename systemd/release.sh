#!/usr/bin/env bash
# release.sh FOLDER [ARCH...]: builds what a release consists of: for each processor an archive, a Debian package and a bill of materials
# (CycloneDX), then the notes and the checksums. ARCH is Debian's name of a processor. VERSION is the version. The same commit, built
# with the same programs, gives the same bytes.
set -euo pipefail
dist=$(realpath "${1:?the folder for the results}")
shift
[ $# -gt 0 ] || set -- amd64 arm64 armhf
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. test/versions
VERSION=${VERSION:?for example v1.2.3}
version=${VERSION#v}
GO=${GO:-go}
umask 022
export LC_ALL=C SOURCE_DATE_EPOCH MAINTAINER
SOURCE_DATE_EPOCH=$(git -c safe.directory='*' log -1 --format=%ct)
MAINTAINER=$(git -c safe.directory='*' log -1 --format='%an <%ae>')
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Debian's order of versions: 1.2.3~rc.1 comes before 1.2.3, and 1.2.3+4.gcommit after. Without any tag the time makes the order.
debian_version=$(sed -E 's/-dirty$/+dirty/; s/-([0-9]+)-g([0-9a-f]+)/+\1.g\2/; s/-/~/g' <<<"$version")
case $VERSION in v[0-9]*) ;; *) debian_version=0~$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).$debian_version ;; esac

# section prints a section of the changelog, one line a paragraph: GitHub shows line breaks as they are. The heading is a pattern.
section() {
	HEADING=$1 awk '
		/^## / { inside = tolower($0) ~ ENVIRON["HEADING"]; next }
		!inside { next }
		/^ *[^ -]/ && text != "" { sub(/^ */, ""); text = text " " $0; next }
		{ if (text != "" || begun) print text; begun = begun || text != ""; text = $0 }
		END { if (text != "") print text }' CHANGELOG.md
}

# A release has a section of its own. Any other version, 1.2.3-rc.1 too, may have that of what is to come.
section "^## ${version//./\\.} \\([0-9-]+\\)" >"$dist/NOTES.md"
if [ ! -s "$dist/NOTES.md" ]; then
	[[ ! $VERSION =~ ^v[0-9.]+$ ]] || { echo "CHANGELOG.md has no heading \"## $version (DATE)\"" >&2; exit 1; }
	section 'unreleased' >"$dist/NOTES.md"
fi

archive() { # the files of `make install`, below a folder with the name of the archive
	local name=gonetmon_${version}_linux_$1
	make -s install BINARY="$binary" PREFIX=/usr/local DESTDIR="$scratch/$name"
	tar -C "$scratch" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --format=gnu -c "$name" |
		gzip -9n >"$dist/$name.tar.gz"
}

debian_package() { # the same files, and what Debian expects of them
	local arch=$1 root=$scratch/$1.deb
	make -s install BINARY="$binary" PREFIX=/usr DESTDIR="$root"
	local doc=$root/usr/share/doc/gonetmon
	gzip -9n "$root/usr/share/man/man8/gonetmon.8" "$doc/CHANGELOG.md"
	mv "$doc/CHANGELOG.md.gz" "$doc/changelog.gz"
	cat "$doc/LICENSE" "$doc/THIRD_PARTY_NOTICES" >"$doc/copyright"
	rm "$doc/LICENSE" "$doc/THIRD_PARTY_NOTICES"
	ROOT=$root ARCH=$arch VERSION=$debian_version "$GO" run "github.com/goreleaser/nfpm/v2/cmd/nfpm@$NFPM" package \
		--config systemd/deb/nfpm.yaml --packager deb --target "$dist/gonetmon_${version}_$arch.deb" >"$scratch/nfpm" ||
		{ cat "$scratch/nfpm" >&2; return 1; }
}

for arch in "$@"; do
	case $arch in armhf) processor=armv7 goarch=arm ;; *) processor=$arch goarch=$arch ;; esac
	binary=$scratch/$arch/gonetmon
	GOOS=linux GOARCH=$goarch GOARM=7 make -s build VERSION="$VERSION" BINARY="$binary"
	archive "$processor"
	debian_package "$arch"
	"$GO" run "github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@$CYCLONEDX_GOMOD" bin -json -std -noserial -notimestamp \
		-version "$VERSION" -output "$dist/gonetmon_${version}_linux_$processor.cdx.json" "$binary" 2>"$scratch/sbom" ||
		{ cat "$scratch/sbom" >&2; exit 1; }
done
install -m 644 docker/compose.standalone.yaml docker/compose.gonetmon.yaml "$dist"
cd "$dist"
sha256sum gonetmon_* compose.* >SHA256SUMS
ls -sh
