/** A machine of the built image as tests start it: emulated, with 384 MB, and with whatever the test appends to the initrd. */
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { readBootFolder } from '../../src/image/boot-folder.ts';
import { parseImageLock } from '../../src/image/lock.ts';
import { type GuestMachine, qemuOptions } from '../../src/image/qemu-options.ts';
import { type TreeEntry, treeFile } from '../../src/image/tree.ts';
import { appendFiles } from './initrd.ts';
import { type Machine, startMachine } from './machine.ts';
import { IMAGE } from './needs.ts';
import { readTestPrograms, type TestPrograms } from './programs.ts';

/** The smallest memory that the image is made for. */
const MEMORY_MB = 384;

/**
 * What a machine's time is: the host's, or its instructions, two nanoseconds each, so that its deadlines mean the same on a busy host. To count
 * them makes it half as slow again. (QEMU, -icount.)
 */
export type MachineClock = 'host' | 'instructions';
const CLOCK: Readonly<Record<MachineClock, readonly string[]>> = { host: [], instructions: ['-icount', 'shift=1'] };

/** The words of the command line without which the kernel takes a module that Debian did not sign. */
const ONLY_SIGNED = ['lockdown=integrity', 'module.sig_enforce=1'];

/** The production command line, but for what would refuse the test module. */
export function testCommandLine(production: string): string {
  return production
    .split(' ')
    .filter((word) => !ONLY_SIGNED.includes(word))
    .join(' ');
}

/** Gives the module and the probe. */
export function testPrograms(): TestPrograms {
  const programs = readTestPrograms();
  if (programs === null) throw new Error('a test that needs the module was not skipped without it');
  return programs;
}

/** The files that add the test module to what init loads: it, and the list with its name at the end. */
export function moduleFiles(): readonly TreeEntry[] {
  const lock = readFileSync(resolve(import.meta.dirname, '../../images/image.lock.json'), 'utf8');
  const names = [...parseImageLock(lock).modules, 'serial_tsm'];
  return [
    treeFile('lib/modules/serial_tsm.ko', testPrograms().module),
    treeFile('etc/anchorhold/modules', encodeUtf8(names.map((name) => `${name}\n`).join(''))),
  ];
}

/** Finds a port of the loopback that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('a port was given');
  return address.port;
}

export interface ImageMachineOptions {
  /** A folder of this machine's own, for its initrd. */
  readonly folder: string;
  /** What is made of the production command line; it stays when nothing is said. */
  readonly commandLine?: (production: string) => string;
  /** Files that are appended to the initrd. */
  readonly files?: readonly TreeEntry[];
  readonly config: GuestMachine['config'];
}

/** Writes the files of a machine, and gives what describes it. */
export async function describeMachine(options: ImageMachineOptions): Promise<GuestMachine> {
  const { folder, commandLine = (text) => text, files = [], config } = options;
  const image = await readBootFolder(IMAGE);
  const initrd = join(folder, 'initrd.img');
  writeFileSync(
    initrd,
    files.length === 0 ? readFileSync(image.initrd) : appendFiles(readFileSync(image.initrd), files),
  );
  return {
    files: { ...image, initrd, commandLine: commandLine(image.commandLine) },
    vcpus: 1,
    cpu: 'EPYC-v4',
    memoryMb: MEMORY_MB,
    port: await freePort(),
    config,
  };
}

/** Starts a machine; with the path of a socket, its second serial port leads to the firmware that listens there. */
export async function startImageMachine(
  machine: GuestMachine,
  firmware: string | null,
  clock: MachineClock = 'instructions',
): Promise<Machine> {
  const serial =
    firmware === null ? [] : ['-chardev', `socket,id=firmware,path=${firmware}`, '-serial', 'chardev:firmware'];
  return await startMachine([...qemuOptions(machine, 'emulated'), ...CLOCK[clock], ...serial]);
}
