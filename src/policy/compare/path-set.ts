/**
 * Path patterns as sets of paths: whether some of them together cover another. Exact and quick, because names have no end: what covers a name
 * that nobody wrote is a wildcard, and that covers every other name in its place.
 */
import { matchesPath } from '../path.ts';
import type { PathPattern } from '../policy.ts';

/** Finds a name that is in none of the patterns. */
function freshName(patterns: readonly PathPattern[]): string {
  const names = new Set(patterns.flatMap(({ segments }) => segments));
  for (let i = 0; ; i++) {
    const name = i === 0 ? 'x' : `x${i}`;
    if (!names.has(name)) return name;
  }
}

/** Gives some paths that the pattern names: if the others cover these, they cover all of them. */
function* samples({ segments }: PathPattern, others: readonly PathPattern[]): Generator<readonly string[]> {
  const fresh = freshName(others);
  const path = segments.map((name) => (name === '*' ? fresh : name));
  if (path.at(-1) !== '**') {
    yield path;
    return;
  }
  // What is longer than all of them only a `**` covers, and with it all that is longer still.
  const longest = Math.max(path.length, ...others.map((other) => other.segments.length + 1));
  for (const end of [[], ['']])
    for (let length = path.length; length <= longest; length++)
      yield [...path.slice(0, -1), ...Array<string>(length - path.length + 1).fill(fresh), ...end];
}

/** Finds a path that the pattern names and none of the others does, or null when they cover it. */
export function findUncovered(pattern: PathPattern, others: readonly PathPattern[]): string | null {
  for (const path of samples(pattern, others))
    if (!others.some((other) => matchesPath(other, path))) return `/${path.join('/')}`;
  return null;
}
