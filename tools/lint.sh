#!/usr/bin/env bash
# Runs the linters over all modules, with the settings of .golangci.yml.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

linter=$(tool golangci-lint)
config=$PWD/.golangci.yml
status=0
for module in . test/integration test/integration/kubelet; do
	cgo=
	[[ $module != */kubelet ]] || cgo=0 # as it is built, or the linter would have all of kubelet compiled once more
	(cd "$module" && CGO_ENABLED=$cgo "$linter" run --allow-parallel-runners --path-prefix "$module" --config "$config" "$@" ./...) || status=1
done
exit "$status"
