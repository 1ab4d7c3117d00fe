import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { CliIo } from '../../src/cli/command.ts';
import { policyCheck, policyDiff, policyDigest, policyExplain, policyShow, policyTest } from '../../src/cli/policy.ts';
import { EnclaveError } from '../../src/errors.ts';

const FOLDER = join(import.meta.dirname, '../policy/fixtures');
const GOOD = 'hospital-a.yaml';
const AT = '2026-12-01T12:00:00Z';

interface Ran {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command on the fixtures; an error that it throws counts with its exit code, as main.ts would print it. */
async function run(command: (io: CliIo) => Promise<number>): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const io: CliIo = {
    stdin: (async function* () {})(),
    stdout: { write: (chunk) => out.push(String(chunk)) },
    stderr: { write: (chunk) => err.push(String(chunk)) },
    isTty: false,
    cwd: FOLDER,
    untilStopped: () => Promise.resolve(),
  };
  const exit = await command(io).catch((error: unknown) => {
    if (!(error instanceof EnclaveError)) throw error;
    err.push(error.code);
    return error.exit;
  });
  return { exit, out: out.join(''), err: err.join('') };
}

const input = (file: string, json = false): { readonly file: string; readonly json: boolean } => ({ file, json });

describe('policy check', () => {
  it('says in one line that a file can be used', async () => {
    const { exit, out, err } = await run((io) => policyCheck(input(GOOD), io));
    expect([exit, err]).toEqual([0, '']);
    expect(out).toMatch(/^hospital-a\.yaml: ok: hospital-a, version 7, sha256:[0-9a-f]{64}, 4 tests\n$/);
  });

  it('shows every problem with its line and a caret', async () => {
    const { exit, out, err } = await run((io) => policyCheck(input('broken.yaml'), io));
    expect([exit, out]).toEqual([20, '']);
    expect(err.split('\n').slice(0, 3)).toEqual([
      'broken.yaml:3:10: "seven" is not a whole number from 1',
      '  3 | version: seven',
      '    |          ^',
    ]);
    expect(err).toContain('did you mean "queries"?');
    expect(err).toMatch(/broken\.yaml cannot be used: 2 problems\nhint: .*\n$/);
  });

  it('gives machines the same', async () => {
    const good = await run((io) => policyCheck(input(GOOD, true), io));
    expect(JSON.parse(good.out)).toMatchObject({ ok: true, owner: 'hospital-a', version: 7, tests: 4, problems: [] });
    const bad = await run((io) => policyCheck(input('broken.yaml', true), io));
    expect(bad.exit).toBe(20);
    expect(JSON.parse(bad.out)).toMatchObject({
      ok: false,
      problems: [
        { code: 'ERR_POLICY_VALUE', line: 3, column: 10 },
        { code: 'ERR_POLICY_UNKNOWN_KEY', line: 5, column: 1 },
      ],
    });
  });

  it('says when the file is not there', async () => {
    expect(await run((io) => policyCheck(input('none.yaml'), io))).toMatchObject({
      exit: 2,
      err: 'ERR_CONFIGURATION_FILE',
    });
  });
});

describe('policy explain', () => {
  const explain = (question: string, json = false, at: string | null = AT): Promise<Ran> =>
    run((io) => policyExplain({ ...input(GOOD, json), question, at }, io));

  it('answers in a sentence; the exit code is the outcome', async () => {
    const yes = await explain('POST /risk-score as analysts');
    expect([yes.exit, yes.out.split('\n')[0]]).toEqual([
      0,
      'allowed: hospital-a allows analysts to ask POST /risk-score.',
    ]);
    const no = await explain('GET https://api.example.com.evil.test/v1/lookup/1');
    expect([no.exit, no.out.startsWith('denied: ')]).toEqual([21, true]);
  });

  it('answers for another time', async () => {
    expect((await explain('POST /risk-score as analysts', false, '2029-01-01T00:00:00Z')).exit).toBe(21);
  });

  it('gives machines the whole decision', async () => {
    const { exit, out } = await explain('POST /risk-score as nightly', true);
    expect(exit).toBe(21);
    expect(JSON.parse(out)).toMatchObject({ outcome: 'deny', code: 'ERR_POLICY_DENIED_QUERY', owner: 'hospital-a' });
  });

  it.each([
    ['who is it', AT],
    ['POST /risk-score as stranger', AT],
    ['POST /risk-score as analysts', 'yesterday'],
  ])('refuses %j at %s as a question', async (question, at) => {
    expect(await explain(question, false, at)).toMatchObject({ exit: 2, out: '', err: 'ERR_CONFIGURATION_USAGE' });
  });
});

