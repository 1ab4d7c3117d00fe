#!/usr/bin/env bash
# Installs what test/boot starts, when it is not there: QEMU of version 10 or later, a software TPM and generic UEFI firmware. As root, from the package
# sources that this machine has; on Debian bookworm, whose QEMU is too old, also from its backports, which are named for this one installation only.
# Says why when it cannot; the tests then skip by name.
set -euo pipefail

firmware=/usr/share/OVMF/OVMF_CODE_4M.fd
qemu_version() { { qemu-system-x86_64 --version 2>/dev/null || true; } | sed -n 's/^QEMU emulator version \([0-9]*\)\.\([0-9.]*\).*/\1.\2/p'; }
recent() { local version; version=$(qemu_version) && [ "${version%%.*}" -ge 10 ] 2>/dev/null; }
say_found() { echo "qemu: QEMU $(qemu_version), $(swtpm --version | sed -n '1s/,.*//p'), $firmware"; }

if recent && command -v swtpm >/dev/null && [ -f "$firmware" ]; then
  say_found
  exit 0
fi
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo 'qemu: QEMU 10, swtpm or OVMF is not installed; installing them takes root and Debian'"'"'s apt-get' >&2
  exit 1
fi

# Lists and packages lie in a folder that goes away: no source and no list is left that another installation would see.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"
mkdir -p "$scratch/lists/partial" "$scratch/cache/archives/partial"
sources=$scratch/sources.list
cat /etc/apt/sources.list >"$sources" 2>/dev/null || : >"$sources"
target=()
if [ "$(. /etc/os-release && echo "${ID:-} ${VERSION_CODENAME:-}")" = 'debian bookworm' ]; then
  printf '\ndeb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s bookworm-backports main\n' "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >>"$sources"
  target=(-t bookworm-backports)
fi
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get -qq -o "Dir::Etc::sourcelist=$sources" -o "Dir::State::lists=$scratch/lists" -o "Dir::Cache=$scratch/cache"
  -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o DPkg::Lock::Timeout=120)
echo 'qemu: installs qemu-system-x86 (10 or later), swtpm and ovmf with apt-get; the package sources of this machine stay as they are'
# One unreachable source of several must not hide the others; the installation itself says what is missing.
"${apt[@]}" update 2>"$scratch/update.txt" || echo 'qemu: not all package sources answered' >&2
if ! "${apt[@]}" install -y --no-install-recommends "${target[@]}" qemu-system-x86 >"$scratch/install.txt" 2>&1 ||
  ! "${apt[@]}" install -y --no-install-recommends swtpm ovmf >>"$scratch/install.txt" 2>&1; then
  grep -hE '^(E|Err)' "$scratch/update.txt" "$scratch/install.txt" >&2 || true
  echo 'qemu: apt-get could not install qemu-system-x86, swtpm and ovmf' >&2
  exit 1
fi
if ! recent; then
  echo "qemu: what apt-get installed is QEMU $(qemu_version), and 10 is needed; older ones break Linux without hardware acceleration" >&2
  exit 1
fi
say_found
