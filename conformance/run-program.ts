/**
 * Runs one command of WASI 0.3 as a program in the sandbox. What it leaves in its directory is dropped with its process: the tests leave links that
 * lead out of it, which `anchorhold run` would refuse to write back.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { sha256 } from '../src/base/digest.ts';
import { LIMITS } from '../src/base/limits.ts';
import { readDirectoryTree } from '../src/cli/directory-tree.ts';
import { DEFAULT_FUNCTION_LIMITS, loadCommand } from '../src/enclave/sandbox/load.ts';
import { NO_GROUPS } from '../src/enclave/sandbox/resource-groups.ts';
import { readSpec } from './spec.ts';

const DEADLINE_MS = 30_000;
/** A machine that is busy with other tests takes its time. */
const START_DEADLINE_MS = 60_000;

/** Runs a command; gives null when it passes, or why it fails. */
export async function runProgramTest(modulePath: string): Promise<string | null> {
  const spec = readSpec(modulePath);
  const bytes = readFileSync(modulePath);
  const name = basename(modulePath);
  const budget = { bytes: LIMITS.treeBytes, entries: LIMITS.treeEntries };
  const tree = spec.root === null ? null : await readDirectoryTree(spec.root, budget);
  const program = await loadCommand({
    bytes,
    digest: sha256(bytes),
    name,
    limits: { ...DEFAULT_FUNCTION_LIMITS, wasi: ['0.2', '0.3'], startDeadlineMs: START_DEADLINE_MS },
    groups: NO_GROUPS,
    mounts: [],
    answerType: 'application/octet-stream',
    env: [],
    onNotice: () => undefined,
    onLog: () => undefined,
  });
  try {
    const mounts = tree === null ? [] : [{ path: '/', writable: true, items: tree.items }];
    const request = { args: [name, ...spec.args], env: spec.env, stdin: Buffer.from(spec.stdin), mounts };
    const exit = await program.run(request, DEADLINE_MS);
    const [stdout, stderr] = [Buffer.from(exit.stdout).toString(), Buffer.from(exit.stderr).toString()];
    if (exit.code !== spec.exitCode) return `exit code ${exit.code} instead of ${spec.exitCode}: ${stderr.trim()}`;
    if (spec.stdout !== null && !stdout.startsWith(spec.stdout)) return `stdout is ${JSON.stringify(stdout)}`;
    return spec.stderr !== null && !stderr.startsWith(spec.stderr) ? `stderr is ${JSON.stringify(stderr)}` : null;
  } finally {
    await program.close();
  }
}
