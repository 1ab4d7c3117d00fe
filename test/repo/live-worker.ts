/**
 * A worker of a process of its own, as README tells a reader to start one: the policy that README shows, with the digest and the key of this
 * run, and beside it the files that README's code opens.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { buildFunctions } from '../../tools/build-functions.ts';
import { extractBlocks } from './code-blocks.ts';
import { ROOT, readText } from './tree.ts';

export interface LiveWorker {
  /** Runs a block of TypeScript in the worker's folder and gives what it printed; throws when it ends with an error. */
  run(block: string): string;
  close(): Promise<void>;
}

/** Fills in what README cannot know: today, the digest of the function as it is built here, and the caller's key. */
function completePolicy(digest: string, spki: string): string {
  let policy =
    extractBlocks('README.md', readText('README.md')).find(({ language }) => language === 'yaml')?.text ?? '';
  const day = (offsetDays: number): string => new Date(Date.now() + offsetDays * 86_400_000).toISOString().slice(0, 10);
  const fill: readonly (readonly [RegExp, string])[] = [
    [/valid: \{[^}]*\}/, `valid: { from: ${day(-1)}, until: ${day(2)} }`],
    [/sha256:[0-9a-f]{64}/, digest],
    [/ed25519:[A-Za-z0-9+/=]+/, `ed25519:${spki}`],
  ];
  for (const [pattern, value] of fill) {
    if (!pattern.test(policy)) throw new Error(`README's policy has nothing like ${pattern}`);
    policy = policy.replace(pattern, value);
  }
  return policy;
}

async function readUrl(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('the worker has no output');
  for await (const line of createInterface({ input: child.stdout })) return (JSON.parse(line) as { url: string }).url;
  throw new Error('the worker ended before it listened');
}

/** Starts the worker in a folder of its own. */
export async function openLiveWorker(): Promise<LiveWorker> {
  const folder = mkdtempSync(join(tmpdir(), 'anchorhold-live-'));
  const built = (await buildFunctions()).find(({ name }) => name === 'risk-score');
  if (built === undefined) throw new Error('there is no example function risk-score');
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const spki = publicKey.export({ type: 'spki', format: 'der' }).toString('base64');
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  writeFileSync(join(folder, 'risk-score.wasm'), built.bytes);
  writeFileSync(join(folder, 'hospital-a.yaml'), completePolicy(built.digest, spki));
  mkdirSync(join(folder, 'callers'));
  writeFileSync(join(folder, 'callers/nightly.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }), {
    mode: 0o600,
  });
  const args = [
    'dev',
    '--json',
    '--port',
    '0',
    '--policy',
    'hospital-a.yaml',
    '--function',
    'risk-score=risk-score.wasm',
  ];
  const child = spawn(join(ROOT, 'bin/anchorhold'), args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  const close = async (): Promise<void> => {
    if (child.exitCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
    rmSync(folder, { recursive: true });
  };
  try {
    const url = await readUrl(child);
    const door = pathToFileURL(join(ROOT, 'src/index.ts')).href;
    return {
      run(block) {
        const program = block.replaceAll("'anchorhold'", `'${door}'`).replaceAll('https://localhost:8443', url);
        writeFileSync(join(folder, 'block.ts'), program);
        return execFileSync(process.execPath, ['block.ts'], { cwd: folder, encoding: 'utf8', timeout: 30_000 });
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
