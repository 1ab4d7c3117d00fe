/** Walks every import in src/ and holds the rooms of docs/architecture.md: imports point down, packages have one door. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const SRC = resolve(import.meta.dirname, '../../src');

/** Each room and the rooms it may import from; a room that is missing here may import nothing and be imported by nobody. */
const ROOMS: Record<string, readonly string[]> = {
  ground: [],
  base: ['ground'],
  attestation: ['ground', 'base'],
  policy: ['ground', 'base', 'attestation'],
  io: ['ground', 'base'],
  enclave: ['ground', 'base', 'attestation', 'policy', 'io'],
  client: ['ground', 'base', 'attestation', 'policy', 'io'],
  image: ['ground', 'base', 'attestation', 'policy', 'io'],
  testing: ['ground', 'base', 'attestation', 'io'],
  cli: ['ground', 'base', 'attestation', 'policy', 'io', 'enclave', 'client', 'image'],
  door: ['ground', 'client', 'attestation'],
};

/** Files at the top of src/: the ground floor, and the package's door. */
const TOP: Record<string, string> = {
  'errors.ts': 'ground',
  'error-table.ts': 'ground',
  'appraisal.ts': 'ground',
  'index.ts': 'door',
};

/** The one place where src may reach the simulated AMD, and only dynamically. */
const TESTING_DOOR = 'cli/dev.ts';

/** Rooms without I/O, clock, randomness or environment: they load in a browser as in Node. */
const PURE = ['ground', 'base', 'attestation', 'policy'];

/** The files that may import a package; a package that is not listed may not be imported at all. */
const PACKAGE_DOORS: Record<string, readonly string[]> = JSON.parse(
  readFileSync(join(import.meta.dirname, 'package-doors.json'), 'utf8'),
);

interface Import {
  readonly from: string;
  readonly to: string;
  readonly dynamic: boolean;
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'));
const text = new Map(files.map((f) => [f, readFileSync(join(SRC, f), 'utf8')]));
const imports: Import[] = files.flatMap((from) => {
  const source = text.get(from) ?? '';
  const fixed = [...source.matchAll(/^(?:import|export)\s(?:[^'";]*?\sfrom\s)?'([^']+)';/gms)];
  const dynamic = [...source.matchAll(/\bimport\(\s*'([^']+)'/g)];
  return [
    ...fixed.map((m) => ({ from, to: m[1] ?? '', dynamic: false })),
    ...dynamic.map((m) => ({ from, to: m[1] ?? '', dynamic: true })),
  ];
});

function roomOf(file: string): string {
  const [head, rest] = file.split('/');
  return rest === undefined ? (TOP[file] ?? `unknown file ${file}`) : (head ?? '');
}

function target(i: Import): string {
  return relative(SRC, resolve(SRC, dirname(i.from), i.to));
}

const inner = imports.filter((i) => i.to.startsWith('.'));
const outer = imports.filter((i) => !i.to.startsWith('.'));

describe('the rooms', () => {
  it('were seen at all', () => {
    expect(files.length).toBeGreaterThan(60);
    expect(inner.length).toBeGreaterThan(150);
    expect(outer.length).toBeGreaterThan(20);
  });

  it('import downwards only', () => {
    const wrong = inner.filter((i) => {
      const from = roomOf(i.from);
      const to = roomOf(target(i));
      if (from === to) return false;
      if (to === 'testing') return !(i.dynamic && i.from === TESTING_DOOR);
      return !(ROOMS[from] ?? []).includes(to);
    });
    expect(wrong).toEqual([]);
  });

  it('name files that exist', () => {
    expect(inner.filter((i) => !text.has(target(i)))).toEqual([]);
  });

  it('reach node and packages only through their doors', () => {
    const wrong = outer.filter((i) => {
      if (i.to.startsWith('node:')) return PURE.includes(roomOf(i.from)) || roomOf(i.from) === 'door';
      const parts = i.to.split('/');
      const name = i.to.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
      return !(PACKAGE_DOORS[name] ?? []).some((d) => i.from === d);
    });
    expect(wrong).toEqual([]);
  });

  it('keep clock, randomness, environment and console out of the pure ones', () => {
    const forbidden =
      /\b(Date\.now\(|new Date\(\)|Math\.random\(|getRandomValues|randomUUID|process\.|console\.|Buffer\b|setTimeout\()/;
    const pure = files.filter((f) => PURE.includes(roomOf(f)));
    expect(pure.length).toBeGreaterThan(30);
    expect(pure.filter((f) => forbidden.test((text.get(f) ?? '').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')))).toEqual(
      [],
    );
  });

  it('open every file with what it is', () => {
    expect(files.filter((f) => !/^(#!.*\n)?\/\*\*/.test(text.get(f) ?? ''))).toEqual([]);
  });
});
