#!/usr/bin/env bash
# Fetches and builds what the demo and the integration tests run against, into one cache directory:
#
#   tools/runc, tools/busybox             the machine's own, or taken out of the distribution's packages
#   tools/etcd                            the same, for the API server
#   tools/promtool                        the same, of Prometheus
#   containerd-<version>/bin/             containerd, its shim and ctr, built from their Go module
#   kubelet-<version>/bin/kubelet         built from test/integration/kubelet or kubelet123, whose go.mod names the version
#   kubernetes-<version>/bin/             kube-apiserver and kubectl, from the module of the newer kubelet
#   otel-<sum>/otel                       built from test/integration/collectors/otel; <sum> is of its files
#   otel                                  leads to the one that was set up last
#   dockershim-<sum>/dockershim           built from test/integration/kubelet123; <sum> is of its own file and the go.mod
#   dockershim                            leads to the one that was set up last
#   docker/                               dockerd out of the distribution's package, and the library that only it needs
#   rsyslog/                              the distribution's package, and the libraries that only it needs
#   debian-<suite>/                       a small tree of the machine's own Debian, with systemd and rpm, for packages to be installed in
#   debian                                leads to the one that was set up last
#   chromium-<suite>/                     what that tree lacks of a browser without a window: chromium-headless-shell and its libraries
#   chromium                              leads to the one that was set up last
#   containerd-demo/bin                   what the demo uses: the machine's own containerd, or the pinned one
#
# Nothing is installed on the machine, no service is started or touched: removing the cache directory undoes all of it.
# Usage: hack/setup.sh demo|test
set -euo pipefail

readonly PINNED=2.4.2 # the newest supported
readonly MIDDLE=1.7.35 # the last of the 1.7 line
readonly OLDEST=1.6.20 # the oldest supported, the last line that speaks CRI v1alpha2
readonly KUBELET=1.36.3
readonly OLDEST_KUBELET=1.23.17 # the last line that speaks CRI v1alpha2

say() { printf 'setup: %s\n' "$*" >&2; }
die() {
	printf 'setup: error: %s\n' "$*" >&2
	exit 1
}

# quietly runs a command and keeps what it prints for explain.
quietly() { "$@" >"$work/output" 2>&1; }

# explain is the last line that the command before had to say.
explain() { grep -v '^[[:space:]]*$' "$work/output" | tail -n 1; }

# from_package unpacks one binary out of a distribution package, without installing the package.
from_package() {
	local binary=$1 package=$2 found
	unpack "$binary" "$package"
	found=$(find "$work/package-$package/root" -type f -path "*bin/$binary" -perm -u+x | head -n 1)
	[[ $found ]] || die "$binary: package $package does not hold it"
	mv -T "$found" "$work/$binary"
}

