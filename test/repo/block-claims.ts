/** How each kind of code block is tested; a kind that is not here fails the test of code-blocks. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { encodeUtf8 } from '../../src/base/bytes.ts';
import { encodeCanonicalJson, type Json } from '../../src/base/canonical-json.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { parseManifest } from '../../src/enclave/function-manifest.ts';
import { ERRORS, type ErrorCode } from '../../src/errors.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import { parseOwnerRequest } from '../../src/policy/signing/owner-request.ts';
import { buildFunction } from '../../tools/build-functions.ts';
import { loadGuest, post, textOf } from '../enclave/sandbox/guests.ts';
import { parseUnit } from '../image/systemd-unit.ts';
import type { BlockClaim, CodeBlock } from './code-blocks.ts';
import { type LiveWorker, openLiveWorker } from './live-worker.ts';
import { ROOT, readText } from './tree.ts';
import { missingLines, runTutorial, TUTORIAL } from './tutorial.ts';

const PACKAGE = JSON.parse(readText('package.json')) as {
  readonly exports: Record<string, { readonly default?: string }>;
};
const TARGETS = new Set([...readText('Makefile').matchAll(/^([a-z-]+):.*##/gm)].map((m) => m[1]));

/** Maps the package's public doors to their sources, since the blocks import what a user imports. */
function doorPaths(): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(PACKAGE.exports).flatMap(([door, { default: file }]) => {
      if (file === undefined) return [];
      const source = file.replace('./dist/', 'src/').replace(/\.js$/, '.ts');
      return [[door.replace(/^\./, 'anchorhold'), [join(ROOT, source)]]];
    }),
  );
}

/** Type-checks TypeScript as a user's file would be: same strictness, only public imports. */
function checkTypes(block: CodeBlock): void {
  const foreign = [...block.text.matchAll(/from '([^']+)'/g)].map((m) => m[1] ?? '');
  const doors = doorPaths();
  expect(foreign.filter((name) => !name.startsWith('node:') && !(name in doors))).toEqual([]);
  const folder = mkdtempSync(join(tmpdir(), 'anchorhold-block-'));
  try {
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(join(folder, 'block.ts'), `${block.text}\nexport {};\n`);
    const compilerOptions = {
      noEmit: true,
      rootDir: '/',
      paths: doors,
      isolatedDeclarations: false,
      declaration: false,
    };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: join(ROOT, 'tsconfig.json'), compilerOptions, include: ['block.ts'] }),
    );
    execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder, '--pretty', 'false'], { encoding: 'utf8' });
  } catch (error) {
    const lines = ((error as { stdout?: string }).stdout ?? '').split('\n').filter((line) => line.includes('error TS'));
    if (lines.length === 0) throw error;
    // Faults of src/ and of packages are found by `make check`; here only those of the block, and of the way it is compiled, count.
    expect(lines.filter((line) => /block\.ts\(|^error TS/.test(line))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Splits a shell block into simple commands; the blocks use nothing that needs more. */
export function shellCommands(text: string): string[][] {
  return text
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, ''))
    .flatMap((line) => line.split(/\s(?:\||&&)\s/))
    .map((line) => [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3] ?? ''))
    .filter((words) => words.length > 0);
}

/** Checks one call of the command line against the command's own description. */
async function checkCall(words: readonly string[]): Promise<void> {
  const entry =
    COMMANDS.find(({ name }) => name === words.slice(0, 2).join(' ')) ?? COMMANDS.find(({ name }) => name === words[0]);
  if (entry === undefined) throw new Error(`no command ${words.join(' ')}`);
  const command = await entry.load();
  const rest = words.slice(entry.name.split(' ').length);
  let positionals = 0;
  for (let i = 0; i < rest.length; i++) {
    const word = rest[i] ?? '';
    if (!word.startsWith('--')) positionals += 1;
    else {
      const option = command.options.find(({ name }) => `--${name}` === word);
      if (option === undefined) throw new Error(`${entry.name} has no option ${word}`);
      if (option.value !== null) i += 1;
    }
    if (command.passThrough && positionals === 1) break;
  }
  const { length: needed } = command.arguments.filter((argument) => argument.required);
  const open = command.arguments.some((argument) => argument.repeatable) || command.passThrough;
  expect(positionals).toBeGreaterThanOrEqual(needed);
  if (!open) expect(positionals).toBeLessThanOrEqual(command.arguments.length);
}

