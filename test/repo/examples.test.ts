/** The examples hold: functions build to the digests that the policies name, and each policy's own tests pass. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeCredentials } from '../../examples/hospital/credentials.ts';
import { parseOwnerPolicy, runPolicyTests } from '../../src/policy/index.ts';
import { buildFunctions } from '../../tools/build-functions.ts';

const EXAMPLES = resolve(import.meta.dirname, '../../examples');

describe('the hospital example', async () => {
  const people = await makeCredentials('lookup.hospital-a.example', new Date());
  const references: Readonly<Record<string, string>> = {
    './research-ca.pem': people.researchCaPem,
    './jwks.json': people.jwks,
  };
  const policy = parseOwnerPolicy(readFileSync(join(EXAMPLES, 'hospital/hospital-a.yaml')), {
    file: 'hospital-a.yaml',
    references: (name) => (Object.hasOwn(references, name) ? Buffer.from(references[name] ?? '') : null),
  });

  it('names functions by the digests that they build to', async () => {
    const built = new Map((await buildFunctions()).map(({ name, digest }) => [name, digest]));
    expect(policy.functions).toHaveLength(2);
    for (const { name, digest } of policy.functions) expect(built.get(name)).toBe(digest);
  });

  it('passes its own tests', () => {
    const results = runPolicyTests(policy);
    expect(results).toHaveLength(5);
    expect(results.filter(({ passed }) => !passed)).toEqual([]);
  });
});
