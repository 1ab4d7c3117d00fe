/**
 * Which code one policy lets run that another does not, and under which wider terms. Wider is what `stricterTerms` would take away. Code under
 * another digest is other code, whatever it is called.
 */
import type { FunctionRule, FunctionTerms } from '../policy.ts';
import { formatByteSize, formatDuration } from '../quantity.ts';
import { type Compare, change } from './change.ts';

type Wider<T> = (
  own: T,
  other: T,
  terms: { readonly own: FunctionTerms; readonly other: FunctionTerms },
) => string | null;

/** A cap that is absent is the worker's own, and no owner can be wider than that. */
function widerCap(own: number | null, other: number | null, text: (cap: number) => string): string | null {
  if (other === null || (own !== null && own <= other)) return null;
  return `${own === null ? 'as much as the worker gives' : text(own)} and not only ${text(other)}`;
}

const UNKNOWN = 'processor time: counted in another way, which cannot be compared';

const named = (name: string, wider: string | null): string | null => (wider === null ? null : `${name}: ${wider}`);

/** Says what one term allows beyond the other, or null; every term must be here. */
const TERMS: { readonly [K in keyof FunctionTerms]-?: Wider<FunctionTerms[K]> } = {
  instances: (own, other) => {
    if (own.kind === 'fresh') return null;
    if (other.kind === 'fresh') return `memory is kept for up to ${own.calls} queries`;
    return own.calls <= other.calls ? null : `memory is kept for ${own.calls} queries and not only ${other.calls}`;
  },
  deterministic: (own, other) => (own === 'any' && other === 'required' ? 'it has a clock and randomness' : null),
  deadlineMs: (own, other) => named('time', widerCap(own, other, formatDuration)),
  memoryBytes: (own, other) => named('memory', widerCap(own, other, formatByteSize)),
  cpuMs: (own, other, terms) =>
    // Deterministic code is counted by instructions, any other by time.
    other !== null && terms.own.deterministic !== terms.other.deterministic
      ? UNKNOWN
      : named('processor time', widerCap(own, other, formatDuration)),
  scratchBytes: (own, other) =>
    own <= other
      ? null
      : `${formatByteSize(own)} in /tmp${other === 0 ? '' : ` and not only ${formatByteSize(other)}`}`,
  env: (own, other) => {
    const told = own.filter(([name, value]) => !other.some(([known, text]) => known === name && text === value));
    return told.length === 0
      ? null
      : `it is told ${told.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(', ')}`;
  },
};

function widerTerms({ terms: own }: FunctionRule, { terms: other }: FunctionRule): readonly string[] {
  return (Object.keys(TERMS) as (keyof FunctionTerms)[]).flatMap((key) => {
    // The two values are of one key, which the type of the table cannot say for a union of keys.
    const wider = (TERMS[key] as Wider<FunctionTerms[typeof key]>)(own[key], other[key], { own, other });
    return wider === null ? [] : [wider];
  });
}

/** Compares the section `functions`. */
export const compareFunctions: Compare = (pair) =>
  pair.policy.functions.flatMap((rule) => {
    const same = pair.other.functions.find(({ name, digest }) => name === rule.name && digest === rule.digest);
    if (same === undefined)
      return [change(pair, 'functions', rule.at, `the code ${rule.digest} may run as ${rule.name}`)];
    return widerTerms(rule, same).map((wider) =>
      change(pair, 'functions', rule.at, `${rule.name} may run with more: ${wider}`, { certain: wider !== UNKNOWN }),
    );
  });
