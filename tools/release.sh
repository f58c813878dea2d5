#!/usr/bin/env bash
# Builds what users are given, for every architecture of ARCHES, into a folder in which earlier ones are replaced:
#
#   packages  Debian and RPM packages
#   all       these, an archive for an installation by hand, and SHA256SUMS
#   version   nothing; prints the version that packages would have
#
# With the same Go a commit always gives the same bytes, whoever builds it, where and when: every time is the commit's, every owner
# root, and paths are trimmed. VERSION is as git describe says it; SOURCE_DATE_EPOCH overrides the commit's time.
# Usage: VERSION=v1.2.3 tools/release.sh packages|all|version FOLDER
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

umask 022
export LC_ALL=C TZ=UTC GOFLAGS='' GOAMD64=v1 GOARM64=v8.0 # whatever is set for other builds

die() {
	printf 'release: error: %s\n' "$*" >&2
	exit 1
}

# package_version turns what git describe says into a version that dpkg and rpm order as they should: a candidate before its
# release, what comes after a release behind it, and commits before the first one by their time.
package_version() {
	local version=${1%-dirty} dirty=
	[[ $version == "$1" ]] || dirty=+dirty
	if [[ $version =~ ^v?([0-9]+\.[0-9]+\.[0-9]+)(-([a-z]+[.0-9]*))?(-([0-9]+)-(g[0-9a-f]+))?$ ]]; then
		local m=("${BASH_REMATCH[@]}")
		printf '%s\n' "${m[1]}${m[3]:+~${m[3]}}${m[5]:++${m[5]}.${m[6]}}$dirty"
	elif [[ $version =~ ^[0-9a-f]{7,40}$ ]]; then
		printf '%s\n' "0~$(date --date="@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).g$version$dirty"
	else
		die "VERSION '$version' is neither a version, as v1.2.3, nor what git describe says"
	fi
}

# lay_out makes the tree that the packages of one architecture are made of.
lay_out() {
	local arch=$1 root=$2 doc=$2/usr/share/doc/cri-logshim
	# What a make around this script was told is not for this one.
	MAKEFLAGS='' MAKELEVEL='' GOARCH=$arch make --silent install \
		GO="$go" VERSION="$VERSION" BIN="$work/$arch/cri-logshim" DESTDIR="$root" PREFIX=/usr >&2
	mkdir -p "$doc/docs" "$doc/monitoring" # as in the repository, so that links between them lead somewhere
	cp README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE packaging/copyright "$work/third-party-licenses.txt" "$doc/"
	cp docs/*.md docs/*.png docs/*.svg "$doc/docs/"
	cp monitoring/*.json monitoring/*.yaml "$doc/monitoring/"
	cp -r packaging "$root/packaging" # beside the tree, for nfpm
	chmod -R u=rwX,go=rX "$root" # whatever the modes of a checkout are
	find "$root" -exec touch --date="@$SOURCE_DATE_EPOCH" {} +
}

make_packages() {
	local arch=$1 root=$work/$1/root format
	for format in deb rpm; do
		(cd "$root" && ARCH=$arch PACKAGE_VERSION=$package_version "$nfpm" package --config packaging/nfpm.yaml --packager "$format" --target "$made/") >&2
	done
}

# make_archive packs the binary with what an installation by hand needs.
make_archive() {
	local arch=$1 name=cri-logshim-${VERSION#v}-linux-$1 folder
	folder=$work/$arch/$name
	mkdir -p "$folder/systemd" "$folder/docs" "$folder/monitoring"
	cp "$work/$arch/cri-logshim" README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE "$work/third-party-licenses.txt" "$folder/"
	cp systemd/*.service systemd/*.socket systemd/bypass.sh systemd/config.yaml "$folder/systemd/"
	cp "$work/$arch/kubectl-logshim" cmd/kubectl-logshim/kubectl_complete-logshim "$folder/"
	cp -r "$work/$arch/share" "$folder/"
	cp docs/*.md docs/*.png docs/*.svg "$folder/docs/"
	cp monitoring/*.json monitoring/*.yaml "$folder/monitoring/"
	tar --create --directory "$work/$arch" --format=ustar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --mode=u+w,go=rX \
		--owner=0 --group=0 --numeric-owner "$name" | gzip --no-name >"$made/$name.tar.gz"
}

[[ $# == 2 && ($1 == packages || $1 == all || $1 == version) ]] || die 'usage: tools/release.sh packages|all|version FOLDER'
what=$1 out=$2
[[ ${VERSION-} ]] || die 'no version: not in a git repository, so say VERSION=v1.2.3'
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)} || die 'no time: not in a git repository, so set SOURCE_DATE_EPOCH'
export SOURCE_DATE_EPOCH
package_version=$(package_version "$VERSION")
[[ $what != version ]] || {
	printf '%s\n' "$package_version"
	exit 0
}
nfpm=$(tool nfpm)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
made=$work/made
mkdir -p "$made" "$out"
tools/licenses.sh >"$work/third-party-licenses.txt"
for arch in ${ARCHES:-amd64 arm64}; do
	mkdir -p "$work/$arch"
	lay_out "$arch" "$work/$arch/root"
	make_packages "$arch"
	[[ $what != all ]] || make_archive "$arch"
done
[[ $what != all ]] || (cd "$made" && sha256sum -- * >"$work/SHA256SUMS" && mv "$work/SHA256SUMS" .)

# Only now, so that a failure leaves the earlier ones.
find "$out" -maxdepth 1 -type f \( -name 'cri-logshim[-_]*' -o -name SHA256SUMS \) -delete
mv -- "$made"/* "$out/"
ls -l -- "$out" >&2
