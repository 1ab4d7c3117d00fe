/**
 * On which machines one policy may be in force, and its data and secrets may lie, where another's may not. Without the section a policy may be
 * in force on any machine, but nothing may be entrusted to one. Floor tables are their names: what two of them demand is not compared.
 */
import type { MachineRules, TcbFloors } from '../policy.ts';
import { joinNames } from '../reading.ts';
import { type Change, type Compare, change } from './change.ts';
import { imageEnds, widerImages } from './compare-images.ts';

type Wider<T> = (
  own: T,
  other: T,
  rules: { readonly own: MachineRules; readonly other: MachineRules },
) => readonly string[];

const SMT = { required: 'on', forbidden: 'off', any: 'on or off' } as const;

const UNKNOWN = 'firmware by another table, which cannot be compared';

function lowerFloors(own: TcbFloors, other: TcbFloors, products: readonly string[]): readonly string[] {
  return products.flatMap((product) =>
    Object.entries(other[product] ?? {}).flatMap(([part, floor]) => {
      const lower = own[product]?.[part] ?? 0;
      return lower < floor ? [`firmware of ${product} with ${part} ${lower} and not only from ${floor}`] : [];
    }),
  );
}

/** Says which machines one term allows beyond the other; every term must be here. */
const TERMS: { readonly [K in keyof MachineRules]-?: Wider<MachineRules[K]> } = {
  products: (own, other) => own.filter((product) => !other.includes(product)).map((product) => `processors ${product}`),
  tcb: (own, other, rules) => {
    if (own === other || other === 'any') return [];
    const products = rules.own.products.filter((product) => rules.other.products.includes(product));
    if (products.length === 0) return [];
    const floors = own === 'any' ? {} : own;
    if (typeof other !== 'string' && typeof floors !== 'string') return lowerFloors(floors, other, products);
    return own === 'any' ? ['firmware of any version'] : [UNKNOWN];
  },
  smt: (own, other) => (own === other || other === 'any' ? [] : [`simultaneous multithreading ${SMT[own]}`]),
  images: (own, other) => widerImages(own, other).map((image) => `the image ${image}`),
  counters: (own, other) => (own === 'any' && other === 'durable' ? ['limits that a restart forgets'] : []),
};

function widerMachines(own: MachineRules, other: MachineRules): readonly string[] {
  return (Object.keys(TERMS) as (keyof MachineRules)[]).flatMap((key) => {
    // The two values are of one key, which the type of the table cannot say for a union of keys.
    return (TERMS[key] as Wider<MachineRules[typeof key]>)(own[key], other[key], { own, other });
  });
}

/** Compares the section `machine`. */
export const compareMachine: Compare = (pair): readonly Change[] => {
  const at = pair.policy.sections.machine;
  const own = pair.policy.machine;
  const other = pair.other.machine;
  const state = (allows: string, certain = true): Change => change(pair, 'machine', at, allows, { certain });
  // Where there is nothing to run and nothing to hold, it does not matter where.
  const runs = pair.policy.functions.length > 0;
  const holds = pair.policy.data.length > 0 || pair.policy.secrets.length > 0;
  if (own === null) return other === null || !runs ? [] : [state('the code may run on any machine')];
  if ((!runs && !holds) || own.products.length === 0 || imageEnds(own.images).size === 0) return [];
  if (other === null)
    return holds ? [state(`data and secrets may be entrusted to machines (${joinNames(own.products, 'or')})`)] : [];
  return widerMachines(own, other).map((wider) => state(`the machine may have ${wider}`, wider !== UNKNOWN));
};
