#!/usr/bin/env bash
# Installs what test/containers needs of Debian (docker.io, iptables), when it is not there: as root, from the package sources that this machine
# already has. Starts nothing; the tests start an engine of their own. Says why when it cannot; the tests then skip by name.
set -euo pipefail

export PATH="$PATH:/usr/sbin:/sbin"
if command -v dockerd >/dev/null && command -v iptables >/dev/null; then
  echo "docker: $(dockerd --version)"
  exit 0
fi
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "docker: dockerd or iptables is not installed; installing them takes root and Debian's apt-get" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
# The package would start a service of its own, with rules in this machine's network.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt=(apt-get -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o DPkg::Lock::Timeout=60)
# One unreachable source of several must not hide the others; the installation itself says what is missing.
"${apt[@]}" update || echo 'docker: not all package sources answered' >&2
"${apt[@]}" install -y --no-install-recommends docker.io iptables >/dev/null
echo "docker: installed $(dockerd --version)"
