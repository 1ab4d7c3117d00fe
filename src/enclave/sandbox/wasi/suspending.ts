/**
 * Makes imports of core modules that suspend their guest until they have an answer. A guest whose call is over meanwhile is never woken, and
 * one whose host cannot go on is ended by a trap that it cannot catch. [JSPI]
 */
import { endGuest, type Fate, leaveGuest } from '../component/trap.ts';
import { ENGINE } from '../engine.ts';

/** Makes an import of what answers it; `fate` says whether its guest still goes on. */
export function suspending(fate: Fate, run: (...args: never[]) => Promise<number>): object {
  const answer = async (args: never[]): Promise<number> => {
    let result: number | null = null;
    try {
      result = await run(...args);
    } catch (e) {
      if (fate.failure === null) return endGuest(fate, e);
    }
    // Woken now it could compute for as long as it likes, and no call's deadline would stop it.
    if (fate.failure !== null || result === null) return await new Promise<never>(() => undefined);
    return result;
  };
  return new ENGINE.Suspending((...args: never[]) => leaveGuest(fate, () => answer(args)));
}
