#!/usr/bin/env bash
# Runs every test of the repository and the linters. As root it first sets up what is missing, and nothing is left out;
# otherwise what needs root is left out, and the end says what that was.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

CRI_LOGSHIM_NOT_RUN_FILE=$(mktemp) # tests append a line for each that was not run
export CRI_LOGSHIM_NOT_RUN_FILE
results=$(mktemp) # of the integration tests, with their times
trap 'rm -f "$CRI_LOGSHIM_NOT_RUN_FILE" "$results"' EXIT
failed=()

not_run() { printf '%s\n' "$*" >>"$CRI_LOGSHIM_NOT_RUN_FILE"; }

# step runs a part and goes on when it fails, so that one run tells everything.
step() {
	local name=$1
	shift
	say "$name"
	"$@" || failed+=("$name")
}

# get installs a program that tests need, where it is missing; they tell where that cannot be done.
get() {
	local program=$1 why=$2
	shift 2
	command -v "$program" >/dev/null && return
	if ((EUID == 0)) && command -v apt-get >/dev/null; then
		say "installing $* for $why"
		{ apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@"; } ||
			echo "$* cannot be installed" >&2
	fi
}

# choose_race sets race to the flag of the race detector, which needs a C compiler.
choose_race() {
	local compiler
	race=-race
	compiler=$("$go" env CC)
	get "$compiler" 'the race detector' gcc libc6-dev
	command -v "$compiler" >/dev/null && return
	((EUID != 0)) || { echo 'The race detector needs a C compiler: install gcc' >&2; exit 1; }
	not_run 'the race detector: there is no C compiler'
	race=
}

# unit tests wait as much as they work, hence one package more at a time than there are cores.
unit() {
	CGO_ENABLED=${race:+1} "$gotestsum" -- ${race:+"$race"} -p $(($(nproc) + 1)) -shuffle=on ./...
}

# integration tests measure and flood, so they are not run beside one another, but for those that mostly wait, which come at the end.
integration() {
	local status=0
	cd test/integration
	"$gotestsum" --format testname --jsonfile "$results" -- -count=1 -shuffle=on -p 1 -parallel 3 -timeout 60m ./... || status=$?
	say 'the slowest integration tests'
	"$gotestsum" tool slowest --jsonfile "$results" --threshold 20s
	return "$status"
}

# beside_kubelet runs what is tested of logs, and of nothing else, once more in mode manage.
beside_kubelet() {
	cd test/integration
	"$gotestsum" --format testname -- -count=1 -p 1 -parallel 3 -timeout 20m \
		-run '^(TestFloodLosesNothing|TestKilledAtAnyMoment|TestEachPodHasItsOwnLimits|TestLogOutlivesItsPod|TestNeighboursAreUntouched|TestExitedContainer|TestLinksLeadToDockersFiles|TestRotatedOnRequest|TestPrunedOnRequest)$' . -args -mode=manage
}

# kubelets_functions run over directories as we leave them. Without cgo, as kubelet is built, they take what Go has in its cache.
kubelets_functions() {
	cd test/integration/kubelet
	CGO_ENABLED=0 "$gotestsum" -- -count=1 -shuffle=on ./...
}

((EUID != 0)) || hack/setup.sh test
choose_race
get groff 'the test of manual pages' groff-base
get systemd-analyze 'the tests of units' systemd
gotestsum=$(tool gotestsum)

step 'unit tests' unit
step 'lint' tools/lint.sh
say "kubelet's own functions"
(kubelets_functions) || failed+=("kubelet's own functions")
if ((EUID == 0)); then
	(integration) || failed+=('integration tests')
	say 'integration tests of logs, in mode manage'
	(beside_kubelet) || failed+=('integration tests of logs, in mode manage')
else
	not_run 'all integration tests, in test/integration: they start containerd and pods'
fi

if [[ -s $CRI_LOGSHIM_NOT_RUN_FILE ]]; then
	printf '\n**********************************************************************\n'
	printf '* NOT RUN, since this needs root (sudo make test):\n'
	sort -u "$CRI_LOGSHIM_NOT_RUN_FILE" | sed 's/^/*   /'
	printf '**********************************************************************\n'
fi
if ((${#failed[@]} > 0)); then
	printf '\nFAILED: %s\n' "$(IFS=,; echo "${failed[*]}")"
	exit 1
fi
