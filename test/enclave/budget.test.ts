import { describe, expect, it } from 'vitest';
import { budgetKey, nameRule, openBudget } from '../../src/enclave/budget.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import type { RateLimit } from '../../src/policy/policy.ts';

const POLICY = `anchorhold: owner-policy/1
owner: a
version: 1
valid: { from: 2020-01-01, until: 2099-01-01 }
functions: { f: "sha256:${'0'.repeat(64)}" }
callers: { c: { key: "ed25519:MCowBQYDK2VwAyEALoTJQJM/T6kT2uOeLQ651DvzdM7NtljB7mLxhMBFsyk=" } }
queries: [{ allow: c, to: GET /f, limit: 1/day }, { allow: c, to: POST /f, limit: 1/day }]
egress:
  - { to: https://a.example/x, methods: [GET], limit: 1/day }
  - { to: https://a.example/y, methods: [GET], limit: 1/day }
  - { to: tcp://a.example:1, limit: 1/day }
  - { to: tcp://a.example:2, limit: 1/day }
`;
const THREE: RateLimit = { amount: 3, unit: 'calls', windowSeconds: 30 };
const BYTES: RateLimit = { amount: 1000, unit: 'bytes', windowSeconds: 10 };
const at = (seconds: number): Date => new Date(1_700_000_000_000 + seconds * 1000);

describe('a budget', () => {
  it('is full at first, is used up, says when to come again, and comes back evenly', () => {
    const budget = openBudget(10);
    for (let i = 0; i < 3; i++) expect(budget.take('a', THREE, 1, at(0))).toEqual({ allowed: true });
    expect(budget.take('a', THREE, 1, at(0))).toEqual({ allowed: false, retryAfterSeconds: 10 });
    expect(budget.take('a', THREE, 1, at(9.5))).toEqual({ allowed: false, retryAfterSeconds: 1 });
    expect(budget.take('a', THREE, 1, at(10))).toEqual({ allowed: true });
    expect(budget.take('a', THREE, 4, at(1000))).toEqual({ allowed: false, retryAfterSeconds: null });
  });

  it('is counted for each key alone', () => {
    const budget = openBudget(10);
    for (let i = 0; i < 3; i++) budget.take('a', THREE, 1, at(0));
    expect(budget.take('b', THREE, 1, at(0)).allowed).toBe(true);
  });

  it('tells what is left, and takes at most that for what was used already', () => {
    const budget = openBudget(10);
    expect(budget.remaining('a', BYTES, at(0))).toBe(1000);
    budget.charge('a', BYTES, 400, at(0));
    expect(budget.remaining('a', BYTES, at(0))).toBe(600);
    budget.charge('a', BYTES, 5000, at(0));
    expect(budget.remaining('a', BYTES, at(0))).toBe(0);
    expect(budget.remaining('a', BYTES, at(5))).toBe(500);
  });

  it('refuses new keys when it cannot remember more, until a spent one is whole again', () => {
    const budget = openBudget(2);
    budget.take('a', THREE, 1, at(0));
    budget.take('b', THREE, 1, at(5));
    expect(budget.take('c', THREE, 1, at(5)).allowed).toBe(false);
    expect(budget.take('a', THREE, 1, at(5)).allowed).toBe(true);
    expect(budget.take('c', THREE, 1, at(15)).allowed).toBe(true);
    expect(budget.remaining('a', THREE, at(15))).toBe(2);
  });

  it('belongs to what a rule says, not to the name of the file or the line where it stands', () => {
    const { queries, egress, connections } = parseOwnerPolicy(POLICY, { file: 'a.yaml', references: () => null });
    const moved = parseOwnerPolicy(`# a comment more\n${POLICY}`, { file: 'b.yaml', references: () => null });
    const names = [...queries, ...egress, ...connections].map(nameRule);
    expect([...moved.queries, ...moved.egress, ...moved.connections].map(nameRule)).toEqual(names);
    expect(new Set(names).size).toBe(6);
  });

  it('has keys that cannot be made to collide', () => {
    expect(budgetKey('a', 'b', 'c\0d')).not.toBe(budgetKey('a', 'b\0c', 'd'));
    expect(budgetKey('a', 'bc', 'd')).not.toBe(budgetKey('a', 'b', 'cd'));
  });
});
