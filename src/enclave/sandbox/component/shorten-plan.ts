/**
 * Leaves out the pair of modules by which tools break a circle: one that forwards calls through a table, and one that fills the table once
 * the memory is there. Our host functions find the memory late by themselves, and two modules less make an instance in a third of the time.
 */
import { readFiller, readForwarder } from './core-module.ts';
import type { CoreItem, ImportSource, LiftedFunction, Plan, Step } from './plan.ts';

interface Pair {
  readonly forwarder: number;
  readonly filler: number;
  /** What each exported name of the forwarder comes down to. */
  readonly targets: ReadonlyMap<string, CoreItem>;
}

function itemOf(step: Step, [module, name]: readonly [string, string]): CoreItem | null {
  const source = step.imports.find(([m]) => m === module)?.[1];
  if (source === undefined) return null;
  if ('step' in source) return { from: 'instance', step: source.step, name, sort: 'func' };
  return source.items.find(([n]) => n === name)?.[1] ?? null;
}

const isFrom = (item: CoreItem | null, step: number): boolean => item?.from === 'instance' && item.step === step;

/** Tells whether a step takes a forwarder's table, or all that it exports: then more than forwarding may go on. */
function sharesTable(source: ImportSource, forwarder: number, table: string): boolean {
  if ('step' in source) return source.step === forwarder;
  return source.items.some(([, item]) => item.from === 'instance' && item.step === forwarder && item.name === table);
}

function findPair(plan: Plan): Pair | null {
  const looked = new Set<number>();
  for (const [forwarder, step] of plan.steps.entries()) {
    // A component can make one module a thousand times; no tool makes this pair more than once.
    if (step.imports.length > 0 || looked.has(step.module)) continue;
    looked.add(step.module);
    const forwards = readForwarder(plan.modules[step.module] ?? new Uint8Array(0));
    if (forwards === null) continue;
    const users = plan.steps.flatMap(({ imports }, i) =>
      imports.some(([, source]) => sharesTable(source, forwarder, forwards.table)) ? [i] : [],
    );
    const [filler = -1] = users;
    const filling = plan.steps[filler];
    const fill =
      filling === undefined || users.length > 1 ? null : readFiller(plan.modules[filling.module] ?? new Uint8Array(0));
    if (filling === undefined || fill === null || !isFrom(itemOf(filling, fill.table), forwarder)) continue;
    // Otherwise the whole pair would fail when it is made.
    if (fill.places > forwards.places) continue;
    const slots = fill.functions.map((name) => itemOf(filling, name));
    // Functions of a later core instance are not there yet when the forwarder's users need them.
    if (!slots.every((item) => item?.from === 'canonical')) continue;
    const targets = new Map<string, CoreItem>();
    for (const [name, slot] of forwards.slots) {
      const item = slots[slot];
      if (item !== undefined && item !== null) targets.set(name, item);
    }
    if (targets.size === forwards.slots.size) return { forwarder, filler, targets };
  }
  return null;
}

/** Gives the plan without its first such pair; the same plan when there is none. */
export function shortenPlan(plan: Plan): Plan {
  const pair = findPair(plan);
  if (pair === null) return plan;
  const { forwarder, filler, targets } = pair;
  const kept = plan.steps.flatMap((_, i) => (i === forwarder || i === filler ? [] : [i]));
  const place = new Map(kept.map((old, i) => [old, i]));
  const move = (item: CoreItem): CoreItem => {
    if (item.from === 'canonical') return item;
    if (item.step === forwarder) return targets.get(item.name) ?? item;
    return { ...item, step: place.get(item.step) ?? item.step };
  };
  const moveSource = (source: ImportSource): ImportSource =>
    'step' in source
      ? { step: place.get(source.step) ?? source.step }
      : { items: source.items.map(([name, item]) => [name, move(item)]) };
  const moveOrNull = (item: CoreItem | null): CoreItem | null => (item === null ? null : move(item));
  const moveFunction = (func: LiftedFunction): LiftedFunction => ({
    ...func,
    core: move(func.core),
    postReturn: moveOrNull(func.postReturn),
    callback: moveOrNull(func.callback),
  });
  return {
    ...plan,
    steps: plan.steps
      .filter((_, i) => place.has(i))
      .map(({ module, imports }) => ({ module, imports: imports.map(([name, source]) => [name, moveSource(source)]) })),
    contexts: plan.contexts.map((c) => ({ ...c, memory: moveOrNull(c.memory), realloc: moveOrNull(c.realloc) })),
    destructors: new Map([...plan.destructors].map(([resource, item]) => [resource, move(item)])),
    exports: new Map(
      [...plan.exports].map(([name, exported]) => [
        name,
        'of' in exported ? moveFunction(exported) : new Map([...exported].map(([n, f]) => [n, moveFunction(f)])),
      ]),
    ),
  };
}
