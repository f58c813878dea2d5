#!/usr/bin/env bash
# Runs the linters over both modules, with the settings of .golangci.yml.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

linter=$(tool golangci-lint)
config=$PWD/.golangci.yml
status=0
for module in . test/integration; do
	(cd "$module" && "$linter" run --allow-parallel-runners --path-prefix "$module" --config "$config" "$@" ./...) || status=1
done
exit "$status"
