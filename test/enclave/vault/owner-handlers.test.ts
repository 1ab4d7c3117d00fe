/** What owners' statements about data and secrets do, once their signatures hold: when a content is waited for, and what is forgotten. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeUtf8 } from '../../../src/base/bytes.ts';
import { type DigestText, formatDigest, sha256 } from '../../../src/base/digest.ts';
import { encodeContentDigest } from '../../../src/base/http-signature.ts';
import { type AuditLog, openAuditLog } from '../../../src/enclave/audit.ts';
import { type ContentRequest, openContentDoor } from '../../../src/enclave/vault/content-door.ts';
import type { ItemName } from '../../../src/enclave/vault/item-store.ts';
import { openVaultHandlers, type VaultHandlers } from '../../../src/enclave/vault/owner-handlers.ts';
import { openPendingUploads, type PendingUploads } from '../../../src/enclave/vault/pending-uploads.ts';
import { stateForWorker, type WorkerStatement } from '../../../src/policy/signing/statement.ts';
import { makeTestFolder } from '../store/folder.ts';
import { INSTANCE, openVaultWorld, type Sealed, type VaultWorld, vaultPolicy } from './vault-world.ts';

const SECTIONS =
  'data: { patients: { mount: /data/patients.csv, max: 1 KiB }, both: { mount: /data/both, max: 1 KiB } }\nsecrets: [both]';
const PATIENTS: ItemName = { kind: 'data', owner: 'hospital-a', name: 'patients' };
const ROWS = encodeUtf8('Ada,36');
const NOTHING = new Uint8Array(0);
const BEGIN = new Date('2026-11-21T12:00:00Z');

let world: VaultWorld;
let pending: PendingUploads;
let handlers: VaultHandlers;
let audit: AuditLog;
let now: Date;
let ask: ReturnType<typeof openContentDoor>;

beforeEach(async () => {
  world = await openVaultWorld(makeTestFolder(), [vaultPolicy(SECTIONS)]);
  pending = openPendingUploads();
  now = BEGIN;
  handlers = openVaultHandlers(world.vault, pending, () => now);
  audit = openAuditLog({ blockHeight: 8, retainedBlocks: 2, sink: 'memory-only' });
  const signNotice = (content: object): string => JSON.stringify(content);
  ask = openContentDoor({ vault: world.vault, pending, audit, signNotice, now: () => now });
});
afterEach(() => world.end());

/** Makes the statement that announces a sealed content. */
function announce({ upload: { owner, name, digest, size } }: Sealed): WorkerStatement {
  return stateForWorker({ kind: 'data', owner, name, digest, size }, INSTANCE, now);
}

function forgetting(name: string, word: string, digest: DigestText = formatDigest(sha256(encodeUtf8(word)))) {
  return stateForWorker({ kind: 'forget', owner: 'hospital-a', name, digest, size: word.length }, INSTANCE, BEGIN);
}

/** Sends a content as a client does; `read` counts how much the door wanted to read. */
async function send(body: Uint8Array, change: Partial<ContentRequest> = {}) {
  let read: number | null = null;
  const answer = await ask({
    method: 'POST',
    headers: [['content-digest', encodeContentDigest(body)]],
    readBody: async (maxBytes) => {
      read = maxBytes;
      return await Promise.resolve(body);
    },
    ...change,
  });
  const { code = null } = JSON.parse(Buffer.from(answer.body).toString()) as { code?: string | null };
  return { status: answer.status, code, read };
}

