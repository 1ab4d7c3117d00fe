/** Addresses that try to look like an allowed one, each with what must come of it: nothing is looked up or dialled for a refused one. */
import { describe, expect, it } from 'vitest';
import { openWorld, outcomeOf, PUBLIC, policyOf } from './world.ts';

const RULES = `- to: https://api.example.com/v1/lookup/*
  methods: [GET]
- to: https://*.wild.example.com/open/**
  methods: [GET]
- to: https://192.0.2.7/v1/a
  methods: [GET]
- to: https://[2001:db8::7]/v1/a
  methods: [GET]`;

const HOST = 'https://api.example.com';

/** Refused before a name is looked up. */
const REFUSED: readonly string[] = [
  // Other hosts that begin, end or look like the listed one.
  'https://api.example.com.evil.test/v1/lookup/1',
  'https://evil-api.example.com/v1/lookup/1',
  'https://xapi.example.com/v1/lookup/1',
  'https://example.com/v1/lookup/1',
  'https://a.api.example.com/v1/lookup/1',
  'https://api.example.co/v1/lookup/1',
  'https://api.example.com./v1/lookup/1',
  'https://api.example.com../v1/lookup/1',
  'https://.api.example.com/v1/lookup/1',
  'https://api..example.com/v1/lookup/1',
  'https://api-example.com/v1/lookup/1',
  // User names and what stands around them.
  'https://api.example.com@evil.test/v1/lookup/1',
  'https://evil.test@api.example.com/v1/lookup/1',
  'https://user:pass@api.example.com/v1/lookup/1',
  'https://api.example.com:443@evil.test/v1/lookup/1',
  'https://@api.example.com/v1/lookup/1',
  // Signs with which one parser ends the host and another does not.
  'https://api.example.com\\@evil.test/v1/lookup/1',
  'https://evil.test\\.api.example.com/v1/lookup/1',
  'https://api.example.com#@evil.test/v1/lookup/1',
  'https://api.example.com?@evil.test/v1/lookup/1',
  'https://api.example.com;evil.test/v1/lookup/1',
  'https://api.example.com,evil.test/v1/lookup/1',
  'https://api.example.com evil.test/v1/lookup/1',
  'https://api.example.com\t/v1/lookup/1',
  'https://api.example.com\0.evil.test/v1/lookup/1',
  'https://api.example.com\r\nHost: evil.test/v1/lookup/1',
  'https://api%2eexample.com/v1/lookup/1',
  'https://api.example.com%00.evil.test/v1/lookup/1',
  'https://api.example.com%2f@evil.test/v1/lookup/1',
  // Letters of other alphabets, invisible ones, and signs that fold to dots.
  'https://аpi.example.com/v1/lookup/1',
  'https://api。example。com/v1/lookup/1',
  'https://ａｐｉ.example.com/v1/lookup/1',
  'https://ap\u00adi.example.com/v1/lookup/1',
  'https://ap\u200bi.example.com/v1/lookup/1',
  'https://xn--pi-7kc.example.com/v1/lookup/1',
  // Ports and schemes.
  'https://api.example.com:80/v1/lookup/1',
  'https://api.example.com:0443/v1/lookup/1',
  'https://api.example.com:/v1/lookup/1',
  'https://api.example.com:443:443/v1/lookup/1',
  'https://api.example.com:65979/v1/lookup/1',
  'https://api.example.com:+443/v1/lookup/1',
  'http://api.example.com/v1/lookup/1',
  'HTTPS://api.example.com/v1/lookup/1',
  'ftp://api.example.com/v1/lookup/1',
  'file:///etc/passwd',
  'https:///v1/lookup/1',
  'https://',
  // Wildcards are one whole label, and never come from the request.
  'https://*.wild.example.com/open/1',
  'https://a.b.wild.example.com/open/1',
  'https://wild.example.com/open/1',
  'https://awild.example.com/open/1',
  'https://.wild.example.com/open/1',
  // Addresses of the machine and its neighbours, in every spelling.
  'https://127.0.0.1/v1/lookup/1',
  'https://169.254.169.254/latest/meta-data/',
  'https://2130706433/v1/lookup/1',
  'https://0x7f000001/v1/lookup/1',
  'https://0177.0.0.1/v1/lookup/1',
  'https://127.1/v1/lookup/1',
  'https://localhost/v1/lookup/1',
  'https://[::1]/v1/lookup/1',
  'https://[::ffff:127.0.0.1]/v1/lookup/1',
  'https://[fd00:ec2::254]/v1/lookup/1',
  'https://[fe80::1%25eth0]/v1/lookup/1',
  'https://192.0.2.07/v1/a',
  'https://3221225991/v1/a',
  'https://192.0.2.7./v1/a',
  'https://192.0.2.70/v1/a',
  'https://[::ffff:192.0.2.7]/v1/a',
  'https://[2001:db8:0::7]/v1/a',
  'https://[2001:db8::7%eth0]/v1/a',
  'https://2001:db8::7/v1/a',
  'https://[2001:db8::7/v1/a',
  // Paths.
  `${HOST}/v1/lookup`,
  `${HOST}/v1/lookup/`,
  `${HOST}/v1/lookup/1/2`,
  `${HOST}/v1/lookup/..`,
  `${HOST}/v1/lookup/../admin`,
  `${HOST}/v1/lookup/%2e%2e`,
  `${HOST}/v1/lookup/.%2E`,
  `${HOST}/v1/lookup/%252e%252e`,
  `${HOST}/v1/lookup/a%2fb`,
  `${HOST}/v1/lookup/a%5cb`,
  `${HOST}/v1/lookup/a\\..\\b`,
  `${HOST}/v1//lookup/1`,
  `${HOST}//v1/lookup/1`,
  `${HOST}/v1/lookup/..;/admin`,
  `${HOST}/v1/lookup/1#x`,
  `${HOST}/v1/lookup/1\r\nx: y`,
  `${HOST}/v1/lookup/1 HTTP/1.1`,
  `${HOST}/v1/lookup/%00`,
  `${HOST}/v1/lookup/%c0%ae%c0%ae`,
  `${HOST}/v1/lookup/1?q=a b`,
  `${HOST}/v1/lookup/1?q=\r\nx`,
  `${HOST}/V1/lookup/1`,
  `${HOST}v1/lookup/1`,
  `${HOST}/../v1/lookup/1`,
];

