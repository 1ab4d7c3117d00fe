/**
 * What a test of WebAssembly/wasi-testsuite is given and what has to come of it, read from the JSON file beside it. Both of its forms are
 * read: plain fields, and a list of operations. An operation or field that is not known here is an error, never skipped.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface TestSpec {
  readonly args: readonly string[];
  readonly env: readonly (readonly [name: string, value: string])[];
  /** The directory that the program sees as `/`; null for none. */
  readonly root: string | null;
  /** All that the program can read. */
  readonly stdin: string;
  readonly exitCode: number;
  /** What each output has to begin with, in this order; null where it does not matter. */
  readonly stdout: string | null;
  readonly stderr: string | null;
}

type Fields = Readonly<Record<string, unknown>>;

const PLAIN_FIELDS: readonly string[] = ['args', 'env', 'root', 'exit_code', 'stdout', 'stderr'];
const LISTED_FIELDS: readonly string[] = ['operations', 'proposals'];

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('not an object');
  return value as Fields;
}

function textOf(value: unknown): string {
  if (typeof value !== 'string') throw new TypeError('not text');
  return value;
}

function needKnown(fields: Fields, known: readonly string[]): void {
  const unknown = Object.keys(fields).find((name) => !known.includes(name));
  if (unknown !== undefined) throw new TypeError(`what "${unknown}" means is not known here`);
}

/** Makes a list of operations of plain fields, so that both forms are read by one rule. */
function operationsOf(fields: Fields): readonly Fields[] {
  if ('operations' in fields) {
    needKnown(fields, LISTED_FIELDS);
    return (fields['operations'] as readonly unknown[]).map(fieldsOf);
  }
  needKnown(fields, PLAIN_FIELDS);
  const { args = [], env = {}, root = null, exit_code = 0, stdout, stderr } = fields;
  const reads = Object.entries({ stdout, stderr }).flatMap(([id, payload]) =>
    payload === undefined ? [] : [{ type: 'read', id, payload }],
  );
  return [{ type: 'run', args, env, root }, ...reads, { type: 'wait', exit_code }];
}

function readOperations(operations: readonly Fields[], folder: string): TestSpec {
  let run: Fields = {};
  let stdin = '';
  let exitCode = 0;
  const outputs: Record<string, string | null> = { stdout: null, stderr: null };
  for (const operation of operations) {
    const { type, id = 'stdout', payload = '', exit_code = 0 } = operation;
    if (type === 'run') run = operation;
    else if (type === 'write') stdin += textOf(payload);
    else if (type === 'read') outputs[textOf(id)] = (outputs[textOf(id)] ?? '') + textOf(payload);
    else if (type === 'wait') exitCode = Number(exit_code);
    else throw new TypeError(`what the operation "${String(type)}" does is not known here`);
  }
  const { args = [], env = {}, root = null } = run;
  return {
    args: (args as readonly unknown[]).map(textOf),
    env: Object.entries(fieldsOf(env)).map(([name, value]) => [name, textOf(value)]),
    root: root === null ? null : join(folder, textOf(root)),
    stdin,
    exitCode,
    stdout: outputs['stdout'] ?? null,
    stderr: outputs['stderr'] ?? null,
  };
}

/** Reads what belongs to a module; without a JSON file it is given nothing and has to end with 0. @throws TypeError */
export function readSpec(modulePath: string): TestSpec {
  const path = modulePath.replace(/\.wasm$/, '.json');
  const fields = existsSync(path) ? fieldsOf(JSON.parse(readFileSync(path, 'utf8'))) : {};
  return readOperations(operationsOf(fields), dirname(modulePath));
}
