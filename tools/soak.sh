#!/usr/bin/env bash
# Disturbs the shim at random for SOAKTIME, after as many kills and rotations as the tests leave out for their length:
# what is written must be found, every line once, and whoever uses kubectl meanwhile must be served. What was done is told at
# the end.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

((EUID == 0)) || { echo 'The soak starts containerd and pods, which needs root: sudo make soak' >&2; exit 1; }
hack/setup.sh test
cd test/integration
"$go" test -count=1 -v -timeout 0 -run '^(TestStepsAreAll|TestKilledAtAnyMoment|TestDisturbedAtRandom|TestKubectlDisturbed|TestDockerDisturbedAtRandom)$' . -soak "${SOAKTIME:-20m}" "$@"
