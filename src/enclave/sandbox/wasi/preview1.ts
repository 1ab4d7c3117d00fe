/**
 * wasi_snapshot_preview1, whole, for core modules: the tables of its functions made into imports. What a guest does wrong is an error
 * number; what ends it (an exit, a fault of the host) is a trap, because a guest can catch errors of the host's language. [WASI snapshot-01]
 */
import { type Fate, leaveGuest } from '../component/trap.ts';
import type { GuestCall } from './call.ts';
import { DescriptorTable } from './preview1-descriptors.ts';
import { ERRNO, errnoOf } from './preview1-errno.ts';
import { FD } from './preview1-fd.ts';
import { FD_DATA } from './preview1-fd-data.ts';
import type { Preview1Host, Preview1Part } from './preview1-host.ts';
import { Preview1Memory } from './preview1-memory.ts';
import { PATH } from './preview1-path.ts';
import { POLL, WAITING } from './preview1-poll.ts';
import { PROCESS } from './preview1-process.ts';
import { suspending } from './suspending.ts';

/** The module name of every function. */
export const PREVIEW1 = 'wasi_snapshot_preview1';

const FUNCTIONS: Preview1Part = { ...PROCESS, ...POLL, ...FD, ...FD_DATA, ...PATH };

/** Every name that a module may import. */
export const PREVIEW1_NAMES: ReadonlySet<string> = new Set(Object.keys(FUNCTIONS));

type Answer = (host: Preview1Host, ...args: readonly unknown[]) => void | Promise<void>;

/** Makes the import of a function that answers at once. */
function answerAtOnce(fate: Fate, host: Preview1Host, answer: Answer): (...args: readonly unknown[]) => number {
  return (...args) =>
    leaveGuest(fate, () => {
      try {
        void answer(host, ...args);
        return ERRNO.success;
      } catch (e) {
        const errno = errnoOf(e);
        if (errno === null) throw e;
        return errno;
      }
    });
}

/** Makes the import of a function that suspends the guest until it has its answer. */
function answerLater(fate: Fate, host: Preview1Host, answer: Answer): object {
  return suspending(fate, async (...args: readonly unknown[]) => {
    try {
      await answer(host, ...args);
      return ERRNO.success;
    } catch (e) {
      const errno = errnoOf(e);
      if (errno === null) throw e;
      return errno;
    }
  });
}

/** One guest's imports, and its memory, which is bound once the module is instantiated. */
export interface Preview1 {
  readonly imports: Readonly<Record<string, unknown>>;
  readonly memory: Preview1Memory;
}

/** Makes the imports of one guest; `fate` says what becomes of it. */
export function openPreview1(call: GuestCall, fate: Fate): Preview1 {
  const host: Preview1Host = { call, memory: new Preview1Memory(), descriptors: new DescriptorTable(call) };
  const imports = Object.entries(FUNCTIONS).map(([name, answer]) => {
    const make = WAITING.has(name) ? answerLater : answerAtOnce;
    return [name, make(fate, host, answer as Answer)];
  });
  return { imports: Object.fromEntries(imports) as Record<string, unknown>, memory: host.memory };
}
