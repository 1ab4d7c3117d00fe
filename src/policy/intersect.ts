/** What two patterns name both: paths, hosts, and destinations. The language is small enough that this is one pattern again, or none. */
import { matchesHost } from './host.ts';
import { isCoveredByRest, isCoveredByWildcard } from './path.ts';
import type { PathPattern } from './policy.ts';
import type { TargetPattern } from './target.ts';

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

/** Gives the pattern of the destinations that both name; null when there are none. */
export function intersectTargets(a: TargetPattern, b: TargetPattern): TargetPattern | null {
  if (a.scheme !== b.scheme || a.port !== b.port) return null;
  const host = intersectHosts(a.host, b.host);
  const path = intersectPaths(a.path, b.path);
  return host === null || path === null ? null : { ...a, host, path };
}
