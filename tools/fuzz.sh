#!/usr/bin/env bash
# Runs every fuzz target of the repository for FUZZTIME.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

fuzzed=0
for package in $("$go" list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...); do
	for target in $("$go" test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		say "$package $target"
		# Minimizing interesting inputs would take most of a short time.
		"$go" test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-20s}" -fuzzminimizetime 10x "$package"
		fuzzed=$((fuzzed + 1))
	done
done
say "$fuzzed targets fuzzed"
((fuzzed > 0))
