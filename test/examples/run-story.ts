/**
 * Runs the README of an example as a reader would, in a copy of its folder: every command of every shell block in order, the worker beside the
 * commands that follow it. Gives what each command printed; judges nothing.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseTrustFile } from '../../src/attestation/trust-file.ts';
import { main } from '../../src/cli/main.ts';
import { memoryIo } from '../cli/memory-io.ts';
import { functions, sharedAmd } from '../e2e/worker.ts';
import { shellCommands } from '../repo/block-claims.ts';
import { type CodeBlock, extractBlocks } from '../repo/code-blocks.ts';
import { ROOT, readText } from '../repo/tree.ts';

const STATE = join(ROOT, '.anchorhold/simulated-amd');
const README_URL = /^https:\/\/(?:localhost|127\.0\.0\.1):8443$/;

/** What one command of the page did. */
export interface Ran {
  readonly command: string;
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

export interface Story extends Disposable {
  readonly folder: string;
  /** The commands of the page, in order; the worker is not among them. */
  readonly ran: readonly Ran[];
  /** Runs one more command while no worker is there. */
  readonly run: (...words: string[]) => Promise<Ran>;
  readonly read: (name: string) => string;
}

/** Writes the example functions as `make functions` does. */
function writeFunctions(folder: string): void {
  for (const [name, bytes] of functions) {
    mkdirSync(join(folder, name), { recursive: true });
    writeFileSync(join(folder, name, `${name}.wasm`), bytes);
  }
}

/** Makes a policy one that is valid today. */
function datedToday(policy: string): string {
  const day = (offset: number): string => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);
  return policy.replace(/^valid: .*$/m, `valid: { from: ${day(-1)}, until: ${day(300)} }`);
}

/** Copies the example and the functions it refers to, with policies that are valid today. */
export function copyExample(name: string): { readonly top: string; readonly folder: string } {
  const top = mkdtempSync(join(tmpdir(), 'anchorhold-story-'));
  const folder = join(top, name);
  cpSync(join(ROOT, 'examples', name), folder, { recursive: true });
  writeFunctions(join(top, 'functions'));
  for (const file of readdirSync(folder).filter((f) => f.endsWith('.yaml')))
    writeFileSync(join(folder, file), datedToday(readFileSync(join(folder, file), 'utf8')));
  return { top, folder };
}

/** What is typed into a command that reads standard input: a secret, and nothing else on these pages. */
export const TYPED = 'Bearer bank-password-1';

/** Puts the key that `owner new` prints into the policy of that name, as the pages say. */
function keepOwnerKey(cwd: string, { command, out }: Ran): void {
  const path = join(cwd, `${/^owner new (\S+)/.exec(command)?.[1]}.yaml`);
  const line = /^ {2}keys: .*$/m.exec(out)?.[0];
  if (line === undefined || !existsSync(path)) return;
  writeFileSync(path, readFileSync(path, 'utf8').replace(/^ {2}keys: .*$/m, line));
}

/** Runs one command as a reader would. */
export async function runIn(cwd: string, words: readonly string[]): Promise<Ran> {
  const io = memoryIo({ cwd, stdin: `${TYPED}\n` });
  const exit = await main(words, io);
  const ran = { command: words.join(' '), exit, out: io.out(), err: io.err() };
  keepOwnerKey(cwd, ran);
  return ran;
}

/** Starts the worker of the page on a free port; `stop` ends it. */
export async function startWorker(
  cwd: string,
  words: readonly string[],
): Promise<{ url: string; stop(): Promise<void> }> {
  const listening = Promise.withResolvers<void>();
  const stopped = Promise.withResolvers<void>();
  const untilStopped = (): Promise<void> => {
    listening.resolve();
    return stopped.promise;
  };
  const io = { ...memoryIo({ cwd }), untilStopped };
  const ended = main([...words, '--port', '0', '--state', STATE], io);
  await Promise.race([listening.promise, ended]);
  const trust = join(cwd, 'anchorhold.trust.json');
  if (!existsSync(trust)) throw new Error(`the worker did not start: ${io.err()}`);
  const { url } = parseTrustFile(readFileSync(trust, 'utf8'));
  return {
    url,
    async stop() {
      stopped.resolve();
      await ended;
    },
  };
}

/** Runs the shell blocks of a page in a folder; a policy among the blocks is written down as `onPolicy` says. */
async function runPage(
  folder: string,
  blocks: readonly CodeBlock[],
  onPolicy: (text: string, ran: readonly Ran[]) => void,
): Promise<readonly Ran[]> {
  await sharedAmd();
  const ran: Ran[] = [];
  let worker: Awaited<ReturnType<typeof startWorker>> | null = null;
  try {
    for (const { text, language } of blocks) {
      if (language === 'yaml') onPolicy(text, ran);
      if (language !== 'sh') continue;
      for (const [program = '', ...words] of shellCommands(text)) {
        if (program === 'cd' || program === 'make') continue;
        if (!/^(?:bin\/)?anchorhold$/.test(program)) throw new Error(`nobody runs ${program} here`);
        const { url = '' } = worker ?? {};
        if (words[0] === 'dev') worker = await startWorker(folder, words);
        else
          ran.push(
            await runIn(
              folder,
              words.map((word) => word.replace(README_URL, url)),
            ),
          );
      }
    }
  } finally {
    await worker?.stop();
  }
  return ran;
}

function storyIn(top: string, folder: string, ran: readonly Ran[]): Story {
  return {
    folder,
    ran,
    run: (...words) => runIn(folder, words),
    read: (file) => readFileSync(resolve(folder, file), 'utf8'),
    [Symbol.dispose]: () => rmSync(top, { recursive: true }),
  };
}

/** Runs the page of an example. */
export async function runStory(name: string): Promise<Story> {
  const { top, folder } = copyExample(name);
  const page = readFileSync(join(folder, 'README.md'), 'utf8');
  return storyIn(top, folder, await runPage(folder, extractBlocks('README.md', page), () => undefined));
}

/** Runs the section of README that draws the windows; its policy gets the line that `caller new` has printed, as the page says. */
export async function runReadme(): Promise<Story> {
  const folder = mkdtempSync(join(tmpdir(), 'anchorhold-readme-'));
  writeFunctions(join(folder, 'examples/functions'));
  const [, section = ''] = readText('README.md').split('## Draw the windows\n');
  const blocks = extractBlocks('README.md', section.split('\n## ')[0] ?? '');
  const ran = await runPage(folder, blocks, (text, before) => {
    const line = /^ {2}nightly: .*$/m.exec(before.map(({ out }) => out).join(''))?.[0];
    if (line === undefined || !/^ {2}nightly: .*$/m.test(text)) throw new Error('README has no line nightly');
    writeFileSync(join(folder, 'hospital-a.yaml'), datedToday(text.replace(/^ {2}nightly: .*$/m, line)));
  });
  return storyIn(folder, folder, ran);
}
