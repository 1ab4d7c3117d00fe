/** Starts the processes of one function where the kernel caps them together, if it can, and says so when it ended one for its memory. */
import type { ConfinedProcess } from './confined-process.ts';
import { type FunctionProcessLimits, groupMemoryMiB, spawnFunctionChild } from './confinement.ts';
import type { ResourceGroups } from './resource-groups.ts';

export interface Launcher {
  /** Starts one confined process; @throws what the system says when it has nothing left for one. */
  readonly launch: () => ConfinedProcess;
  /** Removes what the processes had in common; they must be gone. */
  readonly close: () => void;
}

/** Opens the launcher of a function; `onMemoryKill` hears of each process that the kernel ended for the memory of all. */
export function openLauncher(
  groups: ResourceGroups,
  name: string,
  limits: FunctionProcessLimits,
  onMemoryKill: () => void,
): Launcher {
  if (groups.kind === 'none') return { launch: () => spawnFunctionChild(limits, null), close: () => undefined };
  const group = groups.open(name, groupMemoryMiB(limits));
  let known = group.memoryKills();
  async function watch({ ended }: ConfinedProcess): Promise<void> {
    await ended;
    const kills = group.memoryKills();
    if (kills > known) onMemoryKill();
    known = kills;
  }
  return {
    launch() {
      const child = spawnFunctionChild(limits, group.path);
      void watch(child);
      return child;
    },
    close: () => group.close(),
  };
}
