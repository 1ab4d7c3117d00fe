/**
 * Makes a component that holds a whole JavaScript engine: `jco componentize` of a hello, 14 MB. Its engine takes wasi:http as of 0.2.10, and
 * nothing of later versions.
 */
import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const HELLO = `addEventListener('fetch', (event) => {
  event.respondWith(new Response('hello\\n', { headers: { 'content-type': 'text/plain' } }));
});
`;
const WIT_VERSION = '0.2.10';
const JCO_VERSION = '0.2.12';
/** What wasi:http needs, the used before the using. */
const WIT_PACKAGES = ['io', 'clocks', 'random', 'cli', 'http'];
const WORLD = /^world \w+ \{.*?^\}\n/gms;

/** Puts the packages into one document: those that jco brings, under the version that the engine knows. */
async function writeWit(jco: string): Promise<string> {
  const folder = resolve(jco, '../../lib/wit/builtin', JCO_VERSION);
  const texts = await Promise.all(
    WIT_PACKAGES.map(async (name) => {
      const text = await readFile(join(folder, `wasi-${name}`, 'package.wit'), 'utf8');
      // The worlds of wasi:cli include files and sockets, which differ from those that the engine knows.
      const needed = name === 'cli' ? text.replace(WORLD, '') : text;
      return `${needed.replaceAll(JCO_VERSION, WIT_VERSION).replace(/^package ([^;]+);/m, 'package $1 {')}\n}\n`;
    }),
  );
  return `package bench:engine;\nworld hello { include wasi:http/proxy@${WIT_VERSION}; }\n${texts.join('')}`;
}

/** Builds the component in a folder of its own and gives its file. */
export async function buildEngineComponent(jco: string, folder: string): Promise<string> {
  await mkdir(join(folder, 'wit'), { recursive: true });
  await writeFile(join(folder, 'hello.js'), HELLO);
  await writeFile(join(folder, 'wit/world.wit'), await writeWit(jco));
  // The engine looks for the source in the folder that it is started in, by a relative name.
  const args = [jco, 'componentize', 'hello.js', '-w', 'wit', '-n', 'hello', '-o', 'hello.wasm'];
  await promisify(execFile)(process.execPath, args, { cwd: folder, timeout: 180_000 });
  return join(folder, 'hello.wasm');
}
