/** The demo's last part: a second owner joins a running worker, stands in the way of a caller, and withdraws; the first one changes its policy. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What the part needs of the demo. */
export interface OwnersDemo {
  readonly home: string;
  readonly url: string;
  /** The trust file of the demo's clients. */
  readonly trust: string;
  readonly step: (what: string, must: RegExp, run: () => Promise<string>) => Promise<void>;
  /** Asks for a score as a researcher or a clinician, with this trust file. */
  readonly askAs: (who: 'analyst' | 'clinician', trust: string) => Promise<string>;
}

/** Runs the command line as an owner would, and gives what it says, and for a refusal its exit code. */
export function runOwnerCommand(home: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    execFile(join(import.meta.dirname, '../bin/anchorhold'), args, { cwd: home }, (error, stdout, stderr) => {
      const said = `${stdout}${stderr}`.trim().split('\n').slice(0, 3).join(' ');
      resolve(error === null ? said : `exit ${error.code}: ${said}`);
    });
  });
}

/** Makes a key of an owner, `NAME.owner.key`, and gives its public half. */
export async function makeOwnerKey(home: string, name: string): Promise<string> {
  return (JSON.parse(await runOwnerCommand(home, ['owner', 'new', name, '--json'])) as { key: string }).key;
}

/** Writes a trust file with changes. */
async function writeTrust(path: string, from: string, functions: object | null, policies: object): Promise<string> {
  const trust = JSON.parse(await readFile(from, 'utf8')) as { code: object; isolation: object };
  const code = functions === null ? trust.code : { ...trust.code, functions };
  await writeFile(path, JSON.stringify({ ...trust, code, isolation: { ...trust.isolation, policies } }, null, 2));
  return path;
}

/** Writes the second hospital's policy: the same code, and of the same people only the researchers. */
async function writeSecondPolicy(home: string, key: string): Promise<void> {
  const first = await readFile(join(home, 'hospital-a.yaml'), 'utf8');
  const [, digest] = /risk-score: (sha256:\w+)/.exec(first) ?? [];
  const people = first.slice(first.indexOf('callers:'), first.indexOf('queries:'));
  const lines = [
    '# Hospital B adds its own patients. Of those whom hospital A lets ask, only researchers may ask about them.',
    'anchorhold: owner-policy/1',
    'owner: hospital-b',
    'version: 1',
    'valid: { from: 2026-11-01, until: 2027-11-01 }',
    `functions: { risk-score: ${digest} }`,
    people,
    'queries:',
    '  - { allow: analysts, to: POST /risk-score }',
    'results: { max: 4 KiB, types: [application/json] }',
    `changes: { keys: ["${key}"], needed: 1 }`,
  ];
  await writeFile(join(home, 'hospital-b.yaml'), `${lines.join('\n')}\n`);
}

/** Runs the part; `key` is the public half of the second owner's key. */
export async function showOwners({ home, url, trust, step, askAs }: OwnersDemo, key: string): Promise<void> {
  await writeSecondPolicy(home, key);
  const at = (name: string): string => join(home, name);
  // Owners demand the machine and its code; the policies they are about to change.
  const owners = await writeTrust(at('owners.trust.json'), trust, {}, { others: 'any' });
  const file = (name: string): object => ({ file: `./${name}` });
  const both = { 'hospital-a': file('hospital-a.yaml'), 'hospital-b': file('hospital-b.yaml') };
  const joint = await writeTrust(at('joint.trust.json'), trust, null, both);
  const owner =
    (who: string, ...args: string[]) =>
    (): Promise<string> =>
      runOwnerCommand(home, ['policy', ...args, '--trust', owners, '--key', `${who}.owner.key`]);

  await step(
    'Hospital B signs a policy and brings it to the running worker',
    /hospital-b, policy: nothing -> version 1/,
    owner('hospital-b', 'push', url, 'hospital-b.yaml'),
  );
  await step('A client that has not heard of hospital B sends nothing', /^NotIsolatedEnclaveError/, () =>
    askAs('analyst', trust),
  );
  await step('A client that accepts both asks: both hospitals let the researcher', /^200 .*score/, () =>
    askAs('analyst', joint),
  );
  await step(
    'The clinician, whom hospital A lets ask: refused, and hospital B is named',
    /^403 .*hospital-b\.yaml:\d+/,
    () => askAs('clinician', joint),
  );

  const policy = await readFile(at('hospital-a.yaml'), 'utf8');
  const next = policy.replace('version: 1', 'version: 2');
  await writeFile(at('wider.yaml'), next.replace('limit: 100/day', 'limit: 200/day'));
  await writeFile(at('narrower.yaml'), next.replace('limit: 100/day', 'limit: 50/day'));
  await step(
    'Hospital A doubles a limit and asks that nothing wider be sent: refused',
    /^exit 23: .*wider/,
    owner('hospital-a', 'push', url, 'wider.yaml', '--from', 'hospital-a.yaml'),
  );
  await step(
    'It halves the limit instead: accepted',
    /hospital-a, policy: version 1 .* -> version 2/,
    owner('hospital-a', 'push', url, 'narrower.yaml', '--from', 'hospital-a.yaml'),
  );
  await step(
    'The old version, signed by the same key, does not come back',
    /^exit 21: .*not above version 2/,
    owner('hospital-a', 'push', url, 'hospital-a.yaml'),
  );
  await step(
    'Hospital B withdraws',
    /hospital-b, policy: version 1 .* -> nothing/,
    owner('hospital-b', 'revoke', url, 'hospital-b'),
  );
  const alone = await writeTrust(at('alone.trust.json'), trust, null, { 'hospital-a': file('narrower.yaml') });
  await step('Nothing is run any more of what it had listed', /^InvalidEnclaveCodeError/, () =>
    askAs('analyst', alone),
  );
}
