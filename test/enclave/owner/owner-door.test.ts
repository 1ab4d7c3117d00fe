/** The door of owners without sockets: what it takes, what it does with a statement, and what it writes down. */
import { describe, expect, it } from 'vitest';
import { encodeUtf8, parseUtf8 } from '../../../src/base/bytes.ts';
import { LIMITS } from '../../../src/base/limits.ts';
import { type AuditLog, openAuditLog } from '../../../src/enclave/audit.ts';
import { type OwnerDoor, openOwnerDoor, type StatementHandler } from '../../../src/enclave/owner/owner-door.ts';
import { openPolicyRegister, openVersionMemory } from '../../../src/enclave/policy-register.ts';
import { PolicyError } from '../../../src/errors.ts';
import { signStatement } from '../../../src/policy/signing/jws.ts';
import type { NoticeContent } from '../../../src/policy/signing/notice.ts';
import { formatOwnerRequest, type WorkerRequest } from '../../../src/policy/signing/owner-request.ts';
import { stateForWorker, type WorkerStatementKind } from '../../../src/policy/signing/statement.ts';
import { makeKeys } from '../../policy/signing/keys.ts';

const [key, stranger] = await makeKeys(2);
if (key === undefined || stranger === undefined) throw new Error('no keys');
const INSTANCE = new Uint8Array(16).fill(7);
const NOW = new Date('2026-12-01T10:00:00Z');
const DIGEST = `sha256:${'ab'.repeat(32)}` as const;

interface World {
  readonly door: OwnerDoor;
  readonly audit: AuditLog;
  readonly done: string[];
}

function openWorld(handler: StatementHandler | null = null): World {
  const audit = openAuditLog({ blockHeight: 4, retainedBlocks: 2, sink: 'memory-only' });
  const done: string[] = [];
  const data: StatementHandler = (statement, payload) => {
    done.push(`${statement.name} ${payload.length}`);
    const { kind, owner, name } = statement;
    return Promise.resolve({ kind, owner, name, before: null, after: { version: null, digest: statement.digest } });
  };
  const refuse = (): Promise<NoticeContent> => Promise.reject(new PolicyError('ERR_POLICY_STATEMENT', 'not asked'));
  const door = openOwnerDoor({
    instance: INSTANCE,
    register: openPolicyRegister(
      [],
      { 'hospital-a': { keys: [key?.spki ?? INSTANCE], needed: 1 } },
      openVersionMemory(),
    ),
    changes: { replace: refuse, withdraw: refuse },
    handlers: { data: handler ?? data },
    audit,
    signNotice: ({ kind, name }) => `${kind} ${name}`,
    now: () => NOW,
  });
  return { door, audit, done };
}

async function requestOf(
  over: {
    readonly kind?: WorkerStatementKind;
    readonly now?: Date;
    readonly signer?: typeof key;
    readonly instance?: Uint8Array;
  } = {},
): Promise<WorkerRequest> {
  const { kind = 'data', now = NOW, signer = key, instance = INSTANCE } = over;
  const about = { kind, owner: 'hospital-a', name: 'patients', digest: DIGEST, size: 3 };
  const statement = stateForWorker(about, instance, now);
  const signatures = [await signStatement(statement, signer as NonNullable<typeof key>)];
  return { kind, statement, signatures, payload: encodeUtf8('abc') };
}

async function send({ door }: World, body: string | Uint8Array, method = 'POST'): Promise<unknown> {
  const bytes = typeof body === 'string' ? encodeUtf8(body) : body;
  const answer = await door.answer({ method, readBody: () => Promise.resolve(bytes) });
  const text = parseUtf8(answer.body) ?? '';
  return answer.status === 200 ? text : (JSON.parse(text) as { code: unknown }).code;
}

