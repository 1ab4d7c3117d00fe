/** A machine under test: QEMU with given options, what the machine has said so far, and a way to wait for what it says next. */
import { type RunningQemu, startQemu } from '../../src/image/qemu.ts';

export interface Machine extends AsyncDisposable {
  /** Everything on the first serial line. */
  readonly lines: readonly string[];
  readonly ended: RunningQemu['ended'];
  /** Waits for a line, said already or to come; fails with all lines when the machine ends without it. */
  said(pattern: RegExp): Promise<string>;
}

/** Starts a machine. */
export async function startMachine(options: readonly string[]): Promise<Machine> {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const qemu = await startQemu(options, (line) => {
    lines.push(line);
    for (const look of waiting) look();
  });
  return {
    lines,
    ended: qemu.ended,
    async said(pattern) {
      const found = Promise.withResolvers<string>();
      const look = (): void => {
        const line = lines.find((text) => pattern.test(text));
        if (line !== undefined) found.resolve(line);
      };
      waiting.add(look);
      look();
      const over = qemu.ended.then(({ code, complaint }): never => {
        throw new Error(`the machine ended (${code}) without saying ${pattern}:\n${lines.join('\n')}\n${complaint}`);
      });
      try {
        return await Promise.race([found.promise, over]);
      } finally {
        waiting.delete(look);
      }
    },
    [Symbol.asyncDispose]: () => qemu[Symbol.asyncDispose](),
  };
}
