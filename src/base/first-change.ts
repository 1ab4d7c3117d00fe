/**
 * Waits for the first of several changes, again and again, and leaves nothing behind on those that stay away: `Promise.race` would leave a
 * closure on each of them for every wait, as long as they live.
 */

const waiting = new WeakMap<Promise<void>, Set<() => void>>();

function waitersOf(change: Promise<void>): Set<() => void> {
  const known = waiting.get(change);
  if (known !== undefined) return known;
  const waiters = new Set<() => void>();
  const wakeAll = (): void => {
    // Whoever asks later subscribes anew.
    waiting.delete(change);
    for (const wake of waiters) wake();
  };
  waiting.set(change, waiters);
  change.then(wakeAll, wakeAll);
  return waiters;
}

/** Resolves when the first of these promises is settled, which must not be none. */
export async function firstChange(changes: readonly Promise<void>[]): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const all = changes.map(waitersOf);
  for (const waiters of all) waiters.add(resolve);
  await promise;
  for (const waiters of all) waiters.delete(resolve);
}
