/**
 * A directory that behaves like configfs-tsm: a new directory has its attributes at once, `generation` counts writes, a report is made
 * when `outblob` is read, and removing the directory removes the attributes. Files are real ones in a temporary directory.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { kernelFiles, type TsmFiles } from '../../../src/enclave/device/configfs-tsm.ts';

export interface KernelDouble {
  readonly root: string;
  readonly files: TsmFiles;
  /** Every operation, as `read outblob`. */
  readonly log: readonly string[];
  /** Directories that were not removed. */
  leftovers(): readonly string[];
  remove(): void;
}

export interface KernelBehaviour {
  readonly provider?: string;
  /** Makes the report over `inblob`. */
  readonly report?: (reportData: Uint8Array) => Uint8Array;
  readonly certificateTable?: Uint8Array;
  /** Is told each operation first; throws an error of the kernel, or writes behind the device's back. */
  readonly before?: (operation: string, directory: string, bumpGeneration: () => void) => void;
}

const ATTRIBUTES = ['provider', 'generation', 'inblob', 'outblob', 'auxblob'];

/** Makes an error as node:fs gives it. */
export function kernelError(code: string): Error {
  return Object.assign(new Error(`${code}: from the kernel`), { code });
}

export function kernelDouble(behaviour: KernelBehaviour = {}): KernelDouble {
  const root = mkdtempSync(join(tmpdir(), 'anchorhold-tsm-'));
  const log: string[] = [];
  const bump = (directory: string): void => {
    const path = join(directory, 'generation');
    writeFileSync(path, `${Number(readFileSync(path, 'utf8')) + 1}\n`);
  };
  const enter = (operation: string, directory: string): void => {
    log.push(operation);
    behaviour.before?.(operation, directory, () => bump(directory));
  };
  const files: TsmFiles = {
    makeDirectory: async (path) => {
      enter('mkdir', path);
      await kernelFiles.makeDirectory(path);
      writeFileSync(join(path, 'provider'), `${behaviour.provider ?? 'sev_guest'}\n`);
      writeFileSync(join(path, 'generation'), '0\n');
      for (const name of ['inblob', 'outblob', 'auxblob']) writeFileSync(join(path, name), '');
    },
    removeDirectory: async (path) => {
      enter('rmdir', path);
      for (const name of ATTRIBUTES) rmSync(join(path, name));
      await kernelFiles.removeDirectory(path);
    },
    read: async (path) => {
      const directory = dirname(path);
      enter(`read ${basename(path)}`, directory);
      if (basename(path) === 'outblob') {
        const reportData = Uint8Array.from(readFileSync(join(directory, 'inblob')));
        if (reportData.length === 0) throw kernelError('EINVAL');
        writeFileSync(path, behaviour.report?.(reportData) ?? new Uint8Array(1184));
        writeFileSync(join(directory, 'auxblob'), behaviour.certificateTable ?? '');
      }
      return await kernelFiles.read(path);
    },
    write: async (path, bytes) => {
      enter(`write ${basename(path)}`, dirname(path));
      await kernelFiles.write(path, bytes);
      bump(dirname(path));
    },
  };
  return { root, files, log, leftovers: () => readdirSync(root), remove: () => rmSync(root, { recursive: true }) };
}
