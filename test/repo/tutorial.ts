/**
 * Runs docs/tutorial.md in a copy of the repository, as a reader would: every shell block in order in one shell, workers in the background, the
 * program saved under the name that the page gives it. Gives what each block printed; judges nothing.
 */
import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { type CodeBlock, extractBlocks } from './code-blocks.ts';
import { ROOT, readText } from './tree.ts';

export const TUTORIAL = 'docs/tutorial.md';

const COPIED =
  'Makefile bin examples package-lock.json package.json src toolchain tools tsconfig.json tsconfig.build.json types';
/** What `make setup` makes: it is there already, and the copy lies inside of the repository, so packages are found above it. */
const LINKED = ['.toolchain', 'node_modules/.bin', 'node_modules/.stamp'];
const MARK = '@@ the block of line ';

/** Finds the expected lines that are not in an output; `…` stands for anything within a line. */
export function missingLines(expected: string, output: string): readonly string[] {
  const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  const patternOf = (line: string): RegExp => new RegExp(`^${line.split('…').map(escape).join('.*')}$`, 'm');
  return expected.split('\n').filter((line) => line !== '' && !patternOf(line).test(output));
}

async function freePort(): Promise<string> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address !== null ? String(address.port) : '';
}

/** Writes one block as a part of the script. */
function scriptOf({ language, line, text }: CodeBlock): string {
  if (language === 'ts') return `cat > ask.ts <<'END_OF_PROGRAM'\n${text}END_OF_PROGRAM\n`;
  if (language !== 'sh') return '';
  const worker = /^anchorhold dev .*$/m.exec(text)?.[0];
  const log = `${line}.log`;
  const part =
    worker === undefined
      ? text
      : `${text.replace(worker, `${worker} > ${log} 2>&1 &`)}WORKERS+=($!)
for _ in {1..300}; do grep -q ^policy ${log} && break; sleep 0.1; done; cat ${log}\n`;
  return `echo '${MARK}${line}'\n${part}`;
}

/** Runs the page and gives the output of each shell block, by its line. */
export async function runTutorial(): Promise<ReadonlyMap<number, string>> {
  const parent = join(ROOT, '.anchorhold');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'tutorial-'));
  try {
    mkdirSync(join(folder, 'node_modules'));
    for (const name of COPIED.split(' '))
      cpSync(join(ROOT, name), join(folder, name), { recursive: true, preserveTimestamps: true });
    for (const name of LINKED) symlinkSync(join(ROOT, name), join(folder, name));
    const blocks = extractBlocks(TUTORIAL, readText(TUTORIAL));
    const ports = [await freePort(), await freePort()] as const;
    const script = `WORKERS=(); trap 'kill "\${WORKERS[@]}"; wait' EXIT\n${blocks.map(scriptOf).join('')}`
      .replaceAll('8443', ports[0])
      .replaceAll('8444', ports[1]);
    writeFileSync(join(folder, 'tutorial.sh'), script);
    const child = spawn('bash', ['-c', 'bash tutorial.sh 2>&1'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    for await (const chunk of child.stdout) output += String(chunk);
    return new Map(
      output
        .replaceAll(ports[0], '8443')
        .replaceAll(ports[1], '8444')
        .split(MARK)
        .slice(1)
        .map((part) => [Number.parseInt(part, 10), part.slice(part.indexOf('\n') + 1)]),
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}
