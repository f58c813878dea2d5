#!/bin/sh
# Before the files go. dpkg says "remove" or "upgrade", rpm how many versions will
# be left. On an upgrade the service goes on until the new version takes over.
set -e

case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac

# Where systemd runs, more is said below.
if [ ! -d /run/systemd/system ] && [ -e /var/lib/cri-logshim/install.json ]; then
	cat >&2 <<'END'
cri-logshim: what "cri-logshim node install" has changed stays, and leads kubelet to a socket that
  nobody will serve: install the package again, and remove it after "cri-logshim node uninstall"
END
fi
command -v systemctl >/dev/null || exit 0
if [ -d /run/systemd/system ]; then
	# First kubelet is led past the service, which it would otherwise miss from now on.
	if ! /usr/bin/cri-logshim bypass on --reason 'the package was removed' >/dev/null; then
		if systemctl --quiet is-active cri-logshim.service; then
			cat >&2 <<'END'
cri-logshim: kubelet could not be led to the runtime, and would lose it with the service, so
  nothing is removed. Point kubelet (containerRuntimeEndpoint) at the runtime, restart it,
  systemctl stop cri-logshim.socket cri-logshim.service, and remove the package again
END
			exit 1
		fi
	fi
fi
# Without systemd as process 1 the links of "enable" go all the same.
systemctl --quiet disable cri-logshim.socket cri-logshim.service ||
	echo 'cri-logshim: systemctl disable failed' >&2
[ -d /run/systemd/system ] || exit 0
# In one call, or the socket would start the service again.
systemctl stop cri-logshim.socket cri-logshim.service ||
	echo 'cri-logshim: systemctl stop failed' >&2
cat <<'END'
cri-logshim: stopped, and kubelet's endpoint leads to the runtime until the next boot. Before that
  point kubelet (containerRuntimeEndpoint) at the runtime itself, which "cri-logshim node uninstall"
  would have done. After another installation it is led back by "systemctl start cri-logshim", and
  then "cri-logshim bypass off"
END
