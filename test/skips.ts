/** Skips tests that this machine cannot run, by name and with a reason, and prints how many at the end: a skip nobody sees is a pass. */
import { afterAll, it } from 'vitest';

interface Skip {
  readonly name: string;
  readonly reason: string;
}

const skips: Skip[] = [];

/** Gives `it` when the condition holds; otherwise a stand-in that skips each test and keeps the reason for the count. */
export function skipUnless(condition: boolean, reason: string): (name: string, run: () => unknown) => void {
  if (condition) return (name, run) => it(name, run as () => Promise<void>);
  return (name) => {
    skips.push({ name, reason });
    it.skip(`${name} [skipped: ${reason}]`, () => undefined);
  };
}

afterAll(() => {
  if (skips.length === 0) return;
  const lines = skips.map(({ name, reason }) => `  ${name}: ${reason}`);
  process.stderr.write(`skipped ${skips.length}:\n${lines.join('\n')}\n`);
});
