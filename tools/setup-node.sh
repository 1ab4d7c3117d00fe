#!/usr/bin/env bash
# Puts a Node of the pinned major into .toolchain/bin: the machine's own when it is new enough, else the pinned one from npm.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted=26
mkdir -p .toolchain/bin
machine=$(PATH=$(printf %s "$PATH" | tr : '\n' | grep -v '/\.toolchain/bin$' | paste -sd:) command -v node || true)
if [ -n "$machine" ] && [ "$("$machine" -p 'process.versions.node.split(".")[0]')" -ge "$wanted" ]; then
  ln -sf "$machine" .toolchain/bin/node
else
  command -v npm >/dev/null || { echo "setup: npm is not on this machine; install it (Debian: apt-get install npm)" >&2; exit 1; }
  echo "setup: fetching Node $wanted (locked in toolchain/package-lock.json)"
  cp toolchain/package.json toolchain/package-lock.json .npmrc .toolchain/
  (cd .toolchain && npm ci --no-progress --loglevel=error)
  for binary in .toolchain/node_modules/node-*/bin/node; do ln -sf "../../$binary" .toolchain/bin/node; done
fi
echo "setup: Node $(.toolchain/bin/node --version)"