/** What operators are told to run beside ours; docs/operators names what each command changes. */
const OPERATOR_PROGRAMS: readonly string[] = [
  'apt-get',
  'aws',
  'cp',
  'gcloud',
  'qemu-system-x86_64',
  'systemctl',
  'tar',
  'tpm2_nvread',
  'truncate',
  'useradd',
];

async function checkShell(block: CodeBlock): Promise<void> {
  const others = block.file.startsWith('docs/operators/') ? OPERATOR_PROGRAMS : ['git', 'cd'];
  const commands = shellCommands(block.text);
  expect(commands.length).toBeGreaterThan(0);
  for (const [program = '', ...words] of commands) {
    if (program === 'make') expect(TARGETS).toContain(words[0]);
    else if (program === 'bin/anchorhold' || program === 'anchorhold') await checkCall(words);
    else expect(others).toContain(program);
  }
}

const jsonOf = (block: CodeBlock): Record<string, unknown> => JSON.parse(block.text) as Record<string, unknown>;
const formatOf = (block: CodeBlock): string =>
  block.language === 'json' ? (/"anchorhold":\s*"([^"]+)"/.exec(block.text)?.[1] ?? '') : '';

/** Stands for the files that example policies refer to: the right kind of content under any name. */
const REFERENCES: Readonly<Record<string, string>> = {
  '.pem': '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n',
  'jwks.json': '{"keys":[{"kty":"OKP"}]}',
  'trust.json': '{"anchorhold":"trust/1"}',
};

/** What a part of a policy is completed with, section by section, so that it can be read as a whole file. */
const COMPLETION: Readonly<Record<string, string>> = {
  anchorhold: 'owner-policy/1',
  owner: 'hospital-a',
  version: '1',
  valid: '{ from: 2026-11-01, until: 2027-05-01 }',
  functions: `{ risk-score: "sha256:${'0'.repeat(64)}" }`,
  callers: Object.entries({ analysts: 'A', clinicians: 'B', nightly: 'C' })
    .map(([name, letter]) => `${name}: { key: "ed25519:MCowBQYDK2VwAyEA${letter.repeat(42)}A=" }`)
    .join(', ')
    .replace(/^.*$/, '{ $& }'),
  secrets: '[lookup-token]',
};

/** Reads a policy, or a part of one; a part is a block that does not begin with the format. */
function checkPolicy(block: CodeBlock): void {
  const given = new Set([...block.text.matchAll(/^(\w+):/gm)].map((m) => m[1]));
  expect(given.size).toBeGreaterThan(0);
  const missing = Object.entries(COMPLETION).filter(([section]) => !given.has(section));
  const whole = block.text.startsWith(`anchorhold: ${COMPLETION['anchorhold']}`);
  const text = whole
    ? block.text
    : `${missing.map(([section, value]) => `${section}: ${value}\n`).join('')}${block.text}`;
  parseOwnerPolicy(text, {
    file: `${block.file}:${block.line}`,
    references: (name) => {
      const content = Object.entries(REFERENCES).find(([end]) => name.endsWith(end))?.[1];
      return content === undefined ? null : new TextEncoder().encode(content);
    },
  });
}

const isProblem = ({ text }: CodeBlock): boolean => /"type":\s*"about:blank"/.test(text);

let live: Promise<LiveWorker> | null = null;

/** Ends the worker that blocks were run against, if there was one. */
export async function closeBlockWorker(): Promise<void> {
  await (await live)?.close();
}

/** Runs a block that opens a session, as it stands, against a worker as README describes it; the answer must be a good one. */
async function checkSession(block: CodeBlock): Promise<void> {
  checkTypes(block);
  live ??= openLiveWorker();
  expect((await live).run(block.text)).toMatch(/^200 /m);
}

const opensSession = ({ language, text }: CodeBlock): boolean =>
  language === 'ts' && text.includes('new SecureSession(');

let tutorial: ReturnType<typeof runTutorial> | null = null;

