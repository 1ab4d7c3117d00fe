/**
 * The far end of the guest's second serial port: answers the requests of serial_tsm.c with signed reports of a simulated machine and its certificate
 * table, as firmware and host do together. Which machine answers can be changed while the guest runs.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { concatBytes } from '../../src/base/bytes.ts';
import type { SimulatedMachine } from '../../src/testing/index.ts';
import { encodeHostTable } from '../enclave/device/host-table.ts';

const REQUEST_SIZE = 66;
const LETTER = 0x52;
const EIO = 5;

/** A report and what the host adds, as the guest's kernel hands them out. */
interface Answer {
  readonly report: Uint8Array;
  readonly table: Uint8Array;
}

export interface SerialFirmware extends AsyncDisposable {
  /** Privilege levels that were asked for, in order. */
  readonly asked: readonly number[];
  /** Signs from now on; null: every request fails as a broken device does. */
  machine: SimulatedMachine | null;
}

function sized(bytes: Uint8Array): readonly Uint8Array[] {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length, true);
  return [length, bytes];
}

function encodeAnswer(answer: Answer | null): Uint8Array {
  return answer === null
    ? Uint8Array.of(EIO)
    : concatBytes(Uint8Array.of(0), ...sized(answer.report), ...sized(answer.table));
}

/** Listens on a unix socket, for QEMU to connect to. */
export async function openSerialFirmware(path: string, first: SimulatedMachine | null): Promise<SerialFirmware> {
  const asked: number[] = [];
  const sockets = new Set<Socket>();

  function answer(request: Uint8Array): Uint8Array {
    asked.push(request[1] ?? -1);
    const { machine } = firmware;
    if (request[0] !== LETTER || machine === null) return encodeAnswer(null);
    return encodeAnswer({ report: machine.signReport(request.slice(2)), table: encodeHostTable(machine, 'DER') });
  }

  const server: Server = createServer((socket) => {
    sockets.add(socket);
    let held: Uint8Array = new Uint8Array();
    socket.on('data', (bytes) => {
      held = concatBytes(held, bytes as Uint8Array);
      for (; held.length >= REQUEST_SIZE; held = held.slice(REQUEST_SIZE))
        socket.write(answer(held.slice(0, REQUEST_SIZE)));
    });
    // QEMU ends without a word.
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
  });
  const firmware: SerialFirmware = {
    asked,
    machine: first,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((done) => server.close(() => done()));
    },
  };
  const listening = Promise.withResolvers<void>();
  server.once('error', listening.reject);
  server.listen(path, listening.resolve);
  await listening.promise;
  return firmware;
}
