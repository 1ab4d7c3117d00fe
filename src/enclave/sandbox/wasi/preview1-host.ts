/** What every function of preview1 has at hand, and the form of the tables that they stand in. */
import type { GuestCall } from './call.ts';
import type { DescriptorTable } from './preview1-descriptors.ts';
import type { Preview1Memory } from './preview1-memory.ts';

/** One guest: its call, its memory, its descriptors. */
export interface Preview1Host {
  readonly call: GuestCall;
  readonly memory: Preview1Memory;
  readonly descriptors: DescriptorTable;
}

/** Functions by name. Each gives nothing when it succeeds, throws an `Errno` or a `FileError` when it does not, and waits by a promise. */
export type Preview1Part = Readonly<Record<string, (host: Preview1Host, ...args: never[]) => void | Promise<void>>>;