/** Let through, because they are the listed place: the host that is looked up, or null, and what is dialled. */
const ALLOWED: readonly (readonly [url: string, resolved: string | null, dialled: string])[] = [
  [`${HOST}/v1/lookup/1`, 'api.example.com', `${PUBLIC} 443`],
  [`${HOST}:443/v1/lookup/1`, 'api.example.com', `${PUBLIC} 443`],
  ['https://API.Example.COM/v1/lookup/1', 'api.example.com', `${PUBLIC} 443`],
  [`${HOST}/v1/lookup/1?next=https://evil.test/`, 'api.example.com', `${PUBLIC} 443`],
  [`${HOST}/v1/lookup/a%20b`, 'api.example.com', `${PUBLIC} 443`],
  ['https://a.wild.example.com/open/1/2', 'a.wild.example.com', `${PUBLIC} 443`],
  ['https://192.0.2.7/v1/a', null, '192.0.2.7 443'],
  ['https://[2001:db8::7]/v1/a', null, '2001:db8::7 443'],
];

const open = (): ReturnType<typeof openWorld> =>
  openWorld({
    policies: [policyOf(RULES)],
    dns: {
      'api.example.com': [PUBLIC],
      'a.wild.example.com': [PUBLIC],
      'evil.test': [PUBLIC],
      localhost: ['127.0.0.1'],
    },
    // Nobody listens there: what gets this far was let through.
    ports: { 443: 1 },
  });

describe('a hostile address', () => {
  it('comes in enough kinds', () => {
    expect(new Set(REFUSED).size).toBe(REFUSED.length);
    expect(REFUSED.length).toBeGreaterThan(90);
  });

  it.each(REFUSED.map((url) => [url]))('is refused without a look-up: %j', async (url) => {
    const world = open();
    expect(outcomeOf(await world.ask(url))).toBe('HTTP-request-denied');
    expect({ resolved: world.resolved, dialled: world.dialled }).toEqual({ resolved: [], dialled: [] });
    expect(world.audit.recent()).toMatchObject([{ outcome: 'deny', owner: 'hospital-a', bytesOut: 0 }]);
  });

  it.each(ALLOWED)('is let through when it is the listed place: %j', async (url, resolved, dialled) => {
    const world = open();
    expect(outcomeOf(await world.ask(url))).toBe('connection-refused');
    expect(world.resolved).toEqual(resolved === null ? [] : [resolved]);
    expect(world.dialled).toEqual([dialled]);
  });
});
