/** Which functions run under which policies, what a change loads, and that nothing of it stands when a part fails. */
import { describe, expect, it } from 'vitest';
import { type FunctionTable, type HeldFunction, openFunctionTable } from '../../src/enclave/function-table.ts';
import { type Standings, standWith, standWithdrawn } from '../../src/enclave/policy-register.ts';
import { openRetiringFunction } from '../../src/enclave/retiring-function.ts';
import type { CallTerms, FunctionRequest, FunctionResponse } from '../../src/enclave/sandbox/sandbox.ts';
import { NO_SOCKET_EGRESS } from '../../src/enclave/sandbox/socket-egress.ts';
import { FunctionError } from '../../src/errors.ts';
import { parseOwnerPolicy } from '../../src/policy/parse.ts';
import { codeOf } from '../policy/signing/keys.ts';
import { drain } from './bodies.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}` as const;
const OTHER = `sha256:${'cd'.repeat(32)}` as const;
const NOW = new Date('2026-12-01T12:00:00Z');

function standings(...owners: Readonly<Record<string, string | object>>[]): Standings {
  return owners.reduce<Standings>((all, functions, i) => {
    const lines = [
      'anchorhold: owner-policy/1',
      `owner: owner-${i}`,
      'version: 1',
      'valid: { from: 2020-01-01, until: 2099-01-01 }',
      `functions: ${JSON.stringify(functions)}`,
    ];
    const policy = parseOwnerPolicy(lines.join('\n'), { file: `owner-${i}.yaml`, references: () => null });
    return standWith(all, policy);
  }, []);
}

const REQUEST: FunctionRequest = { method: 'GET', path: '/', authority: 'x', headers: [], body: new Uint8Array(0) };
const TERMS: CallTerms = {
  deadlineMs: 1000,
  egress: () => Promise.resolve({ error: 'HTTP-request-denied' }),
  sockets: NO_SOCKET_EGRESS,
  caller: '',
  whenGone: () => undefined,
};
const ANSWER: FunctionResponse = { status: 200, headers: [], body: new Uint8Array(1) };

interface World {
  readonly table: FunctionTable;
  /** What happened, in order. */
  readonly events: string[];
  /** What the next call of each function waits for. */
  answer: Promise<FunctionResponse>;
}

function openWorld(names: readonly string[], failing: string | null = null): World {
  const events: string[] = [];
  const world: World = {
    events,
    answer: Promise.resolve(ANSWER),
    table: openFunctionTable(new Map(names.map((name) => [name, held(name)]))),
  };
  function held(name: string): HeldFunction {
    return {
      digest: DIGEST,
      ways: { egress: TERMS.egress, sockets: TERMS.sockets, waitsFor: () => null },
      load: ({ deadlineMs }) => {
        if (name === failing && deadlineMs !== null)
          return Promise.reject(new FunctionError('ERR_FUNCTION_INVALID', 'no'));
        events.push(`load ${name} ${deadlineMs}`);
        const loaded = {
          call: () => world.answer,
          close: () => {
            events.push(`close ${name} ${deadlineMs}`);
            return Promise.resolve();
          },
        };
        return Promise.resolve({ loaded, deadlineMs: deadlineMs ?? 10 });
      },
    };
  }
  return world;
}

async function change({ table }: World, next: Standings): Promise<void> {
  (await table.prepare(next)).commit();
}

