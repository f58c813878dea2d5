#!/bin/sh
# Before the files go. dpkg says "remove" or "upgrade", rpm how many versions will
# be left. On an upgrade the service goes on until the new version takes over.
set -e

case "$1" in
remove | 0) ;;
*) exit 0 ;;
esac

command -v systemctl >/dev/null || exit 0
# Without systemd as process 1 the links of "enable" go all the same.
systemctl --quiet disable cri-logshim.socket cri-logshim.service ||
	echo 'cri-logshim: systemctl disable failed' >&2
[ -d /run/systemd/system ] || exit 0
# In one call, or the socket would start the service again.
systemctl stop cri-logshim.socket cri-logshim.service ||
	echo 'cri-logshim: systemctl stop failed' >&2
echo 'cri-logshim: stopped. A kubelet that is still pointed at it has no runtime: point it back'
