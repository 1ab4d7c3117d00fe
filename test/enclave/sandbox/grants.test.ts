/** What a function may import and must export, and that no bytes break the look at it. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { concatBytes, encodeUtf8 } from '../../../src/base/bytes.ts';
import { checkFunctionForm, type WasiRelease } from '../../../src/enclave/sandbox/grants.ts';
import { EnclaveError } from '../../../src/errors.ts';
import { buildFunctions } from '../../../tools/build-functions.ts';

const COMPONENT = Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0);
const CORE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

/** Writes a section with one name in it: an imported instance, or an exported one. */
function section(id: 10 | 11, name: string): Uint8Array {
  const text = encodeUtf8(name);
  const tail = id === 10 ? Uint8Array.of(5, 0) : Uint8Array.of(5, 0, 0);
  const content = concatBytes(Uint8Array.of(1, 0, text.length), text, tail);
  return concatBytes(Uint8Array.of(id, content.length), content);
}
/** A section with one empty instance type, which the imports are described by. */
const TYPES = Uint8Array.of(7, 3, 1, 0x42, 0);
const component = (imports: readonly string[], exports: readonly string[]): Uint8Array =>
  concatBytes(COMPONENT, TYPES, ...imports.map((i) => section(10, i)), ...exports.map((e) => section(11, e)));

function codeOf(bytes: Uint8Array, releases: readonly WasiRelease[] = ['0.2']): string {
  try {
    return checkFunctionForm(bytes, 'f', releases);
  } catch (e) {
    return e instanceof EnclaveError ? e.code : 'not ours';
  }
}

describe('the look at a function', () => {
  let built: Awaited<ReturnType<typeof buildFunctions>>;
  beforeAll(async () => {
    built = await buildFunctions();
  });

  it('reads the names of real components', () => {
    expect(built.map((f) => f.name)).toEqual(['fetcher', 'greeting', 'reverse', 'risk-score', 'upper']);
    expect(built.map((f) => codeOf(f.bytes))).toEqual(['http', 'preview1', 'bytes', 'http', 'command']);
  });

  it.each([
    ['a service', component(['wasi:http/types@0.3.0'], ['wasi:http/handler@0.3.0']), 'http'],
    ['a command', component(['wasi:cli/stdin@0.3.0'], ['wasi:cli/run@0.3.0']), 'command'],
    [
      'a service with an empty program of 0.2 beside it',
      component([], ['wasi:http/handler@0.3.0', 'wasi:cli/run@0.2.0']),
      'http',
    ],
    ['a function of 0.2', component([], ['wasi:cli/run@0.2.0']), 'command'],
  ])('takes %s where WASI 0.3 is allowed', (_, bytes, kind) => {
    expect(codeOf(bytes, ['0.2', '0.3'])).toBe(kind);
  });

  it.each([
    ['an import of 0.3', component(['wasi:cli/stdin@0.3.0'], ['wasi:cli/run@0.2.0'])],
    ['an export of 0.3', component([], ['wasi:cli/run@0.3.0'])],
    // (component (core func (canon waitable-set.new)))
    [
      'a built-in of its part of the Component Model',
      concatBytes(component([], ['wasi:cli/run@0.2.0']), Uint8Array.of(8, 2, 1, 0x1f)),
    ],
  ])('refuses %s where it is not', (_, bytes) => {
    expect(codeOf(bytes)).toBe('ERR_FUNCTION_INVALID');
    expect(codeOf(bytes, ['0.2', '0.3'])).toBe('command');
  });

  it('refuses what WASI 0.3 does not have, also where it is allowed', () => {
    expect(codeOf(component(['wasi:io/poll@0.3.0'], ['wasi:cli/run@0.3.0']), ['0.2', '0.3'])).toBe(
      'ERR_FUNCTION_INVALID',
    );
  });

  const HTTP = 'wasi:http/incoming-handler@0.2.3';
  const RUN = 'wasi:cli/run@0.2.0';
  const INVALID = 'ERR_FUNCTION_INVALID';
  it.each([
    ['an HTTP component', component(['wasi:http/types@0.2.3'], [HTTP]), 'http'],
    ['a command', component(['wasi:cli/stdin@0.2.0'], [RUN]), 'command'],
    ['a component that gives bytes for bytes', component([], ['run']), 'bytes'],
    ['a component that exports another function', component([], ['walk']), INVALID],
    ['a component with a command and a function', component([], [RUN, 'run']), INVALID],
    ['a core module', CORE, 'preview1'],
    ['a component that imports another interface', component(['evil:host/exec@1.0.0'], [HTTP]), INVALID],
    ['a WASI interface of another version', component(['wasi:http/types@0.3.0'], [HTTP]), INVALID],
    ['a WASI interface without a version', component(['wasi:http/types'], [HTTP]), INVALID],
    ['a bare import', component(['run'], [HTTP]), INVALID],
    ['a component without a known export', component([], ['wasi:http/outgoing-handler@0.2.3']), INVALID],
    ['a component with both', component([], [HTTP, RUN]), INVALID],
    ['an unknown layer', Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0), INVALID],
    ['a file that ends early', component([], [HTTP]).subarray(0, -1), INVALID],
    ['a section longer than the file', concatBytes(COMPONENT, Uint8Array.of(10, 0xff, 0x7f)), INVALID],
    ['a section of an unknown kind', concatBytes(COMPONENT, Uint8Array.of(99, 0)), INVALID],
    ['a count that cannot be', concatBytes(COMPONENT, Uint8Array.of(10, 5, 0xff, 0xff, 0xff, 0xff, 0x0f)), INVALID],
    ['text', encodeUtf8('(module)'), INVALID],
    ['nothing', new Uint8Array(0), INVALID],
  ])('decides about %s', (_, bytes, expected) => {
    expect(codeOf(bytes)).toBe(expected);
  });

  it('gives a kind or its error for any bytes, also behind a real head and in a real file', () => {
    const real = built[4]?.bytes ?? CORE;
    fc.assert(
      fc.property(
        fc.constantFrom(COMPONENT, CORE, new Uint8Array(0)),
        fc.uint8Array({ maxLength: 128 }),
        (head, tail) => {
          expect(codeOf(concatBytes(head, tail))).toMatch(/^(http|command|bytes|preview1|ERR_FUNCTION_INVALID)$/);
        },
      ),
      { numRuns: 2000 },
    );
    fc.assert(
      fc.property(fc.nat({ max: real.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Uint8Array.from(real);
        changed[at] = (changed[at] ?? 0) ^ flip;
        expect(codeOf(changed)).toMatch(/^(http|command|bytes|preview1|ERR_FUNCTION_INVALID)$/);
      }),
      { numRuns: 1000 },
    );
  });

  it('comes to the same bytes when the examples are built again', async () => {
    const again = await buildFunctions();
    expect(again.map((f) => f.digest)).toEqual(built.map((f) => f.digest));
    expect(again.length).toBe(5);
  });
});
