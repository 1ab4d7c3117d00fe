/** A preview1 guest without a module: its imports, called as a module would call them, over one page of memory. */
import type { Fate } from '../../../../src/enclave/sandbox/component/trap.ts';
import { ENGINE } from '../../../../src/enclave/sandbox/engine.ts';
import type { DirectoryNode } from '../../../../src/enclave/sandbox/files/nodes.ts';
import { NO_EGRESS, type OpenCall, openCall } from '../../../../src/enclave/sandbox/guest-call.ts';
import { openPreview1 } from '../../../../src/enclave/sandbox/wasi/preview1.ts';
import { REAL_SURROUNDINGS } from '../../../../src/enclave/sandbox/wasi/surroundings.ts';

export interface TestGuest {
  readonly call: OpenCall;
  readonly fate: Fate;
  readonly memory: Uint8Array;
  readonly view: DataView;
  /** Calls a function that does not suspend; gives its error number. */
  errno(name: string, ...args: readonly (number | bigint)[]): number;
  /** Puts text into memory; gives where and how long, as arguments. */
  put(at: number, text: string): readonly [at: number, length: number];
}

export interface GuestOptions {
  readonly mounts?: readonly { readonly path: string; readonly root: DirectoryNode }[];
  readonly args?: readonly string[];
  readonly env?: readonly (readonly [string, string])[];
  readonly stdin?: string;
}

export function openTestGuest({ mounts = [], args = [], env = [], stdin = '' }: GuestOptions = {}): TestGuest {
  const given = {
    args,
    env,
    mounts,
    stdin: new TextEncoder().encode(stdin),
    outside: NO_EGRESS,
    surroundings: REAL_SURROUNDINGS,
  };
  const call = openCall(given, 100);
  const fate: Fate = { mayLeave: true, failure: null };
  const { imports, memory: bound } = openPreview1(call, fate);
  const wasm = new ENGINE.Memory({ initial: 1 });
  bound.bind(wasm);
  const memory = new Uint8Array(wasm.buffer);
  return {
    call,
    fate,
    memory,
    view: new DataView(wasm.buffer),
    errno: (name, ...numbers) => (imports[name] as (...args: readonly unknown[]) => number)(...numbers),
    put(at, text) {
      const bytes = new TextEncoder().encode(text);
      memory.set(bytes, at);
      return [at, bytes.length];
    },
  };
}
