/** What is told when a connection or a lookup is denied: the nearest rule, and what to ask for. Which ones are denied is in connection.test.ts. */
import { describe, expect, it } from 'vitest';
import { decideConnection, decideLookup } from '../../src/policy/decide-connection.ts';
import { DIGEST, HEAD, NOW, OTHER_DIGEST, parse } from './sample.ts';

const policy = parse(`${HEAD}egress:
  - to: tcp://db.example.com:5432
  - to: tcp://*.example.com:6379
  - to: https://api.example.com/**
    methods: [GET]
`);
const asked = { functionDigest: DIGEST, now: NOW };

describe('a connection that is denied', () => {
  it('to another port of a host that rules name is told those rules, and the one to ask for', () => {
    expect(decideConnection(policy, { ...asked, url: 'tcp://db.example.com:80' })).toEqual({
      outcome: 'deny',
      owner: 'hospital-a',
      at: { file: 'owner.yaml', line: 7, column: 5 },
      code: 'ERR_POLICY_DENIED_EGRESS',
      reason:
        'hospital-a does not allow a connection to tcp://db.example.com:80: there it allows tcp://db.example.com:5432 and tcp://*.example.com:6379.',
      hint: 'Ask hospital-a to add the rule "to: tcp://db.example.com:80" to the section egress.',
      rule: null,
      target: null,
    });
  });

  it('to a host that no rule names is told so, and to look twice', () => {
    expect(decideConnection(policy, { ...asked, url: 'tcp://evil.test:1' })).toMatchObject({
      at: { line: 6, column: 1 },
      reason: 'hospital-a does not allow a connection to tcp://evil.test:1: no rule for tcp:// names it.',
      hint: 'Only if this is the destination that is meant: ask hospital-a to add the rule "to: tcp://evil.test:1" to the section egress.',
    });
  });

  it('by a policy without such rules is told so', () => {
    const { reason, at } = decideConnection(parse(HEAD), { ...asked, url: 'tcp://evil.test:1' });
    expect(reason).toBe(
      'hospital-a allows no connections over tcp:// at all, so not a connection to tcp://evil.test:1.',
    );
    expect(at.line).toBe(1);
  });

  it.each([
    ['before its time', { now: new Date(0) }, 'ERR_POLICY_NOT_IN_FORCE', 4],
    ['for other code', { functionDigest: OTHER_DIGEST }, 'ERR_POLICY_DENIED_EGRESS', 5],
  ])('%s is denied by the rule about that', (_, change, code, line) => {
    const connection = { ...asked, url: 'tcp://db.example.com:5432' };
    const lookup = { ...asked, name: 'db.example.com' };
    expect([decideConnection(policy, connection).outcome, decideLookup(policy, lookup).outcome]).toEqual([
      'allow',
      'allow',
    ]);
    expect(decideConnection(policy, { ...connection, ...change })).toMatchObject({ code, at: { line }, rule: null });
    expect(decideLookup(policy, { ...lookup, ...change })).toMatchObject({ code, at: { line }, rules: [] });
  });
});

describe('a lookup', () => {
  it('of a name that rules name says for which of them, and carries all', () => {
    const decision = decideLookup(policy, { ...asked, name: 'db.example.com' });
    expect(decision).toMatchObject({ outcome: 'allow', name: 'db.example.com', at: { line: 7 } });
    expect(decision.reason).toBe('hospital-a allows to look up "db.example.com" for tcp://db.example.com:5432.');
    expect(decision.rules).toEqual(policy.connections);
  });

  it('that is denied carries none, and is told what to ask for', () => {
    expect(decideLookup(policy, { ...asked, name: 'evil.test' })).toEqual({
      outcome: 'deny',
      owner: 'hospital-a',
      at: { file: 'owner.yaml', line: 6, column: 1 },
      code: 'ERR_POLICY_DENIED_EGRESS',
      reason: 'hospital-a does not allow to look up "evil.test": no rule for tcp:// names it.',
      hint: 'Only if this is the destination that is meant: ask hospital-a to add the rule "to: tcp://evil.test:PORT" to the section egress.',
      name: null,
      rules: [],
    });
  });
});