/** Holds a block of the tutorial against the run of the whole page: what stands after a command must be what it prints. */
async function checkTutorial(block: CodeBlock): Promise<void> {
  tutorial ??= runTutorial();
  const outputs = await tutorial;
  if (block.language === 'sh') expect([...outputs.keys()]).toContain(block.line);
  else if (block.language === 'text') {
    const [, output = ''] = [...outputs].findLast(([line]) => line < block.line) ?? [];
    expect({ output, missing: missingLines(block.text, output) }).toEqual({ output, missing: [] });
  } else checkTypes(block);
}

const GENERAL: readonly BlockClaim[] = [
  { name: 'owner policy, or a part of one: is read', takes: ({ language }) => language === 'yaml', check: checkPolicy },
  {
    name: 'drawings, wire formats and formulas, which nothing runs',
    takes: ({ language }) => language === 'text',
    check: ({ text }) => expect(text.trim()).not.toBe(''),
  },
  { name: 'TypeScript that asks a worker: compiles, and is answered', takes: opensSession, check: checkSession },
  {
    name: 'other TypeScript: compiles as a file of a user',
    takes: (block) => block.language === 'ts' && !opensSession(block),
    check: checkTypes,
  },
  { name: 'shell: known targets, commands and options', takes: ({ language }) => language === 'sh', check: checkShell },
  {
    name: 'worker configuration: is read',
    takes: (block) => formatOf(block) === 'anchorhold-worker/1',
    check: async ({ text }) => {
      const { parseWorkerConfig } = await import('../../src/enclave/worker-config.ts');
      parseWorkerConfig(text);
    },
  },
  {
    name: 'trust file: is read',
    takes: (block) => formatOf(block) === 'trust/1',
    check: async ({ text }) => {
      const { parseTrustFile } = await import('../../src/attestation/trust-file.ts');
      parseTrustFile(text);
    },
  },
  {
    name: 'release file: is read',
    takes: (block) => formatOf(block) === 'release/1',
    check: async ({ text }) => {
      const { parseRelease } = await import('../../src/attestation/release/release.ts');
      parseRelease(text);
    },
  },
  {
    name: 'function: is built, and answers with what it is sent',
    takes: ({ language }) => language === 'wat',
    check: async ({ text }) => {
      const f = await loadGuest(await buildFunction(text));
      expect(textOf(await post(f, 'hello'))).toBe('hello');
      await f.close();
    },
  },
  {
    name: 'manifest of a function: is one, once it is in its one spelling',
    takes: (block) => formatOf(block) === 'function/1',
    check: ({ text }) => void parseManifest(encodeUtf8(encodeCanonicalJson(JSON.parse(text) as Json)), 'f'),
  },
  {
    name: 'systemd unit: is parsed, and held against the code by test/image/operators',
    takes: ({ language, file }) => language === 'ini' && file.startsWith('docs/operators/'),
    check: ({ text }) => expect(parseUnit(text).sections).toContain('Service'),
  },
  {
    name: 'other JSON: is well-formed, and each line is when it is not as a whole',
    takes: (block) => block.language === 'json' && formatOf(block) === '' && !isProblem(block),
    check: ({ text }) => {
      if (
        text
          .trim()
          .split('\n')
          .every((line) => line.startsWith('{'))
      )
        text
          .trim()
          .split('\n')
          .forEach((line) => JSON.parse(line));
      else JSON.parse(text);
    },
  },
  {
    name: "owner's request: is read by the worker's own reader",
    takes: (block) => formatOf(block) === 'owner-request/1',
    check: ({ text }) => expect(parseOwnerRequest(text)).toMatchObject({ kind: 'policy' }),
  },
  {
    name: 'problem document: as the table says',
    takes: (block) => block.language === 'json' && isProblem(block),
    check: (block) => {
      const { code, status, title } = jsonOf(block);
      const entry = ERRORS[code as ErrorCode];
      expect({ status, title }).toEqual({ status: entry.status, title: entry.meaning });
    },
  },
];

export const CLAIMS: readonly BlockClaim[] = [
  { name: 'tutorial: is run from top to bottom', takes: ({ file }) => file === TUTORIAL, check: checkTutorial },
  ...GENERAL.map((claim) => ({ ...claim, takes: (block: CodeBlock) => block.file !== TUTORIAL && claim.takes(block) })),
];
