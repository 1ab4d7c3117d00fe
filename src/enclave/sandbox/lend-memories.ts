/** Has the core modules of a component use memories that the host makes, so that one memory can serve one instance after another. */
import type { Plan } from './component/plan.ts';
import { importMemory, type MemoryLimits, OWN_MEMORY } from './wasm/import-memory.ts';

/**
 * Gives the plan with such modules, and the memory that each of them is to be given. A component that gives its modules something under the
 * name of that import keeps its own memories. @throws Malformed
 */
export function lendMemories(plan: Plan): { readonly plan: Plan; readonly memories: readonly (MemoryLimits | null)[] } {
  const isTaken = plan.steps.some(({ imports }) => imports.some(([name]) => name === OWN_MEMORY.module));
  const lent = plan.modules.map((bytes) => (isTaken ? null : importMemory(bytes)));
  const modules = plan.modules.map((bytes, i) => lent[i]?.module ?? bytes);
  return { plan: { ...plan, modules }, memories: lent.map((found) => found?.limits ?? null) };
}
