/**
 * Times several functions in turns within one run, so that a noisy neighbour slows all of them alike. Gives the median over rounds:
 * on a shared machine the mean measures the neighbour.
 */

const ROUNDS = 9;
const ROUND_MS = 60;

async function roundOf(subject: () => unknown, calls: number): Promise<number> {
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) {
    const result = subject();
    if (result instanceof Promise) await result;
  }
  return Number(process.hrtime.bigint() - start) / 1000 / calls;
}

/** Measures microseconds per call of each subject; each is first warmed up, and called so often that a round takes some 60 ms. */
export async function sideBySide<Name extends string>(
  subjects: Readonly<Record<Name, () => unknown>>,
): Promise<Readonly<Record<Name, number>>> {
  const names = Object.keys(subjects) as Name[];
  const rounds = new Map<Name, { readonly calls: number; readonly timesUs: number[] }>();
  for (const name of names) {
    await roundOf(subjects[name], 5);
    const guessUs = await roundOf(subjects[name], 20);
    rounds.set(name, { calls: Math.max(1, Math.round((ROUND_MS * 1000) / guessUs)), timesUs: [] });
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, { calls, timesUs }] of rounds) timesUs.push(await roundOf(subjects[name], calls));
  }
  const medians = names.map((name) => {
    const sorted = (rounds.get(name)?.timesUs ?? []).toSorted((a, b) => a - b);
    return [name, sorted[Math.floor(sorted.length / 2)] ?? Number.NaN] as const;
  });
  return Object.fromEntries(medians) as Record<Name, number>;
}
