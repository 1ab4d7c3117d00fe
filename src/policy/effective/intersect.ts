/** What two patterns name both: paths, and hosts. The language is small enough that this is one pattern again, or none. */
import { matchesHost } from '../host.ts';
import { isCoveredByWildcard, matchesPath } from '../path.ts';
import type { PathPattern } from '../policy.ts';

const REST: PathPattern = { segments: ['**'] };

/** Gives the pattern of the paths that both name; null when there are none. */
export function intersectPaths(a: PathPattern, b: PathPattern): PathPattern | null {
  const segments: string[] = [];
  for (let i = 0; ; i++) {
    const [p, q] = [a.segments[i], b.segments[i]];
    if (p === undefined || q === undefined) return p === q ? { segments } : null;
    if (p === '**' || q === '**') {
      const rest = (p === '**' ? b : a).segments.slice(i);
      return matchesPath(REST, rest) ? { segments: [...segments, ...rest] } : null;
    }
    if (p !== q && p !== '*' && q !== '*') return null;
    const both = p === '*' ? q : p;
    if (p !== q && !isCoveredByWildcard(both)) return null;
    segments.push(both);
  }
}

/** Gives the pattern of the hosts that both name; null when there are none. */
export function intersectHosts(a: string, b: string): string | null {
  if (a === b || (a.startsWith('*.') && matchesHost(a, b))) return b;
  return b.startsWith('*.') && matchesHost(b, a) ? a : null;
}
