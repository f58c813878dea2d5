#!/usr/bin/env bash
# Shows cri-logshim before a real containerd with a pod that floods its log, see test/integration/demo. Everything that it
# makes is removed again, but for the cache of hack/setup.sh.
set -euo pipefail

cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
((EUID == 0)) || {
	echo 'The demo starts containerd and a pod, which needs root: sudo make demo' >&2
	exit 1
}
hack/setup.sh demo
go=$(hack/find-go.sh)
PATH=$(dirname "$go"):$PATH # the demo builds more programs itself

folder=$(mktemp -d)
export GOTMPDIR=$folder # what an interrupted build leaves goes with the folder
trap 'rm -rf "$folder"' EXIT
cd test/integration
echo 'Building the demo ...'
if ! CGO_ENABLED=0 GOWORK=off "$go" build -buildvcs=false -o "$folder/demo" ./demo &>"$folder/output"; then
	cat "$folder/output" >&2
	exit 1
fi
exec "$folder/demo" -programs "$folder" "$@" # removes the folder itself
