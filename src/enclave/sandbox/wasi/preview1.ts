/**
 * wasi_snapshot_preview1 for a core module that `anchorhold run` starts: arguments, standard streams, clocks and randomness. There are
 * no directories and no sockets, so every path and socket call is refused by number. [WASI snapshot-01]
 */
import { concatBytes, encodeUtf8 } from '../../../base/bytes.ts';
import type { WasmMemory } from '../engine.ts';
import { ExitRequest, type GuestCall } from './call.ts';

const SUCCESS = 0;
const BADF = 8;
const FAULT = 21;
const INVAL = 28;
const IO = 29;
const NOSYS = 52;
const SPIPE = 70;
const NOTCAPABLE = 76;

const CHARACTER_DEVICE = 2;
const RIGHT_FD_READ = 2n;
const RIGHT_FD_WRITE = 64n;
const NANOS_PER_MS = 1_000_000n;
const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;
const EVENT_CLOCK = 0;
const ABSOLUTE = 1;

/** A preview1 function: numbers in, an errno out. */
export type Preview1Function = (...args: never[]) => number;

/** Every name of the interface; those that are not implemented below answer `notcapable`. */
const REFUSED_NAMES = [
  'path_create_directory',
  'path_filestat_get',
  'path_filestat_set_times',
  'path_link',
  'path_open',
  'path_readlink',
  'path_remove_directory',
  'path_rename',
  'path_symlink',
  'path_unlink_file',
  'sock_accept',
  'sock_recv',
  'sock_send',
  'sock_shutdown',
] as const;

/** Names that want an open file: only the three standard streams exist, and they are not files. */
const FILE_NAMES = [
  'fd_advise',
  'fd_allocate',
  'fd_filestat_set_size',
  'fd_filestat_set_times',
  'fd_pread',
  'fd_pwrite',
  'fd_readdir',
  'fd_datasync',
  'fd_sync',
  'fd_renumber',
  'fd_fdstat_set_rights',
] as const;

