#!/usr/bin/env bash
# Runs the benchmark of test/integration/bench and keeps its figures in out/bench.json.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

if ((EUID == 0)); then
	hack/setup.sh test
fi
mkdir -p out
figures=$PWD/out/bench.json
cd test/integration
"$go" run ./bench -json "$figures" "$@"
