/** The examples and the guest that misbehaves, over our WASI host: by our linker and by jco's glue, call for call. */
import { beforeAll, describe, expect, it } from 'vitest';
import { instantiate } from '../../../../src/enclave/sandbox/component/instance.ts';
import { camelCase } from '../../../../src/enclave/sandbox/component/labels.ts';
import { type Host, linkComponent } from '../../../../src/enclave/sandbox/component/link.ts';
import { makePlan } from '../../../../src/enclave/sandbox/component/make-plan.ts';
import type { HostFunction, Plan } from '../../../../src/enclave/sandbox/component/plan.ts';
import { shortenPlan } from '../../../../src/enclave/sandbox/component/shorten-plan.ts';
import { casesOf, type ValueType } from '../../../../src/enclave/sandbox/component/value-type.ts';
import { NO_EGRESS, openCall } from '../../../../src/enclave/sandbox/guest-call.ts';
import type { GuestCall } from '../../../../src/enclave/sandbox/wasi/call.ts';
import { findGuestFunction, INTERFACES, WASI_HOST } from '../../../../src/enclave/sandbox/wasi/host.ts';
import { IncomingRequest } from '../../../../src/enclave/sandbox/wasi/http-messages.ts';
import { type Answer, ResponseOutparam } from '../../../../src/enclave/sandbox/wasi/http-outgoing.ts';
import { REAL_SURROUNDINGS } from '../../../../src/enclave/sandbox/wasi/surroundings.ts';
import { buildFunctions } from '../../../../tools/build-functions.ts';
import { buildRogue } from '../guests.ts';
import { openOracle } from './kit.ts';
import { plain } from './worlds.ts';

const VERSION = /@.*$/;
/** Holds an object of our host for the glue. */
class Boxed {
  of: unknown = null;
}
type Classes = Map<string, new () => Boxed>;

/** Changes every handle in a value, and nothing else. */
function mapHandles(type: ValueType, value: unknown, change: (name: string, handle: unknown) => unknown): unknown {
  if (type.kind === 'own' || type.kind === 'borrow') {
    return change(type.resource.of === 'host' ? type.resource.name : '', value);
  }
  if (type.kind === 'list')
    return type.element.kind === 'u8'
      ? value
      : Array.from(value as unknown[], (v) => mapHandles(type.element, v, change));
  if (type.kind === 'tuple') return type.elements.map((t, i) => mapHandles(t, (value as unknown[])[i], change));
  if (type.kind === 'option' && type.element.kind !== 'option') {
    return value === undefined ? undefined : mapHandles(type.element, value, change);
  }
  if (type.kind === 'result' || type.kind === 'variant') {
    const { tag, val } = value as { tag: string; val?: unknown };
    const payload = casesOf(type)?.find(
      ([label]) => label === (type.kind === 'result' && tag === 'err' ? 'error' : tag),
    )?.[1];
    return { tag, val: payload === undefined || payload === null ? val : mapHandles(payload, val, change) };
  }
  return value;
}

/** Our host in the form that jco's glue takes: a class for each resource, exceptions for errors. */
function oracleImports(plan: Plan, host: Host<GuestCall>, call: GuestCall, classes: Classes): object {
  const imports: Record<string, Record<string, unknown>> = {};
  const classOf = (name: string) => {
    const known = classes.get(name) ?? class extends Boxed {};
    classes.set(name, known);
    return known;
  };
  const box = (name: string, of: unknown): unknown => Object.assign(new (classOf(name))(), { of });
  const add = (func: HostFunction): void => {
    const members = (imports[func.interface.replace(VERSION, '')] ??= {});
    const run = host.find(func)?.run;
    const apply = (args: readonly unknown[]): unknown => {
      const lifted = args.map((arg, i) => {
        const type = func.type.params[i]?.[1];
        return type === undefined ? arg : mapHandles(type, arg, (_, boxed) => (boxed as { of: unknown }).of);
      });
      const given = run?.(call, lifted);
      if (func.type.result === null) return undefined;
      const value = mapHandles(func.type.result, given, box);
      if (func.type.result.kind !== 'result') return value;
      const { tag, val } = value as { tag: string; val: unknown };
      if (tag === 'err') throw Object.assign(new Error('result'), { payload: val });
      return val;
    };
    const [, form, resource = '', member = ''] =
      /^\[(method|static|constructor)\]([^.]+)\.?(.*)$/.exec(func.name) ?? [];
    if (form === undefined) members[camelCase(func.name)] = (...args: unknown[]) => apply(args);
    else if (form === 'method') {
      Object.assign(classOf(resource).prototype, {
        [camelCase(member)](this: unknown, ...args: unknown[]) {
          return apply([this, ...args]);
        },
      });
    } else if (form === 'static')
      Object.assign(classOf(resource), { [camelCase(member)]: (...args: unknown[]) => apply(args) });
    else {
      const made = classOf(resource);
      // A class that gives what the host made, and is what `instanceof` asks for.
      const maker = function maker(...args: unknown[]): unknown {
        return apply(args);
      };
      maker.prototype = made.prototype;
      members[camelCase(`-${resource}`)] = Object.assign(maker, made);
    }
  };
  for (const c of plan.canonicals) {
    if (c.op === 'lower') add(c.func);
    else if ('resource' in c && c.resource.of === 'host') classOf(c.resource.name);
  }
  // The glue asks for the class of every resource, used or not.
  for (const name of plan.imports) {
    const from = name.replace(VERSION, '');
    const members = (imports[from] ??= {});
    for (const member of Object.keys(INTERFACES[from] as object)) {
      const resource = member.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
      if (resource.startsWith('-')) members[member] ??= classOf(resource.slice(1));
    }
  }
  return imports;
}

