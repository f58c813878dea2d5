#!/bin/sh
# Before the files go. dpkg says "remove" or "upgrade", rpm how many versions will
# be left. On an upgrade the service goes on until the new version takes over.
set -e

case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac

# led tells whether kubelet's files lead to cri-logshim, so that kubelet finds no runtime without it.
led() { /usr/bin/cri-logshim node status -o json 2>/dev/null | grep -q '"throughShim": true'; }

if [ ! -d /run/systemd/system ]; then
	! led || cat >&2 <<'END'
cri-logshim: kubelet's files here lead to cri-logshim, so kubelet will find no runtime. They are made what they
  were from outside of this tree, also after the removal: cri-logshim node uninstall --root TREE
END
	# Without systemd as process 1 the links of "enable" go all the same.
	! command -v systemctl >/dev/null || systemctl --quiet disable cri-logshim.socket cri-logshim.service ||
		echo 'cri-logshim: systemctl disable failed' >&2
	exit 0
fi

# First kubelet is led past the service, which it would otherwise miss from now on. Where there is no
# link, nobody has been led here, and a bypass would only be in the way of the next installation.
past=
if /usr/bin/cri-logshim bypass status -o json 2>/dev/null | grep -q '"way": "missing"'; then
	! led || cat >&2 <<'END'
cri-logshim: kubelet's files lead to cri-logshim, so kubelet will find no runtime: point it
  (containerRuntimeEndpoint) at the runtime, which "cri-logshim node uninstall" would have done
END
elif /usr/bin/cri-logshim bypass on --reason 'the package was removed' >/dev/null; then
	past=yes
elif systemctl --quiet is-active cri-logshim.service; then
	cat >&2 <<'END'
cri-logshim: kubelet could not be led to the runtime, and would lose it with the service, so
  nothing is removed. Point kubelet (containerRuntimeEndpoint) at the runtime, restart it,
  systemctl stop cri-logshim.socket cri-logshim.service, and remove the package again
END
	exit 1
fi
systemctl --quiet disable cri-logshim.socket cri-logshim.service ||
	echo 'cri-logshim: systemctl disable failed' >&2
# In one call, or the socket would start the service again.
systemctl stop cri-logshim.socket cri-logshim.service ||
	echo 'cri-logshim: systemctl stop failed' >&2
[ -z "$past" ] || cat <<'END'
cri-logshim: stopped, and kubelet's endpoint leads to the runtime until the next boot. Before that
  point kubelet (containerRuntimeEndpoint) at the runtime itself, which "cri-logshim node uninstall"
  would have done; or install the package again and lead kubelet back:
  systemctl enable --now cri-logshim.socket cri-logshim.service && cri-logshim bypass off
END
