/** `anchorhold caller`: what it makes opens a worker's gate, what it revokes shuts it, and it never writes over anything. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { type Credential, certificateCredential, keyCredential, SecureSession } from '../../src/index.ts';
import { bootTestWorker, policyOf } from '../e2e/worker.ts';
import { skipUnless } from '../skips.ts';
import { memoryIo } from './memory-io.ts';

const top = mkdtempSync(join(tmpdir(), 'anchorhold-caller-'));
afterAll(() => rmSync(top, { recursive: true }));
let cwd = top;
beforeEach(() => {
  cwd = mkdtempSync(join(top, 'owner-'));
});
const at = (...path: string[]): string => join(cwd, ...path);
const read = (...path: string[]): string => readFileSync(at(...path), 'utf8');

async function caller(...args: string[]): Promise<{ exit: number; out: string; err: string }> {
  const io = memoryIo({ cwd });
  const exit = await main(['caller', ...args], io);
  return { exit, out: io.out(), err: io.err() };
}
interface Made {
  readonly line: string;
  readonly files: readonly string[];
}
async function make(...args: string[]): Promise<Made> {
  const { exit, out, err } = await caller('new', ...args, '--json');
  expect({ exit, err }).toEqual({ exit: 0, err: '' });
  return JSON.parse(out) as Made;
}
const codeOf = ({ err }: { err: string }): string => (JSON.parse(err) as { code: string }).code;
const pair = (name: string): Credential =>
  certificateCredential({ certPem: read('callers', `${name}.pem`), keyPem: read('callers', `${name}.key`) });
const key = (name: string): Credential => keyCredential({ privateKeyPem: read('callers', `${name}.key`) });
const HAS_OPENSSL = existsSync('/usr/bin/openssl');

/** Asks a worker with this section `callers`, of which `name` may ask, and gives the status of each credential's answer. */
async function ask(
  name: string,
  lines: readonly string[],
  credentials: readonly Credential[],
  more = '',
): Promise<number[]> {
  const sections = `callers:\n${lines.map((line) => `  ${line}\n`).join('')}queries: [{ allow: ${name}, to: POST /upper }]
results: { max: 100 B, types: [application/octet-stream] }
${more}`;
  const ca = existsSync(at('callers/ca.pem')) ? read('callers/ca.pem') : '';
  await using worker = await bootTestWorker({
    policies: [policyOf(['upper'], sections, { './callers/ca.pem': ca })],
    functions: ['upper'],
  });
  const statuses: number[] = [];
  for (const credential of credentials) {
    await using session = new SecureSession(worker.url, { trust: worker.trustWith({}), credential });
    statuses.push((await session.post('/upper', 'x')).status);
  }
  return statuses;
}

describe('a certificate', () => {
  it('opens the gate inside the attested channel; one that differs in organization, name or key alone does not', async () => {
    const research = await make('ann', '--kind', 'certificate', '--organization', 'Research');
    await make('eve', '--kind', 'certificate', '--organization', 'Marketing');
    expect(research.line).toBe('ann: { certificate: { ca: ./callers/ca.pem, organization: Research } }');
    expect(await ask('ann', [research.line], [pair('ann'), pair('eve')])).toEqual([200, 401]);

    const lab = await make('bob', '--kind', 'certificate', '--san', 'bob@lab.example');
    await make('mal', '--kind', 'certificate', '--san', 'mal@lab.example');
    expect(lab.line).toBe('bob: { certificate: { ca: ./callers/ca.pem, san: bob@lab.example } }');
    expect(await ask('bob', [lab.line], [pair('bob'), pair('mal')])).toEqual([200, 401]);

    const pinned = await make('cid', '--kind', 'certificate');
    await make('cyd', '--kind', 'certificate');
    expect(pinned.line).toMatch(
      /^cid: \{ certificate: \{ ca: \.\/callers\/ca\.pem, pin: spki-sha256:[0-9a-f]{64} \} \}$/,
    );
    expect(await ask('cid', [pinned.line], [pair('cid'), pair('cyd')])).toEqual([200, 401]);
  });

  it('of another authority does not open it, whatever it says', async () => {
    const { line } = await make('ann', '--kind', 'certificate', '--organization', 'Research');
    const good = pair('ann');
    await make('ann', '--kind', 'certificate', '--organization', 'Research', '--out', 'elsewhere');
    const other = certificateCredential({ certPem: read('elsewhere/ann.pem'), keyPem: read('elsewhere/ann.key') });
    expect(await ask('ann', [line], [good, other])).toEqual([200, 401]);
  });

  it('is issued by an authority of the owner’s, under the name that this one has', async () => {
    skipHere(HAS_OPENSSL);
    const subject = '/C=DE/O=Hospital A/CN=Old CA';
    const extensions = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign'];
    const made = ['-keyout', 'old.key', '-out', 'old.pem', '-days', '30', '-nodes', '-subj', subject];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', ...made, ...extensions], { cwd, stdio: 'ignore' });
    const { line, files } = await make('ann', '--kind', 'certificate', '--ca', 'old.pem', '--ca-key', 'old.key');
    expect(line).toContain('ca: ./old.pem, pin:');
    expect(files).toHaveLength(2);
    expect(
      execFileSync('openssl', ['verify', '-purpose', 'sslclient', '-CAfile', 'old.pem', 'callers/ann.pem'], {
        cwd,
      }).toString(),
    ).toBe('callers/ann.pem: OK\n');
  });
});

