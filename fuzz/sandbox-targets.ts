/** What is fuzzed of the sandbox: all that stands between the gate, a function's process and its guest. */
import { ABI_TARGET } from './abi-target.ts';
import { asyncTarget } from './async-target.ts';
import { BUNDLE_TARGETS } from './bundle-target.ts';
import { componentTarget } from './component-target.ts';
import { FRAME_TARGET } from './frame-target.ts';
import { GATE_TARGET } from './gate-target.ts';
import { moduleTarget } from './module-target.ts';
import type { Target } from './target.ts';
import { TREE_TARGETS } from './tree-target.ts';
import { makeComponents, makeModules } from './wasm-seeds.ts';

/** Makes the targets of the sandbox, whose valid inputs are made, not loaded. */
export async function sandboxTargets(): Promise<readonly Target[]> {
  const [modules, components] = [await makeModules(), await makeComponents()];
  return [
    FRAME_TARGET,
    GATE_TARGET,
    ABI_TARGET,
    await asyncTarget(),
    moduleTarget(modules),
    componentTarget(components),
    ...BUNDLE_TARGETS,
    ...TREE_TARGETS,
  ];
}
