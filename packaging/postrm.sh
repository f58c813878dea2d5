#!/bin/sh
# After the files have gone; on an upgrade postinst tells systemd. Logs stay, those of removed pods in
# /var/log/cri-logshim too, also on a purge: they are nobody's to delete here.
set -e

case "$1" in
remove | purge | 0) ;;
*) exit 0 ;;
esac
[ ! -d /run/systemd/system ] || systemctl daemon-reload ||
	echo 'cri-logshim: systemctl daemon-reload failed' >&2
