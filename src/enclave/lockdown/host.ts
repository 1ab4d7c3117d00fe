/** What a worker can look at to learn what isolates it: files of the kernel, a program's output, its own process. Judges nothing. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { url as inspectorUrl } from 'node:inspector';
import { LIMITS } from '../../base/limits.ts';
import { probeSandbox } from './sandbox.ts';

/** How a program ended; one that is not there is something else than one that failed. */
export type ProgramOutput =
  | { readonly kind: 'output'; readonly text: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'failed' };

export interface Host {
  /** Gives the text of a small file, or null when it cannot be read. */
  readFile(path: string): string | null;
  /** Runs a program with an empty environment and gives what it wrote to stdout. */
  run(program: string, args: readonly string[]): Promise<ProgramOutput>;
  /** Gives the first thing that is open in a child that is confined as those of functions are, or null. */
  probeSandbox(): Promise<string | null>;
  readonly process: {
    /** Names of the environment. */
    readonly environment: readonly string[];
    /** What Node was started with. */
    readonly flags: readonly string[];
    readonly inspectorUrl: string | null;
  };
}

const PROGRAM_MS = 5000;
/** Only here are programs looked for: a path of the environment's would be the environment's word. */
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

function readFile(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function run(program: string, args: readonly string[]): Promise<ProgramOutput> {
  const options = { env: { PATH: SYSTEM_PATH }, timeout: PROGRAM_MS, maxBuffer: LIMITS.configurationBytes };
  return new Promise((resolve) => {
    try {
      execFile(program, [...args], options, (error, text) => {
        if (error === null) resolve({ kind: 'output', text });
        else resolve({ kind: error.code === 'ENOENT' ? 'missing' : 'failed' });
      });
    } catch {
      // Node throws where a filter of system calls lets the gate start no process at all, as in the image.
      resolve({ kind: 'failed' });
    }
  });
}

/** Opens this machine and this process as they are now. */
export function openHost(): Host {
  return {
    readFile,
    run,
    probeSandbox,
    process: {
      environment: Object.keys(process.env),
      flags: process.execArgv,
      inspectorUrl: inspectorUrl() ?? null,
    },
  };
}
