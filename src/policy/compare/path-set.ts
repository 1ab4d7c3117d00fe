/**
 * Path patterns as sets of paths: whether some of them cover another. Exact, by a walk over the parts that the
 * patterns name and one that none of them names. Whether patterns with `*` cover another is as hard as a tautology, so the walk has a cap.
 */
import { isCoveredByWildcard } from '../path.ts';
import type { PathPattern } from '../policy.ts';

/** Whether a pattern is covered, with a path that shows that it is not; `unknown` where the walk would be too long. */
export type Cover = { readonly kind: 'covered' | 'unknown' } | { readonly kind: 'open'; readonly path: string };

/** Enough for some thousand patterns that a person would write. */
const MAX_STEPS = 20_000;

/** How far a pattern has come: so many of its parts are used up, or it takes any rest. */
type Place = number | 'rest';

/** Moves one part on; null when the pattern does not name such a path. */
function step({ segments }: PathPattern, place: Place, part: string): Place | null {
  if (place === 'rest') return part === '' || isCoveredByWildcard(part) ? 'rest' : null;
  const name = segments[place];
  if (name === '**') return isCoveredByWildcard(part) ? 'rest' : null;
  const isNamed = name === '*' ? isCoveredByWildcard(part) : name === part;
  return isNamed ? place + 1 : null;
}

function isWhole({ segments }: PathPattern, place: Place): boolean {
  return place === 'rest' || place === segments.length;
}

/** Tells whether all that is still to come may stand for any rest. */
function isPlain({ segments }: PathPattern, place: Place): boolean {
  return place === 'rest' || segments.every((name, i) => i < place || name === '' || isCoveredByWildcard(name));
}

/** Finds a part that none of the names is. */
function freshName(names: ReadonlySet<string>): string {
  for (let i = 0; ; i++) {
    const name = i === 0 ? 'x' : `x${i}`;
    if (!names.has(name)) return name;
  }
}

interface Walker {
  readonly number: number;
  readonly pattern: PathPattern;
  readonly place: Place;
}

/** Looks for a path that the pattern names and none of the others does. */
export function findUncovered(pattern: PathPattern, others: readonly PathPattern[]): Cover {
  let steps = 0;
  const covered = new Set<string>();

  function nextParts(place: Place, alive: readonly Walker[]): readonly string[] {
    const name = place === 'rest' ? '**' : pattern.segments[place];
    if (name === undefined) return [];
    if (name !== '*' && name !== '**') return [name];
    const named = new Set(
      alive.map((walker) => (walker.place === 'rest' ? '*' : (walker.pattern.segments[walker.place] ?? '*'))),
    );
    for (const wildcard of ['*', '**', '']) named.delete(wildcard);
    return [freshName(named), ...named, ...(place === 'rest' ? [''] : [])];
  }

  /** Gives the parts still to come, or null when all ways on are covered. */
  function walk(depth: number, place: Place, alive: readonly Walker[], ended: boolean): readonly string[] | null {
    if (depth > 0 && isWhole(pattern, place) && !alive.some((other) => isWhole(other.pattern, other.place))) return [];
    if (ended || (isPlain(pattern, place) && alive.some((other) => other.place === 'rest'))) return null;
    const key = `${depth} ${place} ${alive.map((other) => `${other.number}${other.place === 'rest' ? 'r' : ''}`).join()}`;
    if (covered.has(key)) return null;
    for (const part of nextParts(place, alive)) {
      if (++steps > MAX_STEPS) return null;
      const next = step(pattern, place, part);
      if (next === null) continue;
      const still = alive.flatMap((other) => {
        const moved = step(other.pattern, other.place, part);
        return moved === null ? [] : [{ ...other, place: moved }];
      });
      const rest = walk(depth + 1, next, still, part === '');
      if (rest !== null) return [part, ...rest];
    }
    covered.add(key);
    return null;
  }

  const start = others.map((other, number) => ({ number, pattern: other, place: 0 }));
  const found = walk(0, 0, start, false);
  if (found !== null) return { kind: 'open', path: `/${found.join('/')}` };
  return { kind: steps > MAX_STEPS ? 'unknown' : 'covered' };
}
