#!/usr/bin/env bash
# Installs the Debian packages that `make e2e` needs, and starts none of the services that come with them.
set -euo pipefail

if [ "$(id -u)" != 0 ]; then
  echo "hack/e2e/install.sh: run it as root: sudo hack/e2e/install.sh" >&2
  exit 1
fi

packages=(iproute2 nftables bind9 curl gcc libc6-dev git pkg-config procps mount util-linux libseccomp-dev ca-certificates)

# A name server or a firewall of the package's own is none of this test's: while the packages are installed, nothing is
# started.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi

apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${packages[@]}"