describe('a function', () => {
  it('runs where all who list it mean the same code, and is loaded anew only for other terms', async () => {
    const world = openWorld(['f']);
    await change(world, standings({ f: DIGEST }));
    expect(world.table.running()).toEqual({ f: DIGEST });
    await change(world, standings({ f: DIGEST }, { f: DIGEST }));
    expect(world.events).toEqual(['load f null']);
    await change(world, standings({ f: DIGEST }, { f: { digest: DIGEST, deadline: '5 s' } }));
    expect(world.events).toEqual(['load f null', 'load f 5000', 'close f null']);
    expect(world.table.get('f')).toMatchObject({ deadlineMs: 5000, owners: [{}, {}] });
  });

  it.each<[string, Standings]>([
    ['nobody lists it', standings({})],
    ['an owner lists other code', standings({ f: DIGEST }, { f: OTHER })],
    ['an owner who lists it has withdrawn', standWithdrawn(standings({ f: DIGEST }, { f: DIGEST }), 'owner-1', NOW)],
  ])('ends when %s, and is not called again', async (_why, next) => {
    const world = openWorld(['f']);
    await change(world, standings({ f: DIGEST }));
    await change(world, next);
    expect(world.events).toEqual(['load f null', 'close f null']);
    expect(world.table.running()).toEqual({});
    expect(await codeOf(() => world.table.get('f')?.loaded.call(REQUEST, TERMS))).toBe('ERR_FUNCTION_UNAVAILABLE');
  });

  it('that nobody listed is loaded when somebody does', async () => {
    const world = openWorld(['f', 'g']);
    await change(world, standings({ f: DIGEST }));
    await change(world, standings({ f: DIGEST }, { g: DIGEST }));
    expect(world.events).toEqual(['load f null', 'load g null']);
    expect(world.table.get('none')).toBeUndefined();
  });

  it('is the same value until a change', async () => {
    const world = openWorld(['f']);
    await change(world, standings({ f: DIGEST }));
    const before = world.table.get('f');
    expect(world.table.get('f')).toBe(before);
    const prepared = await world.table.prepare(standings({ f: DIGEST }));
    expect(world.table.get('f')).toBe(before);
    prepared.commit();
    expect(world.table.get('f')).not.toBe(before);
  });
});

describe('a change', () => {
  it('of which a part cannot be loaded leaves everything as it was', async () => {
    const world = openWorld(['f', 'g'], 'g');
    await change(world, standings({ f: DIGEST, g: DIGEST }));
    const before = world.table.get('f');
    const slow = { digest: DIGEST, deadline: '5 s' };
    expect(await codeOf(() => world.table.prepare(standings({ f: slow, g: slow })))).toBe('ERR_FUNCTION_INVALID');
    expect(world.table.get('f')).toBe(before);
    expect(world.events.slice(2)).toEqual(['load f 5000', 'close f 5000']);
  });

  it('that is not made closes what it loaded, and nothing else', async () => {
    const world = openWorld(['f', 'g']);
    await change(world, standings({ f: DIGEST }));
    await (await world.table.prepare(standings({ f: DIGEST, g: DIGEST }))).discard();
    expect(world.events).toEqual(['load f null', 'load g null', 'close g null']);
  });

  it('lets a call that is under way end first', async () => {
    const world = openWorld(['f']);
    await change(world, standings({ f: DIGEST }));
    const { promise, resolve } = Promise.withResolvers<FunctionResponse>();
    world.answer = promise;
    const called = world.table.get('f')?.loaded.call(REQUEST, TERMS);
    await change(world, standings({}));
    expect(world.events).toEqual(['load f null']);
    resolve(ANSWER);
    expect(await called).toBe(ANSWER);
    await Promise.resolve();
    expect(world.events).toEqual(['load f null', 'close f null']);
  });

  it('ends with the worker, also what is still being called', async () => {
    const world = openWorld(['f', 'g']);
    await change(world, standings({ f: DIGEST, g: DIGEST }));
    world.answer = new Promise(() => undefined);
    void world.table.get('f')?.loaded.call(REQUEST, TERMS);
    await change(world, standings({ g: DIGEST }));
    await world.table.close();
    expect(world.events.slice(2).toSorted()).toEqual(['close f null', 'close g null']);
  });
});

describe('a function that is retired', () => {
  it('ends after the last byte of a streamed answer', async () => {
    const closed: string[] = [];
    let state: 'open' | 'ended' = 'open';
    const source = {
      get state() {
        return state;
      },
      available: 0,
      take: () => new Uint8Array(0),
      changed: () => Promise.resolve(),
      cancel: () => undefined,
    };
    const retiring = openRetiringFunction({
      call: () => Promise.resolve({ ...ANSWER, body: { source, length: null } }),
      close: () => Promise.resolve(void closed.push('closed')),
    });
    const { body } = await retiring.call(REQUEST, TERMS);
    const retired = retiring.retire();
    expect(closed).toEqual([]);
    state = 'ended';
    await drain(body);
    await retired;
    expect(closed).toEqual(['closed']);
  });

  it('ends when a call fails', async () => {
    const retiring = openRetiringFunction({
      call: () => Promise.reject(new FunctionError('ERR_FUNCTION_TRAP', 'x')),
      close: () => Promise.resolve(),
    });
    const failed = codeOf(() => retiring.call(REQUEST, TERMS));
    const retired = retiring.retire();
    expect(await failed).toBe('ERR_FUNCTION_TRAP');
    await retired;
  });
});
