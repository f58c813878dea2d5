#!/usr/bin/env bash
# Prints the path of a Go command that can build this repository. Under sudo the search path is often a fixed one
# without /usr/local/go/bin or the caller's own Go, so the usual places and the caller's login shell are asked too.
set -euo pipefail

cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
readonly NEEDED=26 # the minor version in go.mod

# minor_of prints the minor version of a Go command, as it is in this module: since 1.21 Go fetches a newer toolchain by itself.
minor_of() {
	local version
	version=$("$1" env GOVERSION 2>/dev/null) || return 1
	version=${version#go1.}
	version=${version%%[!0-9]*}
	[[ $version ]] && printf '%s\n' "$version"
}

candidates() {
	command -v go || true
	printf '%s\n' /usr/local/go/bin/go /usr/lib/go-1.26/bin/go /usr/lib/go/bin/go /snap/bin/go
	if [[ ${SUDO_USER-} ]] && ((EUID == 0)); then
		su - "$SUDO_USER" -c 'command -v go' </dev/null 2>/dev/null || true
	fi
}

seen=none
while read -r go; do
	[[ -x $go ]] || continue
	minor=$(minor_of "$go") || continue
	if ((minor >= NEEDED)); then
		printf '%s\n' "$go"
		exit 0
	fi
	seen="1.$minor ($go)"
done < <(candidates)

printf 'Go 1.%s or newer is needed, found: %s. See https://go.dev/doc/install\n' "$NEEDED" "$seen" >&2
exit 1