describe('data that is announced', () => {
  it('is taken when it comes, once, and read no further than it was signed', async () => {
    const sealed = await world.seal(PATIENTS, ROWS);
    expect(await handlers.data(announce(sealed), NOTHING)).toEqual({ ...PATIENTS, before: null, after: null });
    expect(world.vault.list('hospital-a')).toEqual([]);
    expect(await send(sealed.sealed)).toEqual({ status: 200, code: null, read: sealed.sealed.length });
    expect(world.vault.data('hospital-a', 'patients')?.bytes).toEqual(ROWS);
    expect(await send(sealed.sealed)).toEqual({ status: 400, code: 'ERR_POLICY_STATEMENT', read: null });
    expect(audit.recent().map(({ kind, outcome, target }) => [kind, outcome, target])).toEqual([
      ['change', 'allow', 'data patients'],
    ]);
  });

  it('may come with its statement, and then nothing is waited for', async () => {
    const sealed = await world.seal(PATIENTS, ROWS);
    const done = await handlers.data(announce(sealed), sealed.sealed);
    expect(done.after).toEqual({ version: null, digest: sealed.upload.digest });
    expect((await send(sealed.sealed)).code).toBe('ERR_POLICY_STATEMENT');
  });

  it('is waited for until its statement expires, and no longer', async () => {
    const sealed = await world.seal(PATIENTS, ROWS);
    const statement = announce(sealed);
    await handlers.data(statement, NOTHING);
    now = new Date(statement.expires);
    expect(await send(sealed.sealed)).toMatchObject({ code: 'ERR_POLICY_STATEMENT', read: null });
  });

  it.each<[string, (sealed: Sealed) => Promise<{ code: string | null; read: number | null }>]>([
    ['with another method', ({ sealed }) => send(sealed, { method: 'PUT' })],
    ['without a digest', ({ sealed }) => send(sealed, { headers: [] })],
    [
      'with two digests',
      ({ sealed }) => {
        const field = ['content-digest', encodeContentDigest(sealed)] as const;
        return send(sealed, { headers: [field, field] });
      },
    ],
    ['with the digest of something else', ({ sealed }) => send(sealed.subarray(1))],
  ])('is not read %s', async (_, act) => {
    const sealed = await world.seal(PATIENTS, ROWS);
    await handlers.data(announce(sealed), NOTHING);
    const { code, read } = await act(sealed);
    expect([code === null, read]).toEqual([false, null]);
    expect(world.vault.list('hospital-a')).toEqual([]);
  });

  it('is refused and written down when it is not what the head of its request says', async () => {
    const sealed = await world.seal(PATIENTS, ROWS);
    await handlers.data(announce(sealed), NOTHING);
    const other = Uint8Array.from(sealed.sealed);
    other[40] = (other[40] ?? 0) ^ 1;
    const { code } = await send(sealed.sealed, { readBody: () => Promise.resolve(other) });
    expect(code).toBe('ERR_SECRET_SEAL');
    expect(audit.recent().map(({ outcome, reason }) => [outcome, reason])).toEqual([['deny', 'ERR_SECRET_SEAL']]);
  });

  it('is refused at once when the policy does not name it, and when too much is waited for', async () => {
    const unknown = await world.seal({ ...PATIENTS, name: 'others' }, ROWS);
    await expect(handlers.data(announce(unknown), NOTHING)).rejects.toMatchObject({ code: 'ERR_POLICY_DENIED_UPLOAD' });
    for (let i = 0; i < 64; i++) await handlers.data(announce(await world.seal(PATIENTS, ROWS)), NOTHING);
    const more = announce(await world.seal(PATIENTS, ROWS));
    await expect(handlers.data(more, NOTHING)).rejects.toMatchObject({ code: 'ERR_TRANSPORT_OVERLOADED' });
    now = new Date(more.expires);
    await handlers.data(announce(await world.seal(PATIENTS, ROWS)), NOTHING);
  });

  it('waits when others are on their way', async () => {
    const [one, two, three] = [
      await world.seal(PATIENTS, ROWS),
      await world.seal(PATIENTS, ROWS),
      await world.seal(PATIENTS, ROWS),
    ];
    for (const sealed of [one, two, three]) await handlers.data(announce(sealed), NOTHING);
    const slow = Promise.withResolvers<Uint8Array>();
    const first = send(one.sealed, { readBody: () => slow.promise });
    const second = send(two.sealed, { readBody: () => slow.promise });
    expect((await send(three.sealed)).code).toBe('ERR_TRANSPORT_OVERLOADED');
    slow.resolve(NOTHING);
    expect([(await first).code, (await second).code]).toEqual(['ERR_SECRET_SEAL', 'ERR_SECRET_SEAL']);
    expect((await send(three.sealed)).code).toBeNull();
  });
});

describe('what is to be forgotten', () => {
  it('is data or a secret, as the signed word says, where both have one name', async () => {
    await world.put({ ...PATIENTS, name: 'both' }, ROWS);
    await world.put({ kind: 'secret', owner: 'hospital-a', name: 'both' }, encodeUtf8('12345678'));
    const done = await handlers.forget(forgetting('both', 'secret'), encodeUtf8('secret'));
    expect(done).toMatchObject({ kind: 'forget', name: 'both', after: null });
    expect(world.vault.list('hospital-a').map(({ kind }) => kind)).toEqual(['data']);
  });

  it.each([
    ['another word', forgetting('both', 'policy'), 'policy'],
    ['a word that was not signed', forgetting('both', 'data', formatDigest(sha256(encodeUtf8('secret')))), 'data'],
    ['no word', forgetting('both', ''), ''],
  ])('is refused with %s', async (_, statement, word) => {
    await world.put({ ...PATIENTS, name: 'both' }, ROWS);
    await expect(handlers.forget(statement, encodeUtf8(word))).rejects.toMatchObject({ code: 'ERR_POLICY_STATEMENT' });
    expect(world.vault.list('hospital-a')).toHaveLength(1);
  });
});