/** Makes the imports of one run; `memory` gives the module's memory once it exists. A bad pointer is `fault`, never an exception. */
export function openPreview1(call: GuestCall, memory: () => WasmMemory): Record<string, Preview1Function> {
  const open = new Set([0, 1, 2]);
  const { surroundings } = call;

  const view = (): DataView => new DataView(memory().buffer);
  const bytesAt = (at: number, length: number): Uint8Array => new Uint8Array(memory().buffer, at >>> 0, length >>> 0);
  const guard =
    <A extends readonly never[]>(f: (...args: A) => number) =>
    (...args: A): number => {
      try {
        return f(...args);
      } catch (e) {
        if (e instanceof RangeError) return FAULT;
        throw e;
      }
    };

  const vectors = (at: number, count: number): Uint8Array[] =>
    Array.from({ length: Math.min(count >>> 0, 1024) }, (_, i) => {
      const from = (at >>> 0) + i * 8;
      return bytesAt(view().getUint32(from, true), view().getUint32(from + 4, true));
    });

  function writeList(items: readonly Uint8Array[], at: number, bufferAt: number): number {
    let to = bufferAt >>> 0;
    items.forEach((item, i) => {
      view().setUint32((at >>> 0) + i * 4, to, true);
      bytesAt(to, item.length + 1).set(concatBytes(item, Uint8Array.of(0)));
      to += item.length + 1;
    });
    return SUCCESS;
  }
  function writeSizes(items: readonly Uint8Array[], countAt: number, sizeAt: number): number {
    view().setUint32(countAt >>> 0, items.length, true);
    view().setUint32(
      sizeAt >>> 0,
      items.reduce((n, a) => n + a.length + 1, 0),
      true,
    );
    return SUCCESS;
  }
  const args = call.args.map((a) => encodeUtf8(a));

  const readClock = (id: number): bigint | null => {
    if (id === 0) return surroundings.wallNanos();
    return id === 1 ? surroundings.monotonicNanos() : null;
  };

  function readStdin(fd: number, at: number, count: number, sizeAt: number): number {
    if (fd !== 0 || !open.has(fd)) return BADF;
    let size = 0;
    for (const to of vectors(at, count)) {
      const part = call.stdin.rest.subarray(0, to.length);
      to.set(part);
      call.stdin.rest = call.stdin.rest.subarray(part.length);
      size += part.length;
    }
    view().setUint32(sizeAt >>> 0, size, true);
    return SUCCESS;
  }
  function writeOutput(fd: number, at: number, count: number, sizeAt: number): number {
    if ((fd !== 1 && fd !== 2) || !open.has(fd)) return BADF;
    const bytes = concatBytes(...vectors(at, count));
    if (!(fd === 1 ? call.stdout : call.stderr).write(bytes)) return IO;
    view().setUint32(sizeAt >>> 0, bytes.length, true);
    return SUCCESS;
  }
  function writeFdstat(fd: number, at: number): number {
    if (!open.has(fd)) return BADF;
    bytesAt(at, 24).fill(0);
    view().setUint8(at >>> 0, CHARACTER_DEVICE);
    view().setBigUint64((at >>> 0) + 8, fd === 0 ? RIGHT_FD_READ : RIGHT_FD_WRITE, true);
    return SUCCESS;
  }
  function writeFilestat(fd: number, at: number): number {
    if (!open.has(fd)) return BADF;
    bytesAt(at, 64).fill(0);
    view().setUint8((at >>> 0) + 16, CHARACTER_DEVICE);
    return SUCCESS;
  }

  /** Answers each stream subscription at once, else sleeps until the first clock; nothing else of the process has to run meanwhile. */
  function pollOnce(inAt: number, outAt: number, count: number, sizeAt: number): number {
    if (count === 0) return INVAL;
    const events: { at: number; type: number; waitNanos: bigint }[] = [];
    for (let i = 0; i < count >>> 0; i++) {
      const at = (inAt >>> 0) + i * SUBSCRIPTION_BYTES;
      const type = view().getUint8(at + 8);
      const timeout = view().getBigUint64(at + 24, true);
      const absolute = view().getUint16(at + 40, true) === ABSOLUTE;
      const now = type === EVENT_CLOCK ? readClock(view().getUint32(at + 16, true)) : 0n;
      if (now === null) return INVAL;
      events.push({ at, type, waitNanos: type !== EVENT_CLOCK ? 0n : absolute ? timeout - now : timeout });
    }
    const wait = events.reduce((least, e) => (e.waitNanos < least ? e.waitNanos : least), 1n << 62n);
    if (wait > 0n) surroundings.sleepUntil(surroundings.monotonicNanos() + wait);
    const due = events.filter((e) => e.waitNanos <= wait);
    due.forEach((e, i) => {
      const to = (outAt >>> 0) + i * EVENT_BYTES;
      bytesAt(to, EVENT_BYTES).fill(0);
      view().setBigUint64(to, view().getBigUint64(e.at, true), true);
      view().setUint8(to + 10, e.type);
    });
    view().setUint32(sizeAt >>> 0, due.length, true);
    return SUCCESS;
  }

  const functions: Record<string, Preview1Function> = {
    args_get: guard((at: number, bufferAt: number) => writeList(args, at, bufferAt)),
    args_sizes_get: guard((countAt: number, sizeAt: number) => writeSizes(args, countAt, sizeAt)),
    environ_get: () => SUCCESS,
    environ_sizes_get: guard((countAt: number, sizeAt: number) => writeSizes([], countAt, sizeAt)),
    clock_res_get: guard((id: number, at: number) => {
      if (readClock(id) === null) return INVAL;
      view().setBigUint64(at >>> 0, id === 0 ? NANOS_PER_MS : 1n, true);
      return SUCCESS;
    }),
    clock_time_get: guard((id: number, _precision: bigint, at: number) => {
      const now = readClock(id);
      if (now === null) return INVAL;
      view().setBigUint64(at >>> 0, now, true);
      return SUCCESS;
    }),
    fd_read: guard(readStdin),
    fd_write: guard(writeOutput),
    fd_close: (fd: number) => (open.delete(fd) ? SUCCESS : BADF),
    fd_seek: (fd: number) => (open.has(fd) ? SPIPE : BADF),
    fd_tell: (fd: number) => (open.has(fd) ? SPIPE : BADF),
    fd_fdstat_get: guard(writeFdstat),
    fd_fdstat_set_flags: (fd: number) => (open.has(fd) ? NOSYS : BADF),
    fd_filestat_get: guard(writeFilestat),
    fd_prestat_get: () => BADF,
    fd_prestat_dir_name: () => BADF,
    poll_oneoff: guard(pollOnce),
    random_get: guard((at: number, length: number) => {
      surroundings.fillRandom(bytesAt(at, length));
      return SUCCESS;
    }),
    sched_yield: () => SUCCESS,
    proc_raise: () => NOSYS,
    proc_exit: (code: number) => {
      const exitCode = code & 0xff;
      call.exited(exitCode);
      throw new ExitRequest(exitCode);
    },
  };
  for (const name of REFUSED_NAMES) functions[name] = () => NOTCAPABLE;
  for (const name of FILE_NAMES) functions[name] = (fd: number) => (open.has(fd) ? NOTCAPABLE : BADF);
  return functions;
}
