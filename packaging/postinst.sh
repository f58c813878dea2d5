#!/bin/sh
# After the files are in place. dpkg says "configure" and the version that was
# there before, rpm how many versions there are now. Nothing is enabled, started
# or stopped here: that a node's pods depend on this service is for a person to
# decide. An active service hands over to the new binary, which cuts no call.
set -e

case "$1" in
configure) upgraded=$2 ;;
1) upgraded= ;;
2) upgraded=yes ;;
*) exit 0 ;; # dpkg takes back something that failed: the files are as they were
esac

older=/usr/local/lib/systemd/system/cri-logshim.service
[ ! -e "$older" ] || echo "cri-logshim: $older comes before the unit of this package: make uninstall" >&2

# Without systemd as process 1, as in a chroot or an image that is being made,
# there is nobody to tell.
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload || echo 'cri-logshim: systemctl daemon-reload failed' >&2
	if systemctl --quiet is-active cri-logshim.service; then
		/usr/bin/cri-logshim check-config >/dev/null ||
			echo 'cri-logshim: this version refuses the configuration and would not start with it: see above' >&2
		if systemctl reload cri-logshim.service; then
			echo 'cri-logshim: the service hands over to this version; what is new in its unit counts from its next restart'
		else
			echo 'cri-logshim: the service could not be reloaded and goes on as it was: systemctl status cri-logshim' >&2
		fi
		exit 0
	fi
fi

# Kubelet's files may lead to cri-logshim already: a removal leaves them as they are.
if command -v systemctl >/dev/null && ! systemctl --quiet is-enabled cri-logshim.service 2>/dev/null &&
	/usr/bin/cri-logshim node status -o json 2>/dev/null | grep -q '"throughShim": true'; then
	cat >&2 <<'END'
cri-logshim: kubelet's files lead to cri-logshim, and its units are not enabled: from the next boot on kubelet
  would find no runtime. systemctl enable --now cri-logshim.socket cri-logshim.service && cri-logshim bypass off
  leads kubelet to cri-logshim; cri-logshim node uninstall makes its files what they were
END
	exit 0
fi

if [ -d /run/systemd/system ] && [ -e /var/lib/cri-logshim/install.json ]; then
	cat >&2 <<'END'
cri-logshim: "cri-logshim node install" was run here, and the service does not run now:
  "cri-logshim node status" says what there is to do
END
	exit 0
fi

[ -n "$upgraded" ] || cat <<'END'
cri-logshim: nothing is enabled or started, and kubelet is as it was. Next:
  cri-logshim node install --dry-run shows what it would change, and without --dry-run starts
  cri-logshim and leads kubelet to it. /usr/share/doc/cri-logshim/docs/install.md says how to do so by hand
END
