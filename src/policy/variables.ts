/**
 * What a function finds in its environment: names and values that its owners wrote down, and nothing else. Everybody who can read the policy
 * can read them, so they are no place for secrets.
 */
import { LIMITS } from '../base/limits.ts';
import { FORMS } from './forms.ts';
import { accept, quote, type Reading, refuse } from './reading.ts';
import { derived, dictionary, problemAt, type Reader, text } from './shape.ts';

export type Variables = readonly (readonly [name: string, value: string])[];

/** What a program learns of its query by [RFC 3875 4.1]; no owner says that. */
const OF_THE_QUERY: ReadonlySet<string> = new Set([
  'REQUEST_METHOD',
  'PATH_INFO',
  'QUERY_STRING',
  'CONTENT_LENGTH',
  'CONTENT_TYPE',
]);

function parseVariableName(name: string): Reading<string> {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,63}$/.test(name))
    return refuse(`${quote(name)} is no name of a variable: letters, digits and _, at most 64`);
  return OF_THE_QUERY.has(name) ? refuse(`${quote(name)} is what a query says, so it cannot be set`) : accept(name);
}

const entries = dictionary('env', parseVariableName, FORMS.variableName, text(accept, FORMS.variable));

/** Reads the variables of a function, in the order of their names. */
export const readVariables: Reader<Variables> = derived(entries, (variables, node) => {
  const read = variables.map(({ name, value }) => [name, value] as const);
  const characters = read.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (read.length > LIMITS.functionVariables || characters > LIMITS.functionVariablesBytes) {
    const most = `${LIMITS.functionVariables} variables with ${LIMITS.functionVariablesBytes} characters`;
    throw problemAt(node, 'ERR_POLICY_VALUE', `env has more than ${most}`);
  }
  return read.toSorted(([a], [b]) => (a < b ? -1 : 1));
});

/** Gives what two owners both say. */
export function commonVariables(a: Variables, b: Variables): Variables {
  return a.filter(([name, value]) => b.some(([other, text]) => other === name && text === value));
}
