#!/bin/sh
# Leads kubelet past cri-logshim, to the runtime: what systemd runs when the daemon does not
# come up. It needs nothing of the daemon's program, which may be what is broken, nor a valid
# configuration. The same by hand is "cri-logshim bypass on"; docs/operations.md, "A way out".
#
#   bypass.sh REASON
#
# Where kubelet's link is and where the runtime listens it takes from what the daemon that
# served last has left, else from the configuration as it stands, else from the defaults.
set -u
umask 077
reason=$1
run=${CRI_LOGSHIM_RUN:-/run/cri-logshim}
config=${CRI_LOGSHIM_CONFIG:-/etc/cri-logshim/config.yaml}

# A pipe in its place would be waited for.
[ -f "$config" ] || config=/dev/null

# say PRIORITY TEXT: for the journal.
say() { printf '<%s>%s\n' "$1" "$2"; }

left() { sed -n "s|^$1: \(/.*\)|\1|p" "$run/bypass.endpoints" 2>/dev/null; }

configured() { sed -n "s|^$1:[[:space:]]*[\"']\{0,1\}unix://\(/[^\"'#]*[^\"'#[:space:]]\).*|\1|p" "$config" 2>/dev/null | head -n 1; }

link=$(left link)
runtime=$(left runtime)
if [ -z "$link" ]; then
	if grep -q "^kubeletEndpoint:[[:space:]]*[\"']\{2\}" "$config" 2>/dev/null; then
		say 5 'kubeletEndpoint is empty: there is no link to lead elsewhere'
		exit 0
	fi
	link=$(configured kubeletEndpoint)
fi
: "${link:=$run/kubelet.sock}"
: "${runtime:=$(configured runtimeEndpoint)}"
if [ -z "$runtime" ]; then
	for runtime in /run/containerd/containerd.sock /run/crio/crio.sock /run/cri-dockerd.sock; do
		[ ! -S "$runtime" ] || break
	done
	[ -S "$runtime" ] || runtime=/run/containerd/containerd.sock
fi

if [ -e "$link" ] && [ ! -L "$link" ]; then
	say 3 "cri-logshim $reason, and kubelet cannot be led past it: $link is no link. Point kubelet's containerRuntimeEndpoint at unix://$runtime and restart it"
	exit 1
fi
mkdir -p "$run" "$(dirname "$link")" 2>/dev/null
# The program leads the link too, and locks this folder while it does, for milliseconds. It is not
# waited for any longer: this is the last way out.
if [ -d "$run" ] && command -v flock >/dev/null; then
	exec 9<"$run"
	flock -w 1 9 2>/dev/null || say 4 "another process leads kubelet's endpoint, or hangs there; going on beside it"
fi
# Names of its own, whoever else is at it.
state=$run/bypass.state.$$
next=$link.$$
if [ ! -e "$run/bypass.state" ]; then # one that a person has put on stays theirs
	if printf 'by: automatic\nsince: %s\nreason: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "it $reason" >"$state"; then
		mv -f "$state" "$run/bypass.state"
	else
		rm -f "$state"
	fi 2>/dev/null
fi
if [ "$(readlink "$link")" = "$runtime" ]; then
	say 4 "cri-logshim $reason; kubelet's endpoint $link leads to the runtime, $runtime, already"
	exit 0
fi
# In one step, so that whoever connects finds the one or the other. A full file system may
# have no room for a new link; the daemon has left a spare one.
if ln -s "$runtime" "$next" 2>/dev/null; then
	mv -fT "$next" "$link" || { rm -f "$next"; false; }
elif [ "$(readlink "$link.runtime")" = "$runtime" ]; then
	mv -fT "$link.runtime" "$link"
else
	false
fi || {
	say 3 "cri-logshim $reason, and kubelet cannot be led past it: $link cannot be made to lead to $runtime"
	exit 1
}
say 3 "cri-logshim $reason: kubelet's endpoint $link now leads past it, to the runtime, $runtime. Pods run on; no log is held to its limit meanwhile"
say 5 "To go back: see why (journalctl -u cri-logshim -p err), mend it, then systemctl reset-failed cri-logshim and systemctl restart cri-logshim, or wait half a minute. When it has served for ten seconds the endpoint leads to it again; kubelet follows with systemctl restart kubelet"
