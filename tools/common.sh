# What the scripts of this folder share; read by them, not run.
# shellcheck shell=bash
set -euo pipefail

cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
go=$(hack/find-go.sh)
PATH=$(dirname "$go"):$PATH # under sudo it is often missing there
export GOWORK=off
: "${HOME:=$(getent passwd "$(id -u)" | cut -d: -f6)}" # for Go's caches
export HOME

# tool prints the path of a pinned developer tool, built when it is not in Go's cache.
tool() { "$go" tool -modfile="tools/$1.mod" -n "$1"; }

# say is a headline.
say() { printf '\n=== %s\n' "$*"; }
