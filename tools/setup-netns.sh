#!/usr/bin/env bash
# Installs what test/images needs of Debian (nftables, iproute2), when it is not there: as root, from the package sources that this machine
# already has. Says why when it cannot; the tests then skip by name.
set -euo pipefail

if command -v nft >/dev/null && command -v ip >/dev/null; then
  echo "netns: $(nft --version)"
  exit 0
fi
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "netns: nft or ip is not installed; installing them takes root and Debian's apt-get" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o DPkg::Lock::Timeout=60)
# One unreachable source of several must not hide the others; the installation itself says what is missing.
"${apt[@]}" update || echo 'netns: not all package sources answered' >&2
"${apt[@]}" install -y --no-install-recommends nftables iproute2 >/dev/null
echo "netns: installed $(nft --version)"
