#!/bin/sh
# version.sh GIT [VERSION] [REVISION]: prints the version and the revision of the source, for the image. GIT is a copy of HEAD, packed-refs
# and refs of the folder .git. The version is the tag of the commit, or the first digits of the commit. Without these files, as in an
# archive or a worktree, they are devel and unknown. VERSION and REVISION take precedence. It needs nothing but a shell.
set -eu
git=$1 version=${2-} found='' head='' tag=''
[ ! -f "$git/HEAD" ] || read -r head <"$git/HEAD"
ref=${head#ref: }
if [ "$ref" = "$head" ]; then
	found=$head # a checked-out tag or commit
elif [ -f "$git/$ref" ]; then
	read -r found <"$git/$ref"
fi
if [ -f "$git/packed-refs" ]; then
	while [ -z "$found" ] && read -r commit name; do
		[ "$name" != "$ref" ] || found=$commit
	done <"$git/packed-refs"
fi
case $found in *[!0-9a-f]*) found='' ;; esac

# An annotated tag is followed by a line with its commit: ^COMMIT.
if [ -f "$git/packed-refs" ] && [ -n "$found" ]; then
	last=''
	while read -r commit name; do
		last=${name:-$last}
		[ "${commit#^}" != "$found" ] || case $last in refs/tags/v[0-9]*) tag=${last#refs/tags/} ;; esac
	done <"$git/packed-refs"
fi
for file in "$git"/refs/tags/v[0-9]*; do
	[ -n "$found" ] && [ -f "$file" ] || continue
	read -r commit <"$file"
	[ "$commit" != "$found" ] || tag=${file##*/}
done
case $tag in *[!0-9A-Za-z.+-]*) tag='' ;; esac

short=${found%"${found#????????????}"}
version=${version:-${tag:-${short:-devel}}}
revision=${3:-${found:-unknown}}
echo "$version $revision"