describe('a statement', () => {
  it('that is signed, for this worker and in time is carried out once and written down', async () => {
    const world = openWorld();
    const request = formatOwnerRequest(await requestOf());
    expect(await send(world, request)).toBe('data patients');
    expect(await send(world, request)).toBe('ERR_POLICY_STATEMENT');
    expect(world.done).toEqual(['patients 3']);
    const records = world.audit.recent();
    expect(records.map(({ kind, outcome, owner, target, reason }) => [kind, outcome, owner, target, reason])).toEqual([
      ['change', 'allow', 'hospital-a', 'data patients', 'ok'],
      ['change', 'deny', 'hospital-a', 'data patients', 'ERR_POLICY_STATEMENT'],
    ]);
    expect(JSON.stringify(records)).not.toContain(request.slice(-20));
  });

  it.each<[string, () => Promise<WorkerRequest>, string]>([
    ['another signer', () => requestOf({ signer: stranger }), 'ERR_POLICY_SIGNATURE'],
    ['another worker', () => requestOf({ instance: new Uint8Array(16) }), 'ERR_POLICY_STATEMENT'],
    ['another time', () => requestOf({ now: new Date('2026-12-01T09:50:00Z') }), 'ERR_POLICY_STATEMENT'],
    ['a kind that this worker does not know', () => requestOf({ kind: 'secret' }), 'ERR_POLICY_STATEMENT'],
    [
      'a kind that its statement does not name',
      async () => ({ ...(await requestOf()), kind: 'forget' }),
      'ERR_POLICY_STATEMENT',
    ],
    [
      'an owner whom nobody let in',
      async () => ({ ...(await requestOf()), statement: { ...(await requestOf()).statement, owner: 'hospital-b' } }),
      'ERR_POLICY_SIGNATURE',
    ],
  ])('with %s is refused, and its handler is not called', async (_what, make, code) => {
    const world = openWorld();
    expect(await send(world, formatOwnerRequest(await make()))).toBe(code);
    expect(world.done).toEqual([]);
    expect(world.audit.recent().map(({ outcome, reason }) => [outcome, reason])).toEqual([['deny', code]]);
  });
});

describe('the door', () => {
  it.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['no JSON', 'x'],
    ['no UTF-8', Uint8Array.of(0xff)],
    ['a list', '[]'],
    ['another format', '{"anchorhold":"owner-request/2","kind":"data"}'],
    ['an unknown kind', '{"anchorhold":"owner-request/1","kind":"format"}'],
    ['a key twice', '{"anchorhold":"owner-request/1","anchorhold":"owner-request/1","kind":"data"}'],
  ])('refuses %s', async (_what, body) => {
    const world = openWorld();
    expect(await send(world, body)).toBe('ERR_POLICY_STATEMENT');
    expect(world.audit.recent().map(({ target, owner }) => [target, owner])).toEqual([['unread', '']]);
  });

  it('takes POST only, and reads no more than its cap', async () => {
    const world = openWorld();
    expect(await send(world, '{}', 'GET')).toBe('ERR_POLICY_REQUEST');
    const caps: number[] = [];
    await world.door.answer({
      method: 'POST',
      readBody: (maxBytes) => {
        caps.push(maxBytes);
        return Promise.resolve(new Uint8Array(0));
      },
    });
    expect(caps).toEqual([LIMITS.ownerRequestBytes]);
  });

  it('lets few in at the same time, and others again when they are done', async () => {
    const world = openWorld();
    const { promise, resolve } = Promise.withResolvers<Uint8Array>();
    const slow = Array.from({ length: 4 }, () => world.door.answer({ method: 'POST', readBody: () => promise }));
    expect(await send(world, '{}')).toBe('ERR_TRANSPORT_OVERLOADED');
    resolve(encodeUtf8('{}'));
    await Promise.all(slow);
    expect(await send(world, '{}')).toBe('ERR_POLICY_STATEMENT');
  });

  it('gives the failure of a handler as an answer, and nothing of its inside', async () => {
    const world = openWorld(() => Promise.reject(new TypeError('inside')));
    expect(await send(world, formatOwnerRequest(await requestOf()))).toBe('ERR_FUNCTION_UNAVAILABLE');
  });
});
