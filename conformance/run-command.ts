/**
 * Runs one module of the suite as a program, by `bin/anchorhold run` in a process of its own, as a user would. Its directory is a copy, so that
 * the suite stays as it is.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { readSpec, type TestSpec } from './spec.ts';

const ANCHORHOLD = resolve(import.meta.dirname, '../bin/anchorhold');
const DEADLINE = '60s';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[], stdin: string): Promise<Ended> {
  return new Promise((done, fail) => {
    const child = spawn(ANCHORHOLD, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const written = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        written[name] += text;
      });
    }
    child.on('error', fail);
    child.on('close', (code) => done({ code, ...written }));
    // A program that is refused does not read.
    child.stdin.on('error', () => undefined).end(stdin);
  });
}

/** Says what is not as it should be; null when everything is. */
function compare(spec: TestSpec, ended: Ended): string | null {
  const last = ended.stderr.trim().split('\n').at(-1) ?? '';
  if (ended.code !== spec.exitCode) return `exit code ${ended.code} instead of ${spec.exitCode}: ${last}`;
  for (const name of ['stdout', 'stderr'] as const) {
    const wanted = spec[name];
    if (wanted !== null && !ended[name].startsWith(wanted)) return `${name} is ${JSON.stringify(ended[name])}`;
  }
  return null;
}

/** Runs a module; gives null when it passes, or why it fails. */
export async function runCommandTest(modulePath: string): Promise<string | null> {
  const spec = readSpec(modulePath);
  const folder = mkdtempSync(join(tmpdir(), 'anchorhold-conformance-'));
  try {
    const root = join(folder, 'root');
    if (spec.root !== null) cpSync(spec.root, root, { recursive: true, verbatimSymlinks: true });
    const dir = spec.root === null ? [] : ['--dir', `${root}::/`];
    const env = spec.env.flatMap(([name, value]) => ['--env', `${name}=${value}`]);
    return compare(
      spec,
      await start(['run', '--deadline', DEADLINE, ...dir, ...env, modulePath, ...spec.args], spec.stdin),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
