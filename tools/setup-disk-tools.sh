#!/usr/bin/env bash
# Installs the programs of Debian that test/image/boot-disk.test.ts lets look at the disks (fsck.vfat, sgdisk, sfdisk, qemu-img), when one is not
# there: as root, from the package sources that this machine already has. Says why when it cannot; the tests then skip by name.
set -euo pipefail

export PATH="$PATH:/usr/sbin:/sbin"
if command -v fsck.vfat >/dev/null && command -v sgdisk >/dev/null && command -v sfdisk >/dev/null && command -v qemu-img >/dev/null; then
  echo 'disk-tools: all are here'
  exit 0
fi
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "disk-tools: not all are installed; installing them takes root and Debian's apt-get" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -qq -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o DPkg::Lock::Timeout=60)
# One unreachable source of several must not hide the others; the installation itself says what is missing.
"${apt[@]}" update || echo 'disk-tools: not all package sources answered' >&2
"${apt[@]}" install -y --no-install-recommends dosfstools gdisk fdisk qemu-utils >/dev/null
echo 'disk-tools: installed'