function skipHere(condition: boolean): void {
  if (!condition) throw new Error('this machine has no openssl');
}

describe('a key', () => {
  it('opens the gate, and another key does not', async () => {
    const { line } = await make('nightly', '--kind', 'key');
    await make('daily', '--kind', 'key');
    expect(line).toMatch(/^nightly: \{ key: ed25519:MCow[A-Za-z0-9+/=]+ \}$/);
    expect(await ask('nightly', [line], [key('nightly'), key('daily')])).toEqual([200, 401]);
  });

  it('is taken back by the policy', async () => {
    const { line } = await make('nightly', '--kind', 'key');
    const { line: other } = await make('daily', '--kind', 'key');
    const revoked = (name: string): string => `revoked: [{ key: ${/ed25519:\S+/.exec(name)?.[0]} }]\n`;
    expect(await ask('nightly', [line], [key('nightly')], revoked(line))).toEqual([403]);
    expect(await ask('nightly', [line], [key('nightly')], revoked(other))).toEqual([200]);
  });
});

describe('the files', () => {
  it('of keys are for their owner alone', async () => {
    const { files } = await make('ann', '--kind', 'certificate');
    await make('nightly', '--kind', 'key');
    expect(files).toHaveLength(4);
    const modeOf = (name: string): string => (statSync(at('callers', name)).mode & 0o777).toString(8);
    expect(['ca.key', 'ann.key', 'nightly.key'].map(modeOf)).toEqual(['600', '600', '600']);
    expect((statSync(at('callers')).mode & 0o777).toString(8)).toBe('700');
    expect(await caller('list', 'callers')).toMatchObject({ exit: 0 });
  });

  it.each(['certificate', 'key'])(
    'are never written over (%s), and nothing beside them is written then',
    async (kind) => {
      await make('ann', '--kind', kind);
      const before = read('callers/ann.key');
      rmSync(at('callers', kind === 'key' ? 'ann.pub' : 'ann.pem'));
      expect(codeOf(await caller('new', 'ann', '--kind', kind, '--json'))).toBe('ERR_CONFIGURATION_FILE');
      expect(read('callers/ann.key')).toBe(before);
      expect(existsSync(at('callers', kind === 'key' ? 'ann.pub' : 'ann.pem'))).toBe(false);
    },
  );

  it('of an authority belong together: half of one is not completed', async () => {
    await make('ann', '--kind', 'certificate');
    rmSync(at('callers/ca.key'));
    expect(codeOf(await caller('new', 'bob', '--kind', 'certificate', '--json'))).toBe('ERR_CONFIGURATION_FILE');
    await make('cid', '--kind', 'certificate', '--out', 'elsewhere');
    writeFileSync(at('callers/ca.key'), read('elsewhere/ca.key'));
    expect(codeOf(await caller('new', 'bob', '--kind', 'certificate', '--json'))).toBe('ERR_SECRET_UNREADABLE');
    expect(existsSync(at('callers/bob.key'))).toBe(false);
  });

  it.each([
    [['nobody', '--kind', 'key']],
    [['ca', '--kind', 'certificate']],
    [['Ann', '--kind', 'key']],
    [['../ann', '--kind', 'key']],
    [['ann']],
    [['ann', '--kind', 'token']],
    [['ann', '--kind', 'key', '--organization', 'X']],
    [['ann', '--kind', 'key', '--pkcs12']],
    [['ann', '--kind', 'certificate', '--ca', 'x.pem']],
    [['ann', '--kind', 'certificate', '--pkcs12']],
    [['ann', '--kind', 'certificate', '--days', '0']],
    [['ann', '--kind', 'certificate', '--organization', 'a\nb']],
    [['ann', '--kind', 'certificate', '--san', 'a b']],
  ])('are not made for %j', async (args) => {
    expect(codeOf(await caller('new', ...args, '--json'))).toBe('ERR_CONFIGURATION_USAGE');
    expect(existsSync(at('callers'))).toBe(false);
  });
});

