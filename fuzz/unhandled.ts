/** Finds what nobody catches: exceptions of event handlers, and promises that reject and are not waited for. Each would end the gate. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Runs something to its end; @throws Error when anything was left uncaught meanwhile. */
export async function catchingAll<T>(run: () => Promise<T>): Promise<T> {
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => void uncaught.push(error);
  process.on('uncaughtException', note);
  process.on('unhandledRejection', note);
  try {
    const value = await run();
    await nextTurn();
    if (uncaught.length === 0) return value;
  } finally {
    process.off('uncaughtException', note);
    process.off('unhandledRejection', note);
  }
  const shown = uncaught.map((error) => (error instanceof Error ? error.stack : String(error)));
  throw new Error(`property: nothing is left uncaught: ${shown.join('\n')}`);
}