/** Our host, with what it is asked and what it answers written down; handles are left out of it. */
function watched(log: unknown[]): Host<GuestCall> {
  return {
    drop: (representation) => WASI_HOST.drop(representation),
    find(func) {
      const entry = WASI_HOST.find(func);
      if (entry === null) return null;
      const hide = (type: ValueType | null | undefined, value: unknown) =>
        type === null || type === undefined ? value : plain(mapHandles(type, value, (name) => name));
      return {
        waits: entry.waits,
        keeps: entry.keeps,
        run(call, args) {
          const given = entry.run(call, args);
          log.push([func.name, args.map((a, i) => hide(func.type.params[i]?.[1], a)), hide(func.type.result, given)]);
          return given;
        },
      };
    },
  };
}

interface End {
  readonly log: readonly unknown[];
  readonly failed: boolean;
  readonly answer: unknown;
}

async function runBoth(bytes: Uint8Array, body: string): Promise<readonly [ours: End, theirs: End]> {
  const plan = shortenPlan(makePlan(bytes));
  const ends: End[] = [];
  for (const ours of [true, false]) {
    const log: unknown[] = [];
    const host = watched(log);
    const stdin = new TextEncoder().encode(body);
    const call = openCall(
      { args: ['guest', 'b'], env: [], mounts: [], stdin, outside: NO_EGRESS, surroundings: REAL_SURROUNDINGS },
      65_536,
    );
    let given: Answer | null = null;
    let finished: Uint8Array | null = null;
    const outparam = new ResponseOutparam((set) => {
      given = set;
      if (set.tag === 'error') return;
      const whole = (bytes: Uint8Array): void => {
        finished = bytes;
      };
      const never = (): never => {
        throw new Error('the body is not whole');
      };
      set.response.release({ whole, begin: never, broken: () => undefined });
    });
    const request = new IncomingRequest({
      method: 'POST',
      path: '/a?b',
      authority: 'a.test',
      headers: [['a', 'b']],
      body: stdin,
    });
    const handle = findGuestFunction(plan, 'wasi:http/incoming-handler', 'handle');
    const run = findGuestFunction(plan, 'wasi:cli/run', 'run');
    let failed = false;
    try {
      if (ours) {
        const instance = instantiate(await linkComponent(plan, host), call);
        if (handle !== null) await instance.call(handle, [request, outparam]);
        else if (run !== null) await instance.call(run, []);
      } else {
        const classes: Classes = new Map();
        const imports = oracleImports(plan, host, call, classes);
        const { exports } = (await openOracle(bytes, imports))();
        const named = exports as unknown as Record<string, Record<string, (...args: unknown[]) => unknown>>;
        const box = (name: string, of: unknown) => Object.assign(new (classes.get(name) ?? Boxed)(), { of });
        const [from] = Object.keys(named).filter((k) => k.startsWith('wasi:'));
        if (handle !== null)
          named[from ?? '']?.['handle']?.(box('incoming-request', request), box('response-outparam', outparam));
        else named[from ?? '']?.['run']?.();
      }
    } catch (e) {
      failed = true;
      if (!ours && e instanceof TypeError) throw e;
    }
    const set = given as Answer | null;
    const answer =
      set?.tag === 'response'
        ? [set.response.statusCode(), set.response.headers().toHeaders(), plain(finished)]
        : [set, plain(call.stdout.bytes())];
    ends.push({ log, failed, answer });
  }
  const [mine, its] = ends;
  if (mine === undefined || its === undefined) throw new Error('not run');
  return [mine, its];
}

const guests = new Map<string, Uint8Array>();
beforeAll(async () => {
  for (const { name, bytes } of await buildFunctions()) guests.set(name, bytes);
  guests.set('rogue', await buildRogue());
});

describe('by our linker and by the glue of jco', () => {
  it.each([
    ['upper', 'some text'],
    ['upper', ''],
    ['risk-score', '{"age": 60}'],
    ['risk-score', ''],
    ['rogue', 'echo this'],
    ['rogue', 't'],
    ['rogue', 'n'],
    ['rogue', 'u'],
    ['rogue', 'e'],
    ['rogue', 'p'],
    ['rogue', 'o'],
    ['rogue', 'c'],
    ['rogue', 'f'],
  ])('%s does the same with "%s"', async (name, body) => {
    const [ours, theirs] = await runBoth(guests.get(name) ?? new Uint8Array(0), body);
    expect(ours).toEqual(theirs);
    expect(ours.log.length).toBeGreaterThan(0);
  });
});