describe('the file for browsers', () => {
  const PASSPHRASE = 'correct horse';
  async function makeFile(): Promise<void> {
    writeFileSync(at('pass'), `${PASSPHRASE}\n`);
    await make('ann', '--kind', 'certificate', '--pkcs12', '--passphrase-file', 'pass');
  }
  const open = (passphrase: string): string =>
    execFileSync('openssl', ['pkcs12', '-in', 'callers/ann.p12', '-nodes', '-passin', `pass:${passphrase}`], {
      cwd,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString();

  skipUnless(HAS_OPENSSL, 'there is no openssl')('opens elsewhere with its passphrase, and with no other', async () => {
    await makeFile();
    const opened = open(PASSPHRASE);
    expect(opened).toContain(read('callers/ann.key').trim().split('\n')[1]);
    expect(opened).toContain(read('callers/ann.pem').trim().split('\n')[1]);
    expect(opened).toContain('friendlyName: ann');
    expect(() => open('correct horsf')).toThrow();
    expect((statSync(at('callers/ann.p12')).mode & 0o777).toString(8)).toBe('600');
  });

  skipUnless(HAS_OPENSSL, 'there is no openssl')('holds what opens the gate', async () => {
    await makeFile();
    const { out } = await caller('list', 'callers', '--json');
    const { callers } = JSON.parse(out) as { callers: readonly { name: string; proof: string }[] };
    const pin = callers.find(({ name }) => name === 'ann')?.proof ?? '';
    const opened = open(PASSPHRASE);
    const block = (kind: string): string =>
      new RegExp(`-----BEGIN ${kind}-----[^]*?-----END ${kind}-----`).exec(opened)?.[0] ?? '';
    const credential = certificateCredential({ certPem: block('CERTIFICATE'), keyPem: block('PRIVATE KEY') });
    const line = `ann: { certificate: { ca: ./callers/ca.pem, pin: ${pin} } }`;
    expect(await ask('ann', [line], [credential])).toEqual([200]);
  });

  it('is not made under a short passphrase', async () => {
    writeFileSync(at('pass'), 'short\n');
    const args = ['ann', '--kind', 'certificate', '--pkcs12', '--passphrase-file', 'pass', '--json'];
    expect(codeOf(await caller('new', ...args))).toBe('ERR_CONFIGURATION_USAGE');
    expect(existsSync(at('callers'))).toBe(false);
  });
});

const policy = (callers: readonly string[], revoked = ''): string => `# whose file this is
anchorhold: owner-policy/1
owner: hospital-a
version: 7   # only rises
valid: { from: 2026-11-01, until: 2027-11-01 }
callers:
${callers.map((line) => `  ${line}\n`).join('')}${revoked}`;

describe('caller list', () => {
  it('says what is in a folder', async () => {
    await make('ann', '--kind', 'certificate', '--days', '30');
    await make('nightly', '--kind', 'key');
    const { out } = await caller('list', 'callers');
    expect(out).toMatch(/^ann {2}certificate {2}spki-sha256:[0-9a-f]{64}, until \d{4}-\d\d-\d\d$/m);
    expect(out).toMatch(/^ca {2}authority {2}spki-sha256:/m);
    expect(out).toMatch(/^nightly {2}key {2}ed25519:MCow/m);
  });

  it('says whom a policy names, and who is revoked where', async () => {
    const { line } = await make('nightly', '--kind', 'key');
    const { line: ann } = await make('ann', '--kind', 'certificate', '--organization', 'Research');
    writeFileSync(at('p.yaml'), policy([line, ann], `revoked:\n  - { key: ${/ed25519:\S+/.exec(line)?.[0]} }\n`));
    const { out } = await caller('list', 'p.yaml');
    expect(out).toMatch(/^nightly {2}key {2}ed25519:\S+, REVOKED \(line 10\)$/m);
    expect(out).toMatch(/^ann {2}certificate {2}organization "Research", by the authority sha256:[0-9a-f]{64}$/m);
  });
});

describe('caller revoke', () => {
  const lines: string[] = [];
  beforeEach(async () => {
    lines.length = 0;
    lines.push((await make('nightly', '--kind', 'key')).line, (await make('ann', '--kind', 'certificate')).line);
  });
  async function revoke(...args: string[]) {
    const { exit, out, err } = await caller('revoke', 'p.yaml', ...args, '--json');
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    return JSON.parse(out) as { entry: string; written: boolean; version: number; failingTests: string[] };
  }
  const SPKI = `spki-sha256:${'a'.repeat(64)}`;

  it('prints the entry, and leaves the file alone', async () => {
    writeFileSync(at('p.yaml'), policy(lines));
    expect(await revoke('callers/nightly.pub')).toMatchObject({
      entry: expect.stringMatching(/^\{ key: ed25519:MCow/),
      written: false,
    });
    expect(read('p.yaml')).toBe(policy(lines));
  });

  it.each([
    ['a section that is not there', ''],
    ['an empty list', 'revoked: []\n'],
    ['a list in lines', `revoked:   # stolen\n    - { certificate: ${SPKI} }   # a laptop\n`],
    ['a list in brackets', `revoked: [{ certificate: ${SPKI} }]\n`],
    [
      'entries of several lines',
      `revoked:\n  - certificate: ${SPKI}\n  - token:\n      issuer: https://id.example\n      id: x\n`,
    ],
  ])('writes into %s, one entry after another, and changes nothing else', async (_name, section) => {
    writeFileSync(at('p.yaml'), policy(lines, section));
    expect(await revoke('callers/ann.pem', '--write')).toMatchObject({ written: true, version: 8 });
    expect(await revoke('nightly', '--write')).toMatchObject({ written: true, version: 9 });
    expect(await revoke('--issuer', 'https://id.example', '--subject', 'dr "who"', '--write')).toMatchObject({
      version: 10,
    });
    const text = read('p.yaml');
    expect(text).toContain('version: 10   # only rises');
    // Every line that was there still is, but for the two that had to change.
    const kept = policy(lines, section)
      .split('\n')
      .filter((line) => !/^version|^revoked: ?\[/.test(line));
    for (const line of kept) expect(text.split('\n')).toContain(line);
    const { out } = await caller('list', 'p.yaml');
    expect(out.match(/REVOKED/g)).toHaveLength(2);
  });

  it('takes a key or a pin as it stands in policies', async () => {
    writeFileSync(at('p.yaml'), policy(lines));
    expect((await revoke(SPKI)).entry).toBe(`{ certificate: ${SPKI} }`);
    expect((await revoke('ann')).entry).toBe(`{ certificate: ${/spki-\S+/.exec(lines[1] ?? '')?.[0]} }`);
    expect((await revoke('--issuer', 'https://id.example', '--id', 't-1')).entry).toBe(
      '{ token: { issuer: https://id.example, id: "t-1" } }',
    );
  });

  it('says which of the policy’s own tests do not hold any more', async () => {
    const sections = `functions: { f: "sha256:${'0'.repeat(64)}" }\nqueries: [{ allow: nightly, to: GET /f }]
tests: [{ caller: nightly, query: GET /f, expect: allow }]\n`;
    writeFileSync(at('p.yaml'), policy(lines, sections));
    expect((await revoke('nightly')).failingTests).toEqual(['GET /f as nightly']);
    expect((await revoke('ann')).failingTests).toEqual([]);
  });

  it.each([
    ['nothing', []],
    ['two things', ['nightly', '--issuer', 'https://id.example', '--id', 'x']],
    ['a token of no issuer', ['--id', 'x']],
    ['a token by both', ['--issuer', 'https://id.example', '--id', 'x', '--subject', 'y']],
    ['a private key', ['callers/nightly.key']],
    ['a caller whom many can prove to be', ['many']],
  ])('refuses %s, and writes nothing', async (_name, args) => {
    const text = policy([...lines, 'many: { certificate: { ca: ./callers/ca.pem } }']);
    writeFileSync(at('p.yaml'), text);
    expect(codeOf(await caller('revoke', 'p.yaml', ...args, '--write', '--json'))).toBe('ERR_CONFIGURATION_USAGE');
    expect(read('p.yaml')).toBe(text);
  });

  it('refuses what is revoked already', async () => {
    writeFileSync(at('p.yaml'), policy(lines));
    await revoke('nightly', '--write');
    const text = read('p.yaml');
    expect(codeOf(await caller('revoke', 'p.yaml', 'nightly', '--write', '--json'))).toBe('ERR_POLICY_VALUE');
    expect(read('p.yaml')).toBe(text);
  });
});
