/**
 * `anchorhold function inspect`: says what a function is, what it imports and could touch, what of it would be refused, and what a policy
 * would have to grant. Reads one file and runs nothing of it.
 */
import { basename, resolve } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import {
  type InspectedMemory,
  type InspectedModule,
  type Inspection,
  inspectFunction,
} from '../enclave/sandbox/inspect.ts';
import { FEATURES } from '../enclave/sandbox/wasm/features.ts';
import { readBytesFile } from '../io/files.ts';
import { type CliCommand, JSON_SWITCH } from './command.ts';
import { printable, writeJson, writeLine } from './output.ts';

/** What is shown of a long list; JSON has all of it. */
const SHOWN = 12;

const KINDS: Readonly<Record<string, string>> = {
  http: 'answers HTTP queries (wasi:http)',
  command: 'a program: the body of a query is its input, what it writes is the answer (wasi:cli)',
  preview1: 'a preview1 program: reads its input and writes its output',
  bytes: 'a function from bytes to bytes',
};

function list(names: readonly string[]): string {
  const more = names.length > SHOWN ? `, and ${names.length - SHOWN} more` : '';
  return `${names.slice(0, SHOWN).join(', ')}${more}`;
}

function describeMemory({ minPages, maxPages }: InspectedMemory): string {
  const most = maxPages === null ? 'as far as the worker allows' : `to at most ${maxPages}`;
  return `a memory of ${minPages} ${minPages === 1 ? 'page' : 'pages'} of 64 KiB, growing ${most}`;
}

function describeModule({ name, bytes, functions, memories, features }: InspectedModule): readonly string[] {
  const own = [`${bytes} bytes`, `${functions} functions`, ...memories.map(describeMemory)];
  const used = features.length === 0 ? 'none beyond the first version' : features.map((f) => FEATURES[f]).join(', ');
  return [`  ${name}: ${own.join(', ')}`, `    features: ${used}`];
}

/** Makes a name that a policy may use of the name of a file. */
function functionName(path: string): string {
  const name = basename(path)
    .replace(/\.wasm$/i, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return name === '' ? 'function' : name;
}

const EGRESS_EXAMPLES: Readonly<Record<Inspection['egress'][number], readonly string[]>> = {
  https: ['  - to: https://host.example/path', '    methods: [GET]'],
  tcp: ['  - to: tcp://host.example:5432'],
};

/** Writes the part of a policy that lists the function, and what it could ask of the world outside for its owner to fill in. */
export function writePolicyPart(name: string, { digest, egress }: Inspection): readonly string[] {
  const functions = ['functions:', `  ${name}: ${digest}`];
  if (egress.length === 0) return functions;
  return [...functions, 'egress:', ...egress.flatMap((kind) => EGRESS_EXAMPLES[kind])];
}

function describePolicy({ kind, egress }: Inspection, policy: readonly string[]): readonly string[] {
  if (kind === null) return ['  nothing: it is not loaded, whatever a policy says'];
  const advice =
    egress.length === 0
      ? 'It asks nobody outside, so it needs no `egress`.'
      : 'Under `egress`, list what it may ask and nothing else; leave out what it need not ask.';
  return [...policy.map((line) => `  ${line}`), advice, 'Who may ask it stands under `callers` and `queries`.'];
}

function describe(file: string, inspection: Inspection, policy: readonly string[]): readonly string[] {
  const { kind, wasi, digest, bytes, imports, exports, modules, refused, notDeterministic } = inspection;
  const orNothing = (lines: readonly string[]): readonly string[] =>
    lines.length === 0 ? ['  nothing'] : lines.map((line) => `  ${line}`);
  return [
    file,
    `  kind    ${kind === null ? 'cannot be loaded' : (KINDS[kind] ?? kind)}`,
    ...(wasi === '0.3'
      ? ['  wasi    0.3: loaded only where the `wasi` of a worker, or `run --wasi-0.3`, allows it']
      : []),
    `  digest  ${digest}`,
    `  size    ${bytes} bytes`,
    '',
    'What it imports, and what it could touch by that',
    ...(imports.length === 0
      ? ['  nothing']
      : imports.flatMap((i) => [`  ${i.group}: ${i.touches}`, `    ${list(i.names)}`])),
    '',
    'What it exports',
    `  ${exports.length === 0 ? 'nothing' : list(exports)}`,
    '',
    'What it is made of',
    ...(modules.length === 0 ? ['  nothing'] : modules.flatMap(describeModule)),
    '',
    'Why it would be refused',
    ...orNothing(refused),
    'Why it would be refused where it must be deterministic',
    ...orNothing(notDeterministic),
    '',
    'What a policy has to say',
    ...describePolicy(inspection, policy),
  ];
}

export const functionInspect: CliCommand = {
  summary: 'say what a function is, what it could touch, and what a policy must grant',
  example: 'anchorhold function inspect risk-score.wasm',
  arguments: [{ name: 'file', summary: 'a WASM component or core module', required: true, repeatable: false }],
  options: [JSON_SWITCH],
  passThrough: false,
  run: async (input, io) => {
    const [file = ''] = input.positionals;
    const bytes = await readBytesFile(resolve(io.cwd, file), LIMITS.functionBytes);
    const name = functionName(file);
    const inspection = inspectFunction(bytes, name);
    const policy = writePolicyPart(name, inspection);
    if (input.switches.has('json')) writeJson(io, { ...inspection, policy: `${policy.join('\n')}\n` });
    else for (const line of describe(basename(file), inspection, policy)) writeLine(io, printable(line));
    return 0;
  },
};
