/** Rules of the repository that no linter knows; CONTRIBUTING.md says them in words. */
import { describe, expect, it } from 'vitest';
import { FILES, filesLike, readText } from './tree.ts';

/** Lines of the files that match, as `file:line: text`. */
function hits(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    readText(file)
      .split('\n')
      .flatMap((line, i) => (pattern.test(line) ? [`${file}:${i + 1}: ${line.trim().slice(0, 120)}`] : [])),
  );
}

const THIS = 'test/repo/rules.test.ts';
const code = filesLike(/\.(ts|sh)$|^(Makefile|bin\/|\.ci\/)/);
const all = FILES.filter((file) => file !== THIS);

/** Tells whether a package is never installed on Linux with glibc on x64, where the project is built and tested. */
function isForElsewhere(entry: Readonly<Record<string, unknown>>): boolean {
  const { os, cpu, libc, optional } = entry as { os?: string[]; cpu?: string[]; libc?: string[]; optional?: boolean };
  const elsewhere = [
    os !== undefined && !os.includes('linux'),
    libc?.includes('musl'),
    cpu !== undefined && !cpu.includes('x64'),
  ];
  return optional === true && elsewhere.includes(true);
}

describe('the repository', () => {
  it('was seen at all', () => {
    expect(code.length).toBeGreaterThan(60);
    expect(all).toContain('package-lock.json');
    expect(all).toContain('src/errors.ts');
    expect(all).toContain('docs/architecture.md');
  });

  it('opens every source, tool and benchmark with what it is', () => {
    const files = filesLike(/^(src|tools|bench|examples)\/.*\.ts$/);
    expect(files.length).toBeGreaterThan(50);
    expect(files.filter((file) => !/^(#!.*\n)?\/\*\*/.test(readText(file)))).toEqual([]);
  });

  it('leaves nothing for later in the code', () => {
    expect(
      hits(
        code.filter((file) => file !== THIS),
        /\b(TODO|FIXME|XXX|HACK)\b/,
      ),
    ).toEqual([]);
  });

  it('skips tests only through skipUnless, which says why', () => {
    const tests = filesLike(/^test\/.*\.ts$/).filter((file) => file !== THIS && file !== 'test/skips.ts');
    expect(tests.length).toBeGreaterThan(5);
    expect(hits(tests, /\b(it|test|describe|suite)\.(skip|only|todo|fails|skipIf|runIf)\b/)).toEqual([]);
  });

  it('locks packages by digest, and names no host to fetch them from', () => {
    for (const lock of ['package-lock.json', 'toolchain/package-lock.json', 'bench/peers/package-lock.json']) {
      const { packages } = JSON.parse(readText(lock)) as { packages: Record<string, Record<string, unknown>> };
      const entries = Object.entries(packages).filter(([path]) => path !== '');
      expect(entries.length).toBeGreaterThan(0);
      expect(entries.filter(([, entry]) => 'resolved' in entry).map(([path]) => path)).toEqual([]);
      const unlocked = entries.filter(
        ([, entry]) => entry['integrity'] === undefined && entry['inBundle'] !== true && !isForElsewhere(entry),
      );
      // cbor-x would use its native half where it finds one; base/cbor.ts imports the build that does not look for it.
      expect(unlocked.map(([path]) => path).filter((path) => !path.includes('@cbor-extract/'))).toEqual([]);
    }
    expect(hits(all, /\bregistry\.[a-z0-9-]+\.[a-z]|\bnpmjs\.(org|com)\b/)).toEqual([]);
  });

  it('pins every version exactly', () => {
    const { dependencies, devDependencies } = JSON.parse(readText('package.json')) as Record<
      string,
      Record<string, string>
    >;
    const loose = Object.entries({ ...dependencies, ...devDependencies }).filter(([, v]) => !/^\d+\.\d+\.\d+$/.test(v));
    expect(loose).toEqual([]);
  });

  it('has no install scripts', () => {
    const { scripts = {} } = JSON.parse(readText('package.json')) as { scripts?: Record<string, string> };
    expect(Object.keys(scripts).filter((name) => /install|prepare|prepack/.test(name))).toEqual([]);
  });

  it('stands alone: nothing points outside of it, but the place where tests find their vectors', () => {
    expect(
      hits(
        all.filter((file) => file !== 'test/vectors.ts'),
        /\.\.\/shared\b/,
      ),
    ).toEqual([]);
    expect(hits(all, /(^|[\s'"`(])\/(work|home|root|tmp|Users)\//)).toEqual([]);
  });

  it('cites only documents that docs/specs.md lists, in a form that can be searched for', () => {
    const listed = [...readText('docs/specs.md').matchAll(/^\| `([^`]+)` \|/gm)].map((m) => m[1] ?? '');
    expect(listed.length).toBeGreaterThan(5);
    const cited = filesLike(/^src\/.*\.ts$/).flatMap((file) =>
      [...readText(file).matchAll(/^\s*(?:\/\*\*|\*|\/\/).*$/gm)].flatMap((line) =>
        [...line[0].matchAll(/\[([A-Z][A-Za-z0-9-]+ [^\]\n]*\d[^\]\n]*)\](?!\()/g)].flatMap((m) =>
          (m[1] ?? '').split('; ').map((text) => ({ file, text })),
        ),
      ),
    );
    expect(cited.length).toBeGreaterThan(20);
    const known = (text: string) => listed.some((name) => text === name || text.startsWith(`${name} `));
    expect(cited.filter(({ text }) => !known(text))).toEqual([]);
  });
});
