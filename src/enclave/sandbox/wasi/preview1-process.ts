/** What a program is started with, its randomness, its end, and sockets, of which there are none. [WASI snapshot-01 args_*, environ_*, random_get, proc_*, sock_*] */
import { encodeUtf8 } from '../../../base/bytes.ts';
import { ExitRequest } from './call.ts';
import { Errno } from './preview1-errno.ts';
import type { Preview1Host, Preview1Part } from './preview1-host.ts';
import type { Preview1Memory } from './preview1-memory.ts';

/** Makes the texts of a list as C has them: each ends with a zero. */
function terminated(texts: readonly string[]): readonly Uint8Array[] {
  return texts.map((text) => encodeUtf8(`${text}\0`));
}

const argsOf = ({ call }: Preview1Host): readonly Uint8Array[] => terminated(call.args);
const environmentOf = ({ call }: Preview1Host): readonly Uint8Array[] =>
  terminated(call.env.map(([name, value]) => `${name}=${value}`));

function writeSizes(memory: Preview1Memory, items: readonly Uint8Array[], countAt: number, sizeAt: number): void {
  memory.setU32(countAt, items.length);
  memory.setU32(
    sizeAt,
    items.reduce((sum, item) => sum + item.length, 0),
  );
}

function writeItems(memory: Preview1Memory, items: readonly Uint8Array[], listAt: number, bufferAt: number): void {
  const list = memory.view(listAt, items.length * 4);
  let to = bufferAt >>> 0;
  items.forEach((item, i) => {
    memory.bytes(to, item.length).set(item);
    list.setUint32(i * 4, to, true);
    to += item.length;
  });
}

/** A descriptor that is open is no socket, whatever it is. */
function refuseSocket({ descriptors }: Preview1Host, fd: number): never {
  descriptors.get(fd, 0n);
  throw new Errno('notsock');
}

/** The functions of a process. */
export const PROCESS: Preview1Part = {
  args_sizes_get: (host, countAt: number, sizeAt: number) => writeSizes(host.memory, argsOf(host), countAt, sizeAt),
  args_get: (host, listAt: number, bufferAt: number) => writeItems(host.memory, argsOf(host), listAt, bufferAt),
  environ_sizes_get: (host, countAt: number, sizeAt: number) =>
    writeSizes(host.memory, environmentOf(host), countAt, sizeAt),
  environ_get: (host, listAt: number, bufferAt: number) =>
    writeItems(host.memory, environmentOf(host), listAt, bufferAt),
  random_get: ({ call, memory }, at: number, length: number) => call.surroundings.fillRandom(memory.bytes(at, length)),
  sched_yield: () => undefined,
  proc_exit: ({ call }, code: number) => {
    call.exited(code >>> 0);
    throw new ExitRequest(code >>> 0);
  },
  proc_raise: () => {
    throw new Errno('nosys');
  },
  sock_accept: refuseSocket,
  sock_recv: refuseSocket,
  sock_send: refuseSocket,
  sock_shutdown: refuseSocket,
};
