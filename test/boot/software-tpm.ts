/**
 * A software TPM for one machine, and what its registers hold once the machine is gone. The guest takes no part in reading them: the machine is ended,
 * swtpm keeps its state, and a second one reads it. (swtpm(8) control channel; TCG TPM 2.0 Library part 3, 22.4 TPM2_PCR_Read.)
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { concatBytes } from '../../src/base/bytes.ts';

export type Bank = 'sha256' | 'sha384';

const ALGORITHMS: Readonly<Record<Bank, number>> = { sha256: 0x0b, sha384: 0x0c };
const STORE_VOLATILE = 10;
const READ_PCR = 0x17e;

export interface SoftwareTpm extends AsyncDisposable {
  /** What QEMU takes to give a machine this TPM. */
  readonly options: readonly string[];
  /** Reads a register of a machine that has been ended without being powered off. */
  readPcr(bank: Bank, index: number): Promise<Uint8Array>;
}

/** Sends bytes to a unix socket and gives the first answer. */
async function ask(path: string, bytes: Uint8Array): Promise<Uint8Array> {
  const socket = connect(path);
  try {
    socket.write(bytes);
    const [answer] = (await once(socket, 'data')) as [Uint8Array];
    return answer;
  } finally {
    socket.destroy();
  }
}

function words(...values: readonly (readonly [value: number, bytes: 1 | 2 | 4])[]): Uint8Array {
  const parts = values.map(([value, size]) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value);
    return bytes.slice(4 - size);
  });
  return concatBytes(...parts);
}

function readCommand(bank: Bank, index: number): Uint8Array {
  const selection = new Uint8Array(3);
  selection[index >> 3] = 1 << (index & 7);
  const body = concatBytes(words([1, 4], [ALGORITHMS[bank], 2], [selection.length, 1]), selection);
  return concatBytes(words([0x8001, 2], [10 + body.length, 4], [READ_PCR, 4]), body);
}

/** Starts a TPM whose state lies in an empty folder. */
export async function startSoftwareTpm(folder: string): Promise<SoftwareTpm> {
  const started: ChildProcess[] = [];
  const control = join(folder, 'control');
  const data = join(folder, 'data');

  async function start(listens: string, args: readonly string[]): Promise<void> {
    const tpm = spawn('swtpm', ['socket', '--tpm2', '--tpmstate', `dir=${folder}`, ...args], { stdio: 'ignore' });
    started.push(tpm);
    // It says nothing when it listens.
    while (!existsSync(listens)) {
      if (tpm.exitCode !== null) throw new Error(`swtpm ended with ${tpm.exitCode}`);
      await sleep(10);
    }
  }

  async function stop(): Promise<void> {
    for (const tpm of started.splice(0)) {
      if (tpm.exitCode !== null || tpm.signalCode !== null) continue;
      tpm.kill('SIGKILL');
      await once(tpm, 'exit');
    }
  }

  await start(control, ['--ctrl', `type=unixio,path=${control}`]);
  return {
    options: [
      '-chardev',
      `socket,id=tpm,path=${control}`,
      '-tpmdev',
      'emulator,id=tpm,chardev=tpm',
      '-device',
      'tpm-crb,tpmdev=tpm',
    ],
    async readPcr(bank, index) {
      if (!existsSync(data)) {
        const stored = await ask(control, words([STORE_VOLATILE, 4]));
        if (stored.some((byte) => byte !== 0)) throw new Error('swtpm did not keep its state');
        await stop();
        await start(data, [
          '--server',
          `type=unixio,path=${data}`,
          '--ctrl',
          `type=unixio,path=${control}`,
          '--flags',
          'not-need-init',
        ]);
      }
      const answer = await ask(data, readCommand(bank, index));
      // Head, update counter and selection come before the one digest; its length stands in front of it.
      const size = answer[29];
      const digest = answer.slice(30);
      if (answer.slice(6, 10).some((byte) => byte !== 0) || size !== digest.length)
        throw new Error('the TPM gave no register');
      return digest;
    },
    [Symbol.asyncDispose]: stop,
  };
}
