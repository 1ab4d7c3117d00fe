/** What one rule says to one destination, written down plainly: tests hold decisions, which look rules up in an index, against a walk through all of them. */
import type { ConnectionTarget } from '../../src/policy/connection.ts';
import { matchesHost } from '../../src/policy/host.ts';
import { matchesPath } from '../../src/policy/path.ts';
import type { EgressTarget, TargetPattern } from '../../src/policy/target.ts';

/** Tells whether a destination of a request is one that the rule names. */
export function matchesTarget(pattern: TargetPattern, target: EgressTarget): boolean {
  return (
    pattern.scheme === target.scheme &&
    pattern.port === target.port &&
    matchesHost(pattern.host, target.host) &&
    matchesPath(pattern.path, target.segments)
  );
}

/** Tells whether a destination of a connection is one that the rule names. */
export function matchesConnection(pattern: ConnectionTarget, target: ConnectionTarget): boolean {
  return pattern.port === target.port && matchesHost(pattern.host, target.host);
}
