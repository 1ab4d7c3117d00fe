# Anchorhold. `make` lists the targets; each one sets up what it lacks.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The pinned Node comes first, so that npm and every tool run with it.
export PATH := $(CURDIR)/.toolchain/bin:$(CURDIR)/node_modules/.bin:$(PATH)

.PHONY: help setup functions demo check test test-netns test-boot test-containers disk-tools packet-rules image image-verify chromium interop fuzz mutation conformance bench bench-peers build docs format package-check clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | while IFS=$$'\t' read -r t d; do printf '  make %-14s %s\n' "$$t" "$$d"; done

setup: .toolchain/.stamp node_modules/.stamp ## fetch the pinned Node and the locked packages

.toolchain/.stamp: toolchain/package.json toolchain/package-lock.json tools/setup-node.sh
	@bash tools/setup-node.sh
	@touch $@

node_modules/.stamp: package.json package-lock.json .toolchain/.stamp
	@echo "setup: npm ci with Node $$(node --version)"
	@npm ci --no-progress
	@touch $@

functions: setup ## build the example functions, and print their digests
	@node tools/build-functions.ts

demo: setup ## boot a worker on a simulated AMD, ask it, and show every refusal
	@node tools/demo.ts

check: setup ## types, lint, format, unused code, package shape, import rules and generated docs
	@tsc -p .
	@oxlint --type-aware --quiet
	@biome check --error-on-warnings .
	@knip
	@vitest run test/repo test/base

test: setup ## every test that needs no special machine
	@vitest run

test-netns: setup ## the packet rules of the image in a network namespace (as root, with Debian's nftables); otherwise skipped by name
	@bash tools/setup-netns.sh || echo 'netns: goes on without, the tests are skipped by name' >&2
	@vitest run test/images

packet-rules: setup ## print the packet rules of a machine (USER_ID= of the worker, PORT= that it listens on)
	@node tools/write-packet-rules.ts "$(or $(USER_ID),$(error USER_ID= says which user the worker runs as))" "$(or $(PORT),$(error PORT= says where it listens))"

test-boot: setup ## boot the image under QEMU: verified from outside, refusals, what a taken-over process reaches, PCRs; needs `make image` (MIRROR=)
	@bash tools/setup-qemu.sh || echo 'boot: goes on without, the tests are skipped by name' >&2
	@node test/boot/prepare.ts $(MIRROR) || echo 'boot: goes on without the test module, the tests are skipped by name' >&2
	@vitest run test/boot --no-file-parallelism

image: build ## build the image of the machine into .anchorhold/image (OUT=, MIRROR=)
	@bin/anchorhold image build $(if $(OUT),--out "$(OUT)") $(if $(MIRROR),--mirror "$(MIRROR)")

image-verify: build ## build the image twice in different surroundings, and compare the bits (MIRROR=)
	@bin/anchorhold image verify $(if $(MIRROR),--mirror "$(MIRROR)")

test-containers: setup ## the image in containers of an engine of the test's own (as root, with Debian's docker.io); otherwise skipped by name
	@bash tools/setup-docker.sh || echo 'containers: goes on without, the tests are skipped by name' >&2
	@$(MAKE) image || echo 'containers: goes on without an image' >&2
	@vitest run test/containers

disk-tools: ## install Debian's programs that look at the disks of the image in tests (as root); without them those are skipped by name
	@bash tools/setup-disk-tools.sh

chromium: ## install Debian's Chromium for the browser tests (as root); without it they are skipped by name
	@bash tools/setup-chromium.sh

interop: setup ## compare our reports and verdicts with go-sev-guest (from Debian sid, 67 MB) and openssl
	@node test/interop/main.ts

fuzz: setup ## a million inputs to every parser and the sandbox (RUNS=, SEED=), and every bit of every vector flipped
	@node fuzz/main.ts --runs $(or $(RUNS),1000000) $(if $(SEED),--seed $(SEED))
	@ANCHORHOLD_BITS=all vitest run test/attestation/snp/bit-flips.test.ts

conformance: setup ## the modules of WebAssembly/wasi-testsuite (SUITE= a checkout of its branch prod/testsuite-base), or guests of bytecodealliance/jco (JCO= a checkout)
	@node conformance/main.ts $(if $(JCO),--jco "$(JCO)","$(or $(SUITE),$(error SUITE= or JCO= names a checkout))") $(if $(JSON),--json)

mutation: setup ## how many changes of src/attestation the tests notice (ROOM=policy for src/policy, FILES= for some files)
	@ROOM=$(ROOM) stryker run mutation/stryker.config.json --incrementalFile .anchorhold/mutation/$(ROOM).json \
	  --mutate '$(or $(FILES),src/$(ROOM)/**/*.ts)'
mutation: ROOM ?= attestation

bench: build ## speed as ratios, with machine and versions (CASES=, RESULTS=1 keeps the run, SOAK= requests)
	@$(if $(RESULTS),RESULTS=1) $(if $(SOAK),SOAK=$(SOAK)) node --min-semi-space-size=16 --single-threaded-gc bench/main.ts $(CASES)

bench-peers: setup ## install what the benchmarks compare with (jco, workerd, cedar-wasm; 500 MB); without it those figures are skipped by name
	@cd bench/peers && npm ci --no-progress --userconfig=$(CURDIR)/.npmrc

build: setup ## compile the published files into dist/
	@rm -rf dist && tsc -p tsconfig.build.json

package-check: build ## publint and attw on the packed package
	@publint --strict
	@attw --pack . --profile esm-only

docs: setup ## write the generated pages
	@node tools/write-docs.ts

format: setup ## format the sources
	@biome check --write .

clean: ## remove everything that setup and the builds made
	@rm -rf node_modules .toolchain dist .anchorhold coverage
