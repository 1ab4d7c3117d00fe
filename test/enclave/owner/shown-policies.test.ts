/** Who is shown an owner's policy, and which data and secrets are here: as the owner's `explain` says, case by case. */
import { describe, expect, it } from 'vitest';
import { keyCredential, presentCredential } from '../../../src/client/credentials.ts';
import type { PresentedRequest } from '../../../src/enclave/callers/caller.ts';
import { answerShownPolicies } from '../../../src/enclave/owner/shown-policies.ts';
import { openPolicyRegister, openVersionMemory } from '../../../src/enclave/policy-register.ts';
import { answerShownItems } from '../../../src/enclave/vault/shown-items.ts';
import { makeSigningKey, policyOf } from '../../e2e/worker.ts';
import { NO_KEY_SETS } from '../callers/no-key-sets.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const CHANNEL = new Uint8Array(32).fill(7);
const PATH = '/shown';
const ada = makeSigningKey();
const stranger = makeSigningKey();
const REVOKED = `revoked: [{ key: "${ada.text}" }]`;

async function requestOf(key: typeof ada | null, method = 'GET'): Promise<PresentedRequest> {
  const url = new URL(`https://worker.test${PATH}`);
  const asked = { method, url, headers: [], body: new Uint8Array(0), channel: CHANNEL, now: NOW };
  const proof = key === null ? [] : await presentCredential(keyCredential(key), asked);
  const headers: PresentedRequest['headers'] = [['host', 'worker.test'], ...proof];
  return { method, target: PATH, authority: 'worker.test', headers, peerCertificates: [], channel: CHANNEL };
}

function askingFor(sections: string): Parameters<typeof answerShownPolicies>[1] {
  const policy = policyOf(['upper'], `callers: { ada: { key: "${ada.text}" } }\n${sections}\n`);
  return { register: openPolicyRegister([policy], {}, openVersionMemory()), keySets: NO_KEY_SETS, now: NOW };
}

const SHOWS: Readonly<Record<string, (request: PresentedRequest, sections: string) => Promise<unknown>>> = {
  policies: async (request, sections) => {
    const { body } = await answerShownPolicies(request, askingFor(sections));
    return Object.values((JSON.parse(Buffer.from(body).toString()) as { policies: object }).policies)[0];
  },
  'what is held': async (request, sections) => {
    const { body } = await answerShownItems(request, { list: () => [] }, askingFor(sections));
    return Object.values((JSON.parse(Buffer.from(body).toString()) as { owners: object }).owners)[0];
  },
};

describe.each(Object.entries(SHOWS))('%s', (_what, show) => {
  it.each<[string, string, typeof ada | null, boolean]>([
    ['anyone', 'explain: anyone', null, true],
    ['a caller, where callers are told', 'explain: callers', ada, true],
    ['nobody else there', 'explain: callers', null, false],
    ['no one there whose signature is of another key', 'explain: callers', stranger, false],
    ['no caller there whose key was taken back', `explain: callers\n${REVOKED}`, ada, false],
    ['no caller, where nobody is told', 'explain: nobody', ada, false],
  ])('are shown to %s', async (_whom, sections, key, isShown) => {
    const shown = await show(await requestOf(key), sections);
    expect(shown !== null).toBe(isShown);
  });
});

it('nothing is shown to another method than GET', async () => {
  const request = await requestOf(null, 'POST');
  for (const { status, body } of [
    await answerShownPolicies(request, askingFor('explain: anyone')),
    await answerShownItems(request, { list: () => [] }, askingFor('explain: anyone')),
  ]) {
    expect(status).toBe(400);
    expect(JSON.parse(Buffer.from(body).toString())).toMatchObject({ code: 'ERR_POLICY_REQUEST' });
  }
});
