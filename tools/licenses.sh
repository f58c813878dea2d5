#!/usr/bin/env bash
# Prints the licenses of everything that is linked into the binaries: of Go itself and of each module, by name and version.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

# print_licenses prints what a folder says of its license under a headline.
print_licenses() {
	local name=$1 folder=$2 file found=
	for file in "$folder"/{LICENSE,LICENCE,COPYING,NOTICE}{,.*}; do
		[[ -f $file ]] || continue
		found=yes
		printf '%s\n%s: %s\n\n' '--------------------------------------------------------------------------------' "$name" "${file##*/}"
		cat "$file"
		printf '\n'
	done
	[[ $found ]]
}

printf 'What is linked into cri-logshim and kubectl-logshim, and under which licenses.\n\n'
print_licenses Go "$("$go" env GOROOT)" || printf 'Go: see https://go.dev/LICENSE\n\n'
modules=$("$go" list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/cri-logshim ./cmd/kubectl-logshim | LC_ALL=C sort -u)
while read -r path version folder; do
	print_licenses "$path $version" "$folder" || {
		echo "no license found: $path $version in $folder" >&2
		exit 1
	}
done <<<"$modules"
