/** What two patterns name both: paths, and hosts. The language is small enough that this is one pattern again, or none. */
import { matchesHost } from './host.ts';
import { isCoveredByRest, isCoveredByWildcard } from './path.ts';
import type { PathPattern } from './policy.ts';

/** Gives the pattern of the paths that both name; null when there are none. */
export function intersectPaths(a: PathPattern, b: PathPattern): PathPattern | null {
  const segments: string[] = [];
  for (let i = 0; ; i++) {
    const [p, q] = [a.segments[i], b.segments[i]];
    if (p === undefined || q === undefined) return p === q ? { segments } : null;
    if (p === '**' || q === '**') {
      const rest = p === '**' ? b.segments : a.segments;
      return isCoveredByRest(rest, i) ? { segments: [...segments, ...rest.slice(i)] } : null;
    }
    if (p === '*' ? !isCoveredByWildcard(q) : q === '*' ? !isCoveredByWildcard(p) : p !== q) return null;
    segments.push(p === '*' ? q : p);
  }
}

/** Gives the pattern of the hosts that both name; null when there are none. */
export function intersectHosts(a: string, b: string): string | null {
  if (matchesHost(a, b)) return b;
  return matchesHost(b, a) ? a : null;
}
