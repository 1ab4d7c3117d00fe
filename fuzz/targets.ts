/** Every target of `make fuzz`: what the verifier reads, and what stands between the gate and a function. */
import { FRAME_TARGET } from './frame-target.ts';
import { GATE_TARGET } from './gate-target.ts';
import type { Seeds } from './seeds.ts';
import type { Target } from './target.ts';
import { verifierTargets } from './verifier-targets.ts';

/** The targets of the sandbox, which make their own valid inputs. */
export const SANDBOX_TARGETS: readonly Target[] = [FRAME_TARGET, GATE_TARGET];

/** Gives all targets over these seeds. */
export function makeTargets(seeds: Seeds): readonly Target[] {
  return [...verifierTargets(seeds), ...SANDBOX_TARGETS];
}