# unpack puts what a distribution package holds into $work/package-<package>/root, for the sake of a program.
unpack() {
	local program=$1 package=$2 unpacked=$work/package-$2
	if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
		die "$program is missing and there is no apt here to get it with: install $program and try again"
	fi
	say "$program: unpacking package $package"
	mkdir "$unpacked"
	if ! download "$package" "$unpacked"; then
		((EUID == 0)) || die "$program: cannot download package $package: $(explain) (as root the package lists would be updated first)"
		quietly apt-get update || die "$program: cannot update the package lists, is there a network? $(explain)"
		download "$package" "$unpacked" || die "$program: cannot download package $package, is there a network? $(explain)"
	fi
	quietly dpkg-deb -x "$unpacked"/*.deb "$unpacked/root" || die "$program: cannot unpack package $package: $(explain)"
}

# download fetches a package into a folder.
download() {
	(cd "$2" && quietly apt-get -o APT::Sandbox::User=root download "$1")
}

# set_up_tool makes tools/<binary> the machine's own, where that passes a check, or the one of a distribution package.
set_up_tool() {
	local binary=$1 package=$2 check=$3 own
	[[ -x $cache/tools/$binary ]] && return
	if own=$(command -v "$binary") && "$check" "$own"; then
		ln -s "$own" "$work/$binary"
	else
		from_package "$binary" "$package"
		"$check" "$work/$binary" || die "$binary of package $package does not run here: $(explain)"
	fi
	mkdir -p "$cache/tools"
	mv -fT "$work/$binary" "$cache/tools/$binary"
}

# runs tells whether a binary runs on this machine.
runs() { quietly "$1" --version; }

# is_static tells whether a binary runs without any shared library, as in an image that holds nothing else.
is_static() { ! quietly ldd "$1"; }

# find_go sets go, for the first that builds.
find_go() { [[ $go ]] || go=$("$here/find-go.sh") || exit 1; }

# build_containerd builds one version inside Go's module cache, where its own replace rules hold.
build_containerd() {
	local version=$1 module=$2 name=containerd-$1 source
	[[ -d $cache/$name ]] && return
	find_go
	say "containerd $version: building, one to three minutes"
	quietly "$go" mod download -json "$module@v$version" || {
		source=$(sed -n 's/.*"Error": "\(.*\)",*$/\1/p' "$work/output")
		die "containerd $version: cannot download $module, is there a network? ${source:-$(explain)}"
	}
	source=$(sed -n 's/.*"Dir": "\(.*\)",*$/\1/p' "$work/output")
	mkdir -p "$work/$name/bin"
	(
		cd "$source"
		quietly "$go" build -mod=readonly -trimpath -tags no_btrfs,no_devmapper,no_zfs,no_aufs \
			-ldflags "-s -w -X $module/version.Version=$version" -o "$work/$name/bin/" \
			./cmd/containerd ./cmd/containerd-shim-runc-v2 ./cmd/ctr
	) || die "containerd $version: $(explain)"
	quietly "$work/$name/bin/containerd" --version || die "containerd $version does not run here: $(explain)"
	mv -T "$work/$name" "$cache/$name"
}

build_pinned() { build_containerd "$PINNED" github.com/containerd/containerd/v2; }
build_middle() { build_containerd "$MIDDLE" github.com/containerd/containerd; }
build_oldest() { build_containerd "$OLDEST" github.com/containerd/containerd; }

# build_kubelet builds one version from the module in a folder, without cgo and -trimpath, as the tests beside a go.mod are, so that
# both share Go's cache.
build_kubelet() {
	local version=$1 folder=$2 name=kubelet-$1 module=k8s.io/kubernetes
	[[ -d $cache/$name ]] && return
	find_go
	say "kubelet $version: building, three to six minutes"
	mkdir -p "$work/$name/bin"
	(
		cd "$here/../test/integration/$folder"
		quietly "$go" list -m -f '{{.Version}}' "$module" && grep -qx "v$version" "$work/output" ||
			die "kubelet $version: go.mod names another version: $(explain)"
		quietly "$go" build -mod=readonly -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$version" \
			-o "$work/$name/bin/" "$module/cmd/kubelet" || die "kubelet $version: $(explain)"
	) || exit 1
	quietly "$work/$name/bin/kubelet" --version || die "kubelet $version does not run here: $(explain)"
	mv -T "$work/$name" "$cache/$name"
}

# build_cluster builds what kubelet has around it in a cluster, as kubelet is built, so that they share Go's cache.
build_cluster() {
	local version=$KUBELET name=kubernetes-$KUBELET module=k8s.io/kubernetes
	[[ -d $cache/$name ]] && return
	find_go
	say "kube-apiserver and kubectl $version: building, two to four minutes"
	mkdir -p "$work/$name/bin"
	(
		cd "$here/../test/integration/kubelet"
		quietly "$go" build -mod=readonly -ldflags "-s -w -X k8s.io/component-base/version.gitVersion=v$version" \
			-o "$work/$name/bin/" "$module/cmd/kube-apiserver" "$module/cmd/kubectl" || die "kube-apiserver and kubectl $version: $(explain)"
	) || exit 1
	quietly "$work/$name/bin/kube-apiserver" --version || die "kube-apiserver $version does not run here: $(explain)"
	mv -T "$work/$name" "$cache/$name"
}

# build_otel builds the reader of OpenTelemetry's collector as a program.
build_otel() {
	local folder=$here/../test/integration/collectors/otel sum name
	sum=$(cat "$folder"/* | sha256sum | cut -c 1-12)
	name=otel-$sum
	if [[ ! -d $cache/$name ]]; then
		find_go
		say "OpenTelemetry's file consumer: building, one to two minutes"
		mkdir "$work/$name"
		(cd "$folder" && quietly "$go" build -mod=readonly -trimpath -ldflags '-s -w' -o "$work/$name/otel" .) ||
			die "OpenTelemetry's file consumer: $(explain)"
		mv -T "$work/$name" "$cache/$name"
	fi
	ln -s "$name/otel" "$work/otel"
	mv -fT "$work/otel" "$cache/otel"
}

# build_dockershim builds the dockershim of the oldest kubelet, as that is built, so that they share Go's cache.
build_dockershim() {
	local module=$here/../test/integration/kubelet123 sum name
	sum=$(cat "$module/go.mod" "$module"/dockershim/* | sha256sum | cut -c 1-12)
	name=dockershim-$sum
	if [[ ! -d $cache/$name ]]; then
		find_go
		say "dockershim $OLDEST_KUBELET: building, half a minute, or six minutes without kubelet in Go's cache"
		mkdir "$work/$name"
		(cd "$module" && quietly "$go" build -mod=readonly -ldflags '-s -w' -o "$work/$name/dockershim" ./dockershim) ||
			die "dockershim $OLDEST_KUBELET: $(explain)"
		mv -T "$work/$name" "$cache/$name"
	fi
	ln -s "$name" "$work/dockershim"
	mv -fT "$work/dockershim" "$cache/dockershim"
}

# set_up_docker takes dockerd out of its package; the runtime below it is the oldest containerd, with runc. A service that the
# package has is neither installed nor started, and its client is not needed.
set_up_docker() {
	local library
	[[ -d $cache/docker ]] && return
	unpack docker docker.io
	unpack docker libdevmapper1.02.1
	mkdir "$work/docker"
	mv "$work/package-docker.io/root/usr/sbin/dockerd" "$work/docker/"
	library=$(find "$work/package-libdevmapper1.02.1/root" -name 'libdevmapper.so.*' -type f | head -n 1)
	mv "$library" "$work/docker/"
	quietly env LD_LIBRARY_PATH="$work/docker" "$work/docker/dockerd" --version || die "docker does not run here: $(explain)"
	mv -T "$work/docker" "$cache/docker"
}

# set_up_rsyslog unpacks rsyslog with the libraries that nothing else on a machine needs.
set_up_rsyslog() {
	local package
	[[ -d $cache/rsyslog ]] && return
	mkdir "$work/rsyslog"
	for package in rsyslog libestr0 libfastjson4; do
		unpack rsyslog "$package"
		cp -a "$work/package-$package/root/." "$work/rsyslog/"
	done
	quietly env LD_LIBRARY_PATH="$(dirname "$(find "$work/rsyslog" -name 'libestr.so.0')")" "$work/rsyslog/usr/sbin/rsyslogd" -v ||
		die "rsyslog does not run here: $(explain)"
	mv -T "$work/rsyslog" "$cache/rsyslog"
}

# set_up_debian makes a tree of the suite that the machine's apt knows, from the mirror that it uses.
set_up_debian() {
	local suite name mirror
	suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	name=debian-$suite
	if [[ ! -d $cache/$name ]]; then
		unpack 'a Debian tree' debootstrap
		mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Component: main' "Codename: $suite" | head -n 1)
		lend_wget
		say "a Debian tree: installing $suite into it, one to two minutes"
		PATH=$work/lent:$PATH DEBOOTSTRAP_DIR=$work/package-debootstrap/root/usr/share/debootstrap \
			quietly "$work/package-debootstrap/root/usr/sbin/debootstrap" --variant=minbase --include=systemd,rpm "$suite" "$work/$name" ${mirror:+"$mirror"} ||
			die "a Debian tree: cannot install $suite: $(explain)"
		rm -rf "$work/$name"/var/cache/apt/archives "$work/$name"/var/lib/apt/lists
		mv -T "$work/$name" "$cache/$name"
	fi
	ln -s "$name" "$work/debian"
	mv -fT "$work/debian" "$cache/debian"
}

# set_up_chromium unpacks a browser that shows nothing, for the status page to be tested with, and all packages that it needs and
# the Debian tree does not have: the two are laid over each other to run it. Nothing of the packages is run here.
set_up_chromium() {
	local suite name tree archives=$work/chromium-archives root=$work/chromium-root package folder
	suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
	name=chromium-$suite
	tree=$cache/debian-$suite
	if [[ ! -d $cache/$name ]]; then
		say 'chromium: unpacking its packages, half a minute'
		mkdir -p "$archives/partial" "$root"
		download_for "$tree" "$archives" chromium-headless-shell fonts-dejavu-core || {
			quietly apt-get update || die "chromium: cannot update the package lists, is there a network? $(explain)"
			download_for "$tree" "$archives" chromium-headless-shell fonts-dejavu-core || die "chromium: cannot download its packages: $(explain)"
		}
		for package in "$archives"/*.deb; do
			quietly dpkg-deb -x "$package" "$root" || die "chromium: cannot unpack ${package##*/}: $(explain)"
		done
		for folder in bin sbin lib lib64; do # links in the tree, which a folder would hide
			[[ -d $root/$folder ]] || continue
			mkdir -p "$root/usr/$folder"
			cp -a "$root/$folder/." "$root/usr/$folder/"
			rm -r "${root:?}/$folder"
		done
		rm -rf "$root"/usr/share/{doc,icons,locale,man} "$root/var"
		mv -T "$root" "$cache/$name"
	fi
	ln -s "$name" "$work/chromium"
	mv -fT "$work/chromium" "$cache/chromium"
}

