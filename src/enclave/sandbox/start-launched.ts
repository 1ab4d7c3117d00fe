/**
 * Has the image's init start a confined process, as a user of its own: the gate has no right to change users. One connection becomes the process's
 * pipe; a second one stands for the process: init says its number there, kills it when the gate hangs up, and hangs up when it is gone.
 */
import { connect } from 'node:net';
import { encodeUtf8 } from '../../base/bytes.ts';
import type { ConfinedProcess, KernelCaps, StartConfined } from './confined-process.ts';

/** Where the image's init listens; only the gate's user can open it. */
export const LAUNCH_SOCKET = '/run/anchorhold/launch.sock';

/** Each process is a user of its own, and there are as many. */
const SLOTS = 256;
const KIND = { start: 1, watch: 2 } as const;
const HEAD_BYTES = 3;
const PID_BYTES = 4;

/** Writes `u32 length, u8 kind, u16 slot, rest`, big-endian. */
function encodeRequest(kind: number, slot: number, rest: Uint8Array): Uint8Array {
  const request = new Uint8Array(4 + HEAD_BYTES + rest.length);
  const view = new DataView(request.buffer);
  view.setUint32(0, HEAD_BYTES + rest.length);
  view.setUint8(4, kind);
  view.setUint16(5, slot);
  request.set(rest, 4 + HEAD_BYTES);
  return request;
}

/** Writes `u32 MiB`, and then the group and each argument with a zero byte behind it. */
function encodeStart(args: readonly string[], { dataMiB, group }: KernelCaps): Uint8Array {
  const texts = encodeUtf8([group ?? '', ...args].map((text) => `${text}\0`).join(''));
  const rest = new Uint8Array(4 + texts.length);
  new DataView(rest.buffer).setUint32(0, dataMiB);
  rest.set(texts, 4);
  return rest;
}

/** Opens the way to a launcher. What it gives throws RangeError when all its slots are taken. */
export function startLaunched(socket: string): StartConfined {
  const taken = new Set<number>();
  let last = -1;

  /** Gives the slot that was free the longest: its user is that of a process that is long gone. */
  function takeSlot(): number {
    for (let i = 1; i <= SLOTS; i++) {
      const slot = (last + i) % SLOTS;
      if (taken.has(slot)) continue;
      taken.add(slot);
      last = slot;
      return slot;
    }
    throw new RangeError('no function process can be started: all slots are taken');
  }

  return (args, caps): ConfinedProcess => {
    const slot = takeSlot();
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    let pid: number | undefined;
    let isKilled = false;
    let hangUp = (): void => undefined;
    const leave = (): void => {
      taken.delete(slot);
      resolve();
    };
    const pipe = connect(socket);
    /** Is opened when the request has been taken: init reads connections in the order in which they came. */
    function watch(): void {
      const line = connect(socket);
      let said = new Uint8Array(0);
      hangUp = () => void line.end();
      line.write(encodeRequest(KIND.watch, slot, new Uint8Array(0)));
      line.on('data', (chunk: Uint8Array) => {
        said = Uint8Array.of(...said, ...chunk).subarray(0, PID_BYTES);
        if (said.length === PID_BYTES) pid = new DataView(said.buffer, said.byteOffset).getUint32(0);
      });
      line.on('error', () => undefined);
      line.once('close', leave);
      if (isKilled) hangUp();
    }
    let isAsked = false;
    pipe.write(encodeRequest(KIND.start, slot, encodeStart(args, caps)), (error) => {
      if (error instanceof Error) return;
      isAsked = true;
      watch();
    });
    pipe.once('close', () => {
      if (!isAsked) leave();
    });
    return {
      get pid() {
        return pid;
      },
      pipe,
      output: [],
      kill() {
        if (isKilled) return;
        isKilled = true;
        hangUp();
      },
      ended,
    };
  };
}
