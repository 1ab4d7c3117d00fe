/** What several owners allow together, in plain English, one fact per line: who must agree, who may ask, where the code may connect, what may come back. */
import { functionLines } from '../function-terms.ts';
import { formatByteSize } from '../quantity.ts';
import { joinNames } from '../reading.ts';
import type { EffectiveCaller, EffectiveEgress, EffectiveFunction, EffectiveLimit } from './effective.ts';

function limitText(limits: readonly EffectiveLimit[], whose: string): string {
  return limits.map(({ owner, limit }) => `, ${whose} at most ${limit.replace('/', ' per ')} (${owner})`).join('');
}

function callerText(callers: readonly EffectiveCaller[]): string {
  return joinNames(
    callers.map(({ owner, allow }) => `${joinNames(allow, 'or')} to ${owner}`),
    'and',
  );
}

function egressLine({ to, methods, pins, limits }: EffectiveEgress): string {
  const what = methods.length === 0 ? 'connections of its own' : joinNames(methods, 'and');
  const pin = pins.map((one) => `, only to a server with the public key ${one}`).join('');
  return `- ${what} to ${to}${pin}${limitText(limits, 'together')}`;
}

const orNone = (lines: readonly string[], none: string): readonly string[] => (lines.length === 0 ? [none] : lines);

function functionText(effective: EffectiveFunction): string[] {
  const { name, owners, terms, valid, queries, blocked, egress, results } = effective;
  const head = [
    `Function ${name}`,
    `  ${joinNames(owners, 'and')} must${owners.length > 1 ? ' all' : ''} allow what happens.`,
  ];
  if (terms === null) return [...head, '  It does not run: they do not list the same code.'];
  if (valid === null) return [...head, '  It is never allowed: there is no time at which all of them are in force.'];
  const section = (title: string, lines: readonly string[]): string[] => [
    `  ${title}`,
    ...lines.map((line) => `    ${line}`),
  ];
  return [
    ...head,
    `  In force from ${valid.from} until just before ${valid.until}.`,
    ...functionLines('code', terms).map((line) => `  ${line}`),
    ...section(
      'Who may ask what',
      orNone(
        queries.map(
          ({ to, callers, limits }) =>
            `- ${to}: whoever proves to be ${callerText(callers)}${limitText(limits, 'each')}`,
        ),
        'nobody may ask anything',
      ),
    ),
    ...blocked.map(({ owner, to, by }) => `    (${owner} allows ${to}, but no rule of ${by} does)`),
    ...section('Where the code may connect', orNone(egress.map(egressLine), 'nowhere')),
    ...section('What may come back', [
      results === null || results.types.length === 0
        ? 'nothing'
        : `at most ${formatByteSize(results.maxBytes)}, as ${joinNames(results.types, 'or')}`,
    ]),
  ];
}

/** Writes what the owners of each function allow together. */
export function showEffective(functions: readonly EffectiveFunction[]): string {
  if (functions.length === 0) return 'No owner lists any code, so nothing is allowed.\n';
  return `${functions.map((one) => functionText(one).join('\n')).join('\n\n')}\n`;
}