describe('policy show, test and digest', () => {
  it('show writes the policy in plain English, and its canonical form for machines', async () => {
    const text = await run((io) => policyShow(input(GOOD), io));
    expect(text.out.startsWith('Policy of hospital-a, version 7\n')).toBe(true);
    const json = JSON.parse((await run((io) => policyShow(input(GOOD, true), io))).out) as { digest: string };
    const digest = await run((io) => policyDigest(input(GOOD), io));
    expect(digest).toEqual({ exit: 0, out: `${json.digest}\n`, err: '' });
    expect(JSON.parse((await run((io) => policyDigest(input(GOOD, true), io))).out)).toEqual({
      owner: 'hospital-a',
      version: 7,
      digest: json.digest,
    });
  });

  it('test runs the tests of the file, and fails with 22 when one does', async () => {
    const good = await run((io) => policyTest(input(GOOD), io));
    expect([good.exit, good.out.trimEnd().split('\n').at(-1)]).toEqual([0, '4 passed, 0 failed']);
    const bad = await run((io) => policyTest(input('failing.yaml'), io));
    expect(bad.exit).toBe(22);
    expect(bad.out).toContain('FAIL POST /risk-score as nobody: deny\n     failing.yaml:7:5: expected allow\n');
    const json = await run((io) => policyTest(input('failing.yaml', true), io));
    expect(JSON.parse(json.out)).toMatchObject({ passed: 1, failed: 1, tests: [{ passed: true }, { passed: false }] });
  });

  it('test says when there is nothing to test', async () => {
    const told = await run((io) => policyTest(input('untested.yaml'), io));
    expect(told).toEqual({ exit: 0, out: 'the policy has no section tests: nothing was tested\n', err: '' });
  });

  it('refuse a file that cannot be used', async () => {
    for (const command of [policyShow, policyTest, policyDigest])
      expect(await run((io) => command(input('broken.yaml'), io))).toMatchObject({
        exit: 20,
        out: '',
        err: 'ERR_POLICY_VALUE',
      });
  });
});

describe('policy diff', () => {
  it('ends with 0 when the new policy opens nothing, and still says what it closes', async () => {
    const same = await run((io) => policyDiff({ ...input(GOOD), newer: GOOD }, io));
    expect(same).toEqual({ exit: 0, out: 'not wider: it allows nothing that was refused\n', err: '' });
  });

  it('ends with 23 when it opens something, and says what and where', async () => {
    const { exit, out } = await run((io) => policyDiff({ ...input('untested.yaml'), newer: GOOD }, io));
    expect(exit).toBe(23);
    expect(out).toMatch(/^opened: hospital-a now says that .*\n {2}at hospital-a\.yaml:\d+:\d+\n/);
    expect(out.endsWith('WIDER: look at what was opened\n')).toBe(true);
  });

  it('writes JSON with every opening and closing', async () => {
    const { exit, out } = await run((io) => policyDiff({ ...input('untested.yaml', true), newer: GOOD }, io));
    const said = JSON.parse(out) as {
      readonly wider: boolean;
      readonly opened: readonly object[];
      readonly closed: unknown;
    };
    expect([exit, said.wider, Array.isArray(said.closed)]).toEqual([23, true, true]);
    expect(said.opened.length).toBeGreaterThan(3);
    for (const one of said.opened)
      expect(Object.keys(one).toSorted()).toEqual([
        'allows',
        'at',
        'certain',
        'example',
        'owner',
        'refusal',
        'section',
      ]);
  });

  it('refuses a file that is no policy', async () => {
    expect((await run((io) => policyDiff({ ...input(GOOD), newer: 'broken.yaml' }, io))).exit).toBe(20);
  });
});
