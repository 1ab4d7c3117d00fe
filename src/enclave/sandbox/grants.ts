/**
 * What a function may import, and what it must export. An interface that is not listed here is
 * refused at load; one that is listed is answered by the WASI host in wasi/, which has no door to the outside but egress.
 */
import { FunctionError } from '../../errors.ts';
import { isCoreModule } from './component/core-module.ts';
import { Malformed } from './component/cursor.ts';
import { readComponent } from './component/read-component.ts';
import type { Definition } from './component/syntax.ts';

/** A release of WASI whose functions are loaded. Those of 0.3 are, where whoever runs them says so. */
export type WasiRelease = '0.2' | '0.3';

/**
 * How a function is called: by request and response, as a program with standard input and output (a component or a preview1 module), or with
 * bytes for bytes. That an export is of exactly the type that its kind has is checked in the function's process, before it is ready.
 */
export type FunctionKind = 'http' | 'command' | 'bytes' | 'preview1';

const GRANTED =
  /^wasi:(?:io\/(?:error|poll|streams)|clocks\/(?:monotonic-clock|wall-clock)|random\/(?:random|insecure|insecure-seed)|cli\/(?:environment|exit|stdin|stdout|stderr|terminal-(?:input|output|stdin|stdout|stderr))|filesystem\/(?:types|preopens)|sockets\/(?:network|instance-network|tcp|tcp-create-socket|udp|udp-create-socket|ip-name-lookup)|http\/(?:types|outgoing-handler))@0\.2\.\d{1,4}$/;
const GRANTED_3 =
  /^wasi:(?:clocks\/(?:types|monotonic-clock|system-clock)|random\/(?:random|insecure|insecure-seed)|cli\/(?:environment|exit|types|stdin|stdout|stderr|terminal-(?:input|output|stdin|stdout|stderr))|filesystem\/(?:types|preopens)|sockets\/(?:types|ip-name-lookup)|http\/(?:types|client))@0\.3\.\d{1,4}$/;
const OF_0_3 = /@0\.3\.\d{1,4}$/;

/** What tells the kinds of components apart, and what each has to export. */
const EXPORTS: readonly (readonly [kind: FunctionKind, name: RegExp, shown: string])[] = [
  [
    'http',
    /^wasi:http\/(?:incoming-handler@0\.2|handler@0\.3)\.\d{1,4}$/,
    'an HTTP handler (wasi:http/incoming-handler@0.2, wasi:http/handler@0.3)',
  ],
  ['command', /^wasi:cli\/run@0\.[23]\.\d{1,4}$/, 'wasi:cli/run'],
  ['bytes', /^run$/, 'run'],
];

/** Tells whether something is of the asynchronous part of the Component Model, which only WASI 0.3 has a use for. */
function isAsynchronous(definition: Definition): boolean {
  if (definition.kind === 'component') return definition.definitions.some(isAsynchronous);
  if (definition.kind !== 'canonical') return false;
  const { canonical } = definition;
  if (canonical.op === 'lift' || canonical.op === 'lower') return canonical.options.isAsync;
  return canonical.op !== 'new' && canonical.op !== 'drop' && canonical.op !== 'rep';
}

/**
 * Checks the form of a function and says how it is called; `name` is for the messages. Core modules stay unread: the engine validates them,
 * in a process that has nothing to lose.
 * @throws FunctionError ERR_FUNCTION_INVALID
 */
export function checkFunctionForm(bytes: Uint8Array, name: string, releases: readonly WasiRelease[]): FunctionKind {
  const invalid = (why: string): FunctionError =>
    new FunctionError('ERR_FUNCTION_INVALID', `function "${name}" ${why}`);
  if (isCoreModule(bytes)) return 'preview1';
  let definitions: readonly Definition[];
  try {
    definitions = readComponent(bytes);
  } catch (e) {
    if (e instanceof Malformed) throw invalid(`is not a WASM component or module that can be run: ${e.message}`);
    throw e;
  }
  const named = definitions.flatMap((d) => (d.kind === 'import' || d.kind === 'export' ? [d.name] : []));
  if (!releases.includes('0.3') && (named.some((n) => OF_0_3.test(n)) || definitions.some(isAsynchronous))) {
    throw invalid('is made for WASI 0.3, which is allowed nowhere here: the `wasi` of a worker, or --wasi-0.3');
  }
  const isGranted = (n: string): boolean => GRANTED.test(n) || GRANTED_3.test(n);
  const refused = definitions.flatMap((d) => (d.kind === 'import' && !isGranted(d.name) ? [d.name] : []));
  if (refused.length > 0) {
    const shown = refused.slice(0, 8).map((i) => JSON.stringify(i.slice(0, 80)));
    throw invalid(`imports what no function is given: ${shown.join(', ')}${refused.length > 8 ? ', ...' : ''}`);
  }
  const exported = definitions.flatMap((d) => (d.kind === 'export' ? [d.name] : []));
  // Tools that build for 0.3 on top of 0.2 leave an empty program of 0.2 beside what is meant.
  const called = exported.filter((e) => EXPORTS.some(([, name]) => name.test(e)));
  const meant = called.some((e) => OF_0_3.test(e)) ? called.filter((e) => OF_0_3.test(e)) : called;
  const found = EXPORTS.filter(([, name]) => meant.some((e) => name.test(e)));
  const [only, ...more] = found;
  if (only === undefined) throw invalid(`exports none of ${EXPORTS.map(([, , shown]) => shown).join(', ')}`);
  if (more.length > 0) {
    const both = found.map(([, , shown]) => shown).join(' and ');
    throw invalid(`exports ${both}; one is needed, so that it is clear what is called`);
  }
  return only[0];
}
