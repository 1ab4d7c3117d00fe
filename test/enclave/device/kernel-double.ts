/**
 * A directory that behaves like configfs-tsm: a new directory has its attributes at once, `generation` counts the writes that were taken,
 * `inblob` and `privlevel` can only be written, a report is made when `outblob` is read after a write, the firmware does one thing at a time,
 * and removing the directory removes the attributes. Files are real ones in a temporary directory.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { kernelFiles, type TsmFiles } from '../../../src/enclave/device/configfs-tsm.ts';

export interface KernelDouble {
  readonly root: string;
  readonly files: TsmFiles;
  /** Every operation, as `read outblob`. */
  readonly log: readonly string[];
  /** Directories that were not removed. */
  readonly leftovers: () => readonly string[];
  readonly remove: () => void;
}

export interface KernelBehaviour {
  readonly provider?: string;
  /** The highest privilege that the guest may name. */
  readonly floor?: string;
  /** Makes the report over `inblob` for a privilege level. */
  readonly report?: (reportData: Uint8Array, privilegeLevel: number) => Uint8Array;
  readonly certificateTable?: Uint8Array;
  /** Drops writes of `inblob` without a word, as configfs does when they fail on close. */
  readonly losesWrites?: boolean;
  /** Answers EBUSY to whoever asks for a report while another one is being made. */
  readonly busyWhenShared?: boolean;
  /** Is told each operation first; throws an error of the kernel, or writes behind the device's back. */
  readonly before?: (operation: string, directory: string, bumpGeneration: () => void) => void;
}

const READABLE = ['provider', 'generation', 'privlevel_floor', 'outblob', 'auxblob'];
const WRITABLE = ['privlevel', 'inblob'];
const INBLOB_BYTES = 64;

/** Makes an error as node:fs gives it. */
export function kernelError(code: string): Error {
  return Object.assign(new Error(`${code}: from the kernel`), { code });
}

export function kernelDouble(behaviour: KernelBehaviour = {}): KernelDouble {
  const { provider = 'sev_guest', floor = '0', losesWrites = false, busyWhenShared = false } = behaviour;
  const root = mkdtempSync(join(tmpdir(), 'anchorhold-tsm-'));
  const log: string[] = [];
  /** The generation that the report of each directory was made for. */
  const madeFor = new Map<string, string>();
  let underWay = 0;

  const generation = (directory: string): string => readFileSync(join(directory, 'generation'), 'utf8');
  const bump = (directory: string): void => {
    writeFileSync(join(directory, 'generation'), `${Number(generation(directory)) + 1}\n`);
  };
  const enter = (operation: string, directory: string): void => {
    log.push(operation);
    behaviour.before?.(operation, directory, () => bump(directory));
  };

  async function makeReport(directory: string): Promise<void> {
    const reportData = Uint8Array.from(readFileSync(join(directory, 'inblob')));
    if (reportData.length !== INBLOB_BYTES) throw kernelError('EINVAL');
    if (madeFor.get(directory) === generation(directory)) return;
    if (busyWhenShared && underWay > 0) throw kernelError('EBUSY');
    underWay += 1;
    await nextTurn();
    underWay -= 1;
    const level = Number(readFileSync(join(directory, 'privlevel'), 'utf8'));
    writeFileSync(join(directory, 'outblob'), behaviour.report?.(reportData, level) ?? new Uint8Array(1184));
    writeFileSync(join(directory, 'auxblob'), behaviour.certificateTable ?? '');
    madeFor.set(directory, generation(directory));
  }

  const files: TsmFiles = {
    makeDirectory: async (path) => {
      enter('mkdir', path);
      await kernelFiles.makeDirectory(path);
      const contents = { provider: `${provider}\n`, privlevel_floor: `${floor}\n`, generation: '0\n', privlevel: '0' };
      for (const name of [...READABLE, ...WRITABLE]) writeFileSync(join(path, name), '');
      for (const [name, content] of Object.entries(contents)) writeFileSync(join(path, name), content);
    },
    removeDirectory: async (path) => {
      enter('rmdir', path);
      for (const name of [...READABLE, ...WRITABLE]) rmSync(join(path, name));
      await kernelFiles.removeDirectory(path);
    },
    read: async (path) => {
      const name = basename(path);
      enter(`read ${name}`, dirname(path));
      if (WRITABLE.includes(name)) throw kernelError('EACCES');
      if (name === 'outblob' || name === 'auxblob') await makeReport(dirname(path));
      return await kernelFiles.read(path);
    },
    write: async (path, bytes) => {
      const name = basename(path);
      enter(`write ${name}`, dirname(path));
      if (!WRITABLE.includes(name)) throw kernelError('EACCES');
      if (name === 'inblob' && bytes.length > INBLOB_BYTES) throw kernelError('EFBIG');
      if (name === 'inblob' && losesWrites) return;
      const level = name === 'privlevel' ? Number(new TextDecoder().decode(bytes)) : Number(floor);
      if (!(level >= Number(floor) && level <= 3)) throw kernelError('EINVAL');
      await kernelFiles.write(path, bytes);
      bump(dirname(path));
    },
  };
  return { root, files, log, leftovers: () => readdirSync(root), remove: () => rmSync(root, { recursive: true }) };
}
