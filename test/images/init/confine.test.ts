/** The image's small program that confines a function process where there is no shell: what is left to the process, and what it refuses. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { chooseStart, writeConfinedArguments } from '../../../src/enclave/sandbox/confinement.ts';
import { CONFINE_PROGRAM, startInShell, startThrough } from '../../../src/enclave/sandbox/start-here.ts';
import { LAUNCH_SOCKET } from '../../../src/enclave/sandbox/start-launched.ts';
import { skipUnless } from '../../skips.ts';
import { HAS_COMPILER, openWorkshop, PROGRAMS, SOURCES } from './compile.ts';

const test = skipUnless(HAS_COMPILER, 'no C compiler is here');
const workshop = openWorkshop();
const folder = mkdtempSync(join(tmpdir(), 'anchorhold-confine-'));
afterAll(() => {
  workshop.remove();
  rmSync(folder, { recursive: true });
});

let program: string | null = null;
const confine = (): string =>
  (program ??= workshop.compile('confine', PROGRAMS.programs['bin/confine'] ?? [], ['-static']));

const run = (...args: string[]) => spawnSync(confine(), args, { encoding: 'utf8', env: { SECRET: 'x' } });

describe('the program that confines', () => {
  test('leaves a process its pipe, no environment, no right, and the calls that it needs', async () => {
    const script = join(folder, 'say.mjs');
    writeFileSync(
      script,
      `import { Socket } from 'node:net';
      new Socket({ fd: 3 }).write(JSON.stringify(Object.keys(process.env)));
      setInterval(() => {}, 1000);`,
    );
    const limits = { heapMiB: 64, memoryPages: 64, processMiB: 256 };
    const child = startThrough(confine())(writeConfinedArguments(script, [folder], limits, []), {
      dataMiB: 1500,
      group: null,
    });
    const [said] = child.pipe === undefined ? [] : ((await once(child.pipe, 'data')) as [Buffer]);
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    const caps = readFileSync(`/proc/${child.pid}/limits`, 'utf8');
    child.kill();
    await child.ended;
    expect(said?.toString()).toBe('[]');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'])
      expect(status).toMatch(new RegExp(`^${set}:\\t0+$`, 'm'));
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(caps).toMatch(new RegExp(`^Max data size +${1500 * 1024 * 1024} +${1500 * 1024 * 1024} `, 'm'));
    expect(caps).toMatch(/^Max core file size +0 +0 /m);
  });

  test('gives the program its arguments as they are, and its exit code', () => {
    const { status, stdout } = run('1000000', '', '/bin/echo', '-e', 'a b', '');
    expect([status, stdout]).toEqual([0, 'a b \n']);
  });

  const REFUSED: Readonly<Record<string, readonly [number, readonly string[]]>> = {
    'no program': [2, ['1000000', '']],
    'a cap that is no number': [2, ['1000000x', '', '/bin/echo']],
    'no cap': [2, ['0', '', '/bin/echo']],
    'a negative cap': [2, ['-5', '', '/bin/echo']],
    'a control group that is not there': [126, ['1000000', join(folder, 'none'), '/bin/echo']],
    'a name that is too long': [126, ['1000000', `/${'x'.repeat(600)}`, '/bin/echo']],
    'a program that is not there': [126, ['1000000', '', join(folder, 'none')]],
  };
  for (const [what, [exit, args]] of Object.entries(REFUSED))
    test(`starts nothing with ${what}`, () => {
      const { status, stdout, stderr } = run(...args);
      expect([status, stdout]).toEqual([exit, '']);
      expect(stderr).toContain('confine');
    });

  test('does not let a process start others', () => {
    const { stdout, stderr } = run('1000000', '', '/bin/sh', '-c', '/bin/echo first; /bin/echo second');
    expect(stdout).not.toContain('second');
    expect(stderr).not.toBe('');
  });
});

describe('the programs of the image', () => {
  it('are made of every source that is there, each with its header', () => {
    const sources = readdirSync(SOURCES).filter((name) => name.endsWith('.c'));
    expect([...new Set(Object.values(PROGRAMS.programs).flat())].toSorted()).toEqual(sources.toSorted());
    expect(Object.keys(PROGRAMS.programs)).toEqual(['init', 'bin/confine']);
  });

  test('compile without a warning, with the shell of the debug image and without it', () => {
    const [production, debug] = [[], ['-DDEBUG']].map((flags) =>
      readFileSync(workshop.compile('init', PROGRAMS.programs['init'] ?? [], ['-static', ...flags]), 'latin1'),
    );
    expect(production).not.toContain('busybox');
    expect(debug).toContain('busybox');
  });
});

describe('how a machine starts confined processes', () => {
  it("is by the image's init, by its small program, or by the shell: the strictest that is there", () => {
    const [launched, through, shell] = [[LAUNCH_SOCKET, CONFINE_PROGRAM], [CONFINE_PROGRAM], []].map(
      (there: readonly string[]) => {
        const asked: string[] = [];
        const start = chooseStart((path) => {
          asked.push(path);
          return there.includes(path);
        });
        return { asked, isShell: start === startInShell };
      },
    );
    expect(launched).toEqual({ asked: [LAUNCH_SOCKET], isShell: false });
    expect(through).toEqual({ asked: [LAUNCH_SOCKET, CONFINE_PROGRAM], isShell: false });
    expect(shell).toEqual({ asked: [LAUNCH_SOCKET, CONFINE_PROGRAM], isShell: true });
  });
});
