/** The form `jwks: { url, pin }` of a caller by token: what it means, and every way to write it wrong. */
import { describe, expect, it } from 'vitest';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import { showPolicy } from '../../src/policy/show.ts';
import { HEAD, outcome, parse } from './sample.ts';

const PIN = `spki-sha256:${'1'.repeat(64)}`;
const URL = 'https://id.example/keys';

const policyWith = (jwks: string): string =>
  `${HEAD}callers: { a: { token: { issuer: "https://id.example", audience: x, jwks: ${jwks} } } }\n`;
const published = (url: string, pin = PIN): string => policyWith(`{ url: "${url}", pin: "${pin}" }`);

describe('published keys', () => {
  it('are a place and the key of its server, and read as such', () => {
    const policy = parse(published('https://ID.example:443/keys'));
    expect(policy.callers).toMatchObject([{ kind: 'token', jwks: { url: URL, pin: PIN.slice('spki-'.length) } }]);
    expect(policy.canonical.callers['a']).toMatchObject({ token: { jwks: { url: URL, pin: PIN } } });
    expect(showPolicy(policy.canonical, policy.digest)).toContain(
      `signed by a key of those that ${URL} publishes at the time (server key ${PIN})`,
    );
  });

  it('need no file beside the policy', () => {
    const options = { file: 'owner.yaml', references: () => null };
    expect(parseOwnerPolicy(published(URL), options).digest).toBe(parse(published(URL)).digest);
  });

  it('have a digest that depends on place, pin and form, and on nothing else', () => {
    const { digest } = parse(published(URL));
    const others = [
      published('https://id.example/other'),
      published('https://id.example:8443/keys'),
      published('https://other.example/keys'),
      published(URL, `spki-sha256:${'2'.repeat(64)}`),
      policyWith('./jwks.json'),
    ].map((text) => parse(text).digest);
    expect(new Set([digest, ...others]).size).toBe(6);
    expect(parse(policyWith(`{ pin: "${PIN}", url: "https://ID.example:443/keys" }`)).digest).toBe(digest);
  });

  it.each<[string, string, string]>([
    ['no pin', policyWith(`{ url: "${URL}" }`), 'ERR_POLICY_VALUE'],
    ['no url', policyWith(`{ pin: "${PIN}" }`), 'ERR_POLICY_VALUE'],
    ['nothing', policyWith('{}'), 'ERR_POLICY_VALUE'],
    ['a list', policyWith(`["${URL}"]`), 'ERR_POLICY_VALUE'],
    ['the address alone', policyWith(`"${URL}"`), 'ERR_POLICY_VALUE'],
    ['another key beside', policyWith(`{ url: "${URL}", pin: "${PIN}", file: ./jwks.json }`), 'ERR_POLICY_UNKNOWN_KEY'],
    ['a key twice', policyWith(`{ url: "${URL}", url: "${URL}", pin: "${PIN}" }`), 'ERR_POLICY_SYNTAX'],
    ['a pin of another kind', published(URL, `sha256:${'1'.repeat(64)}`), 'ERR_POLICY_VALUE'],
    ['a pin that is too short', published(URL, 'spki-sha256:11'), 'ERR_POLICY_VALUE'],
    ['http', published('http://id.example/keys'), 'ERR_POLICY_VALUE'],
    ['enclave', published('enclave://id.example/keys'), 'ERR_POLICY_VALUE'],
    ['a file', published('file:///etc/keys'), 'ERR_POLICY_VALUE'],
    ['a user name', published('https://user@id.example/keys'), 'ERR_POLICY_VALUE'],
    ['a query string', published('https://id.example/keys?tenant=1'), 'ERR_POLICY_VALUE'],
    ['an empty query string', published('https://id.example/keys?'), 'ERR_POLICY_VALUE'],
    ['a fragment', published('https://id.example/keys#x'), 'ERR_POLICY_VALUE'],
    ['a wildcard host', published('https://*.id.example/keys'), 'ERR_POLICY_VALUE'],
    ['a dot segment', published('https://id.example/a/../keys'), 'ERR_POLICY_VALUE'],
    ['a trailing dot', published('https://id.example./keys'), 'ERR_POLICY_VALUE'],
    ['port zero', published('https://id.example:0/keys'), 'ERR_POLICY_VALUE'],
    ['an address in an unusual spelling', published('https://2130706433/keys'), 'ERR_POLICY_VALUE'],
    ['a name in another alphabet', published('https://münchen.example/keys'), 'ERR_POLICY_VALUE'],
  ])('are refused with %s', (_name, text, code) => {
    expect(outcome(text).split(' ')[0]).toBe(code);
  });
});
