/** A child process without a process: its end of the pipe is in the test's hands, and it dies when it is told to. */
import { duplexPair } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ConfinedProcess } from '../../../src/enclave/sandbox/confined-process.ts';
import { encodeFrame, type Frame, openFrameReader } from '../../../src/enclave/sandbox/frame.ts';
import type { Head } from '../../../src/enclave/sandbox/frame-head.ts';
import { FRAME } from '../../../src/enclave/sandbox/messages.ts';

export interface FakeChild {
  readonly process: ConfinedProcess;
  /** What the gate sent. */
  readonly heard: readonly Frame[];
  readonly isGone: () => boolean;
  /** Sends a frame, and waits until it was taken. */
  say(type: number, call?: number, head?: Head, body?: Uint8Array): Promise<void>;
  /** Sends bytes as they are, and waits until they were taken. */
  write(bytes: Uint8Array): Promise<void>;
  /** Sends one frame of a type for each of these calls, in one piece. */
  sayAll(type: number, calls: readonly number[]): void;
  /** Ends by itself. */
  die(): Promise<void>;
}

export function fakeChild(): FakeChild {
  const [ours, theirs] = duplexPair();
  const heard: Frame[] = [];
  const read = openFrameReader(1024 * 1024);
  let gone = false;
  theirs.on('data', (chunk: Uint8Array) => heard.push(...(read(chunk) ?? [])));
  theirs.on('error', () => undefined);
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  const end = (): void => {
    if (gone) return;
    gone = true;
    setImmediate(resolve);
  };
  const process: ConfinedProcess = { pid: undefined, pipe: ours, output: [], kill: end, ended };
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 4; turn++) await nextTurn();
  };
  return {
    process,
    heard,
    isGone: () => gone,
    async say(type, call = 0, head = {}, body = new Uint8Array(0)) {
      theirs.write(encodeFrame(type, call, head, body));
      await settle();
    },
    async write(bytes) {
      theirs.write(bytes);
      await settle();
    },
    sayAll(type, calls) {
      theirs.write(Buffer.concat(calls.map((call) => encodeFrame(type, call, {}))));
    },
    async die() {
      end();
      await settle();
    },
  };
}

/** Says that it is ready. */
export const beReady = (child: FakeChild | undefined): Promise<void> | undefined => child?.say(FRAME.ready);
