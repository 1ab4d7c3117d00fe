/** Holds what a browser loads: nothing of Node, no code from text, not more than a page can bear, and the same names as in Node. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, readText } from '../repo/tree.ts';
import { type Bundle, bundleForBrowser } from './bundle.ts';

/** Each door that loads in a browser, its source, how many modules are too few to be true, and the most that it may weigh, gzipped. */
const DOORS = [
  { name: 'anchorhold', source: 'src/index.ts', minModules: 20, maxBytes: 25_000 },
  { name: 'anchorhold/attestation', source: 'src/attestation/index.ts', minModules: 30, maxBytes: 60_000 },
  { name: 'anchorhold/policy', source: 'src/policy/index.ts', minModules: 60, maxBytes: 75_000 },
] as const;

/** A folder in which the package is installed: compiled as it is published, with the packages that it needs. */
const app = mkdtempSync(join(tmpdir(), 'anchorhold-app-'));

beforeAll(() => {
  const installed = join(app, 'node_modules/anchorhold');
  mkdirSync(installed, { recursive: true });
  execFileSync('tsc', ['-p', join(ROOT, 'tsconfig.build.json'), '--noCheck', '--outDir', join(installed, 'dist')]);
  cpSync(join(ROOT, 'package.json'), join(installed, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(installed, 'node_modules'));
});
afterAll(() => rmSync(app, { recursive: true }));

function holdToBrowser({ code, modules, imports, complaints }: Bundle, minModules: number): void {
  expect(modules.length).toBeGreaterThan(minModules);
  expect(complaints).toEqual([]);
  expect(imports).toEqual([]);
  expect(code).not.toMatch(/["'`]node:/);
  expect(code).not.toMatch(/\beval\s*\(|\bFunction\s*\(|\bimport\s*\(|\brequire\s*\(/);
  expect(modules.filter((path) => /\/(enclave|io|cli|testing)\//.test(path))).toEqual([]);
}

describe.each(DOORS)('$name in a browser', ({ name, source, minModules, maxBytes }) => {
  it('needs nothing but itself, from its sources', async () => {
    const bundle = await bundleForBrowser(join(ROOT, source));
    holdToBrowser(bundle, minModules);
    const bytes = gzipSync(bundle.code).length;
    process.stderr.write(`${name} in a browser: ${bundle.modules.length} modules, ${bytes} bytes gzipped\n`);
    expect(bytes).toBeLessThan(maxBytes);
  });

  it('needs nothing but itself, installed as a package', async () => {
    const entry = join(app, `${name.replace('/', '-')}.js`);
    writeFileSync(entry, `export * from '${name}';\n`);
    const bundle = await bundleForBrowser(entry);
    holdToBrowser(bundle, minModules);
    expect(bundle.modules.filter((path) => path.includes('/dist/')).length).toBeGreaterThan(10);
    expect(gzipSync(bundle.code).length).toBeLessThan(maxBytes);
  });
});

it('would see Node if it were there', async () => {
  const { imports } = await bundleForBrowser(join(ROOT, 'src/client/transport.ts'));
  expect(imports).toContain('node:tls');
});

describe('the platform', () => {
  it('is found by the sources where the package finds it', () => {
    const importsOf = (file: string): unknown => (JSON.parse(readText(file)) as { imports: unknown }).imports;
    const published = JSON.stringify(importsOf('package.json'));
    expect(published).toContain('./dist/client/transport-browser.js');
    expect(importsOf('src/package.json')).toEqual(
      JSON.parse(published.replaceAll('./dist/', './').replaceAll('.js"', '.ts"')),
    );
  });

  it('changes no name of the main door', async () => {
    const names = async (conditions: readonly string[]): Promise<string> => {
      const flags = conditions.map((condition) => `--conditions=${condition}`);
      const program = "console.log(Object.keys(await import('anchorhold')).sort().join())";
      return execFileSync(process.execPath, [...flags, '--input-type=module', '-e', program], {
        cwd: app,
        encoding: 'utf8',
      });
    };
    const node = await names([]);
    expect(node.split(',')).toContain('SecureSession');
    expect(await names(['browser'])).toBe(node);
  });

  it('decides whether there is a session: one in Node, a refusal with the browser condition', () => {
    const program =
      "const { SecureSession } = await import('anchorhold'); try { new SecureSession('https://localhost:8443'); console.log('session') } catch ({ code }) { console.log(code) }";
    const run = (...flags: string[]): string =>
      execFileSync(process.execPath, [...flags, '--input-type=module', '-e', program], { cwd: app, encoding: 'utf8' });
    expect(run()).toBe('session\n');
    expect(run('--conditions=browser')).toBe('ERR_CONFIGURATION_PLATFORM\n');
  });
});
