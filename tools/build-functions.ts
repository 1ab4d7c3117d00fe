/**
 * Builds the example functions: examples/functions/NAME/NAME.wat becomes NAME.wasm beside it, a WASI 0.2 component or a preview1 module. The same sources
 * give the same bytes, so the SHA-256 that is printed is what a policy or trust file may name.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { dirname, join, relative, resolve } from 'node:path';
import { componentEmbed, componentNew, parse } from '@bytecodealliance/jco';
import { formatDigest, sha256 } from '../src/base/digest.ts';

/** What a component is built for: to answer HTTP queries, to run from standard input to output, or to give bytes for bytes. */
export type FunctionWorld = 'http' | 'command' | 'bytes' | 'fallible-bytes';

export const FUNCTIONS_FOLDER: string = resolve(import.meta.dirname, '../examples/functions');

/** The WIT packages of WASI 0.2.12 as jco brings them, the used before the using. */
const WIT_PACKAGES = ['io', 'clocks', 'random', 'filesystem', 'sockets', 'cli', 'http'];
const WIT_VERSION = '0.2.12';

const WORLDS = `package anchorhold:functions;
world http { include wasi:cli/imports@${WIT_VERSION}; include wasi:http/proxy@${WIT_VERSION}; }
world command { include wasi:cli/command@${WIT_VERSION}; include wasi:http/imports@${WIT_VERSION}; }
world bytes { include wasi:http/imports@${WIT_VERSION}; export run: func(input: list<u8>) -> list<u8>; }
world fallible-bytes { include wasi:http/imports@${WIT_VERSION}; export run: func(input: list<u8>) -> result<list<u8>, string>; }
`;

/** Gives one WIT document with every package nested in it: the tool reads no folders. */
function readWit(): string {
  const jco = dirname(findPackageJSON('@bytecodealliance/jco', import.meta.url) ?? '');
  const nested = WIT_PACKAGES.map((name) => {
    const text = readFileSync(join(jco, 'lib/wit/builtin', WIT_VERSION, `wasi-${name}`, 'package.wit'), 'utf8');
    return `${text.replace(/^package ([^;]+);/m, 'package $1 {')}\n}\n`;
  });
  return WORLDS + nested.join('');
}

/** Makes a component of the text of a core module; a line `;; include FILE` stands for that file, from the folder of the examples. */
export async function buildComponent(wat: string, world: FunctionWorld): Promise<Uint8Array> {
  const whole = wat.replace(/^\s*;; include (\S+)$/gm, (_, file: string) =>
    readFileSync(join(FUNCTIONS_FOLDER, file), 'utf8'),
  );
  const core = await parse(whole);
  return componentNew(await componentEmbed({ binary: core, witSource: readWit(), world }));
}

/** An example function, built. */
export interface BuiltFunction {
  readonly name: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly digest: string;
}

/** Builds a function of its text by what that exports; one for preview1 stays the core module that it is. */
export async function buildFunction(source: string): Promise<Uint8Array> {
  if (source.includes('"wasi_snapshot_preview1"')) return await parse(source);
  if (source.includes('(export "run")')) return await buildComponent(source, 'fallible-bytes');
  return await buildComponent(source, source.includes('wasi:cli/run@') ? 'command' : 'http');
}

/** Builds every example without writing it. */
export async function buildFunctions(): Promise<readonly BuiltFunction[]> {
  const names = readdirSync(FUNCTIONS_FOLDER, { withFileTypes: true }).filter((e) => e.isDirectory());
  const built: BuiltFunction[] = [];
  for (const { name } of names) {
    const source = readFileSync(join(FUNCTIONS_FOLDER, name, `${name}.wat`), 'utf8');
    const bytes = await buildFunction(source);
    built.push({
      name,
      path: join(FUNCTIONS_FOLDER, name, `${name}.wasm`),
      bytes,
      digest: formatDigest(sha256(bytes)),
    });
  }
  return built.sort((a, b) => (a.name < b.name ? -1 : 1));
}

if (import.meta.main) {
  for (const { path, bytes, digest } of await buildFunctions()) {
    writeFileSync(path, bytes);
    console.log(`${digest}  ${relative(process.cwd(), path)}  ${bytes.length} bytes`);
  }
}