# download_for fetches packages and what they need beyond what a tree has into a folder.
download_for() {
	local tree=$1 folder=$2
	shift 2
	quietly apt-get -o "Dir::State::status=$tree/var/lib/dpkg/status" -o "Dir::Cache::archives=$folder" -o APT::Sandbox::User=root \
		-o Debug::NoLocking=true --assume-yes --no-install-recommends --download-only install "$@"
}

# lend_wget makes a wget for debootstrap, which knows no other way: apt's own helper, which goes wherever apt is set up to go.
lend_wget() {
	mkdir "$work/lent"
	cat >"$work/lent/wget" <<-'EOF'
		#!/bin/sh
		# wget … -O FILE ADDRESS
		while [ $# -gt 2 ]; do shift; done
		exec /usr/lib/apt/apt-helper -o APT::Sandbox::User=root download-file "$2" "$1"
	EOF
	chmod +x "$work/lent/wget"
}

# machines_containerd prints the folder of the machine's own containerd when it is complete and speaks CRI v1 (1.6 and newer).
machines_containerd() {
	local binary folder version
	binary=$(command -v containerd) || return 1
	folder=$(dirname "$(readlink -f "$binary")")
	[[ -x $folder/containerd && -x $folder/containerd-shim-runc-v2 && -x $folder/ctr ]] || return 1
	version=$("$folder/containerd" --version 2>/dev/null | grep -oE '\bv?[0-9]+\.[0-9]+\.[0-9]+' | head -n 1) || return 1
	[[ $(printf '%s\n' 1.6.0 "${version#v}" | sort -V | head -n 1) == 1.6.0 ]] || return 1
	printf '%s\n' "$folder"
}

choose_containerd() {
	local folder
	if ! folder=$(machines_containerd); then
		build_pinned
		folder=$cache/containerd-$PINNED/bin
	fi
	mkdir -p "$cache/containerd-demo"
	ln -s "$folder" "$work/bin"
	mv -fT "$work/bin" "$cache/containerd-demo/bin"
}

[[ $# == 1 && ($1 == demo || $1 == test) ]] || die "usage: hack/setup.sh demo|test"
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export CGO_ENABLED=0 GOFLAGS=-buildvcs=false GOWORK=off DEBIAN_FRONTEND=noninteractive LC_ALL=C
go=

if [[ ${CRI_LOGSHIM_CACHE-} ]]; then
	cache=$CRI_LOGSHIM_CACHE
elif ((EUID == 0)); then
	cache=/var/cache/cri-logshim
else
	cache=${XDG_CACHE_HOME:-$HOME/.cache}/cri-logshim
fi
mkdir -p "$cache" || die "cannot make the cache directory $cache"
cache=$(readlink -f "$cache")

exec {lock}>"$cache/.lock" || die "cannot write in the cache directory $cache"
flock -n "$lock" || {
	say "waiting for another set-up to end"
	flock "$lock"
}
find "$cache" -maxdepth 1 -name '.new.*' -exec rm -rf {} + # left by a set-up that was killed; the lock is ours
work=$(mktemp -d "$cache/.new.XXXXXX")
trap 'rm -rf "$work"' EXIT

set_up_tool runc runc runs
set_up_tool busybox busybox-static is_static
case $1 in
demo) choose_containerd ;;
test)
	build_pinned
	build_middle
	build_oldest
	build_kubelet "$KUBELET" kubelet
	build_kubelet "$OLDEST_KUBELET" kubelet123
	build_dockershim
	set_up_docker
	build_cluster
	set_up_tool etcd etcd-server runs
	set_up_tool promtool prometheus runs
	build_otel
	set_up_rsyslog
	set_up_debian
	set_up_chromium
	choose_containerd # the demo is tested too
	;;
esac
