/** The same rules in Cedar, as its WASM binding decides them: policies parsed before, no entities, a caller and a path by their names. */
import { createRequire } from 'node:module';

/** What is used of @cedar-policy/cedar-wasm. */
interface Cedar {
  preparsePolicySet(id: string, set: { readonly staticPolicies: string }): { readonly type: string };
  statefulIsAuthorized(call: object): {
    readonly type: string;
    readonly response?: { readonly decision: string };
  };
}

/** Prepares a decision over so many rules, of which the last allows it to the last of so many callers. */
export function cedarDecision(file: string, rules: number, callers: number): () => void {
  const cedar = createRequire(import.meta.url)(file) as Cedar;
  const names = Array.from({ length: callers }, (_, i) => `Caller::"nightly-${i}"`).join(', ');
  const who = callers === 1 ? 'principal == Caller::"nightly-0"' : 'principal';
  const when = callers === 1 ? '' : ` when { [${names}].contains(principal) }`;
  const policies = Array.from(
    { length: rules },
    (_, i) =>
      `permit(${who}, action == Action::"POST", resource == Path::"/score/part-${i}")${i === rules - 1 ? when : ''};`,
  );
  const id = `rules-${rules}-callers-${callers}`;
  const parsed = cedar.preparsePolicySet(id, { staticPolicies: policies.join('\n') });
  if (parsed.type !== 'success') throw new Error('cedar does not take the policies');
  const call = {
    principal: { type: 'Caller', id: `nightly-${callers - 1}` },
    action: { type: 'Action', id: 'POST' },
    resource: { type: 'Path', id: `/score/part-${rules - 1}` },
    context: {},
    preparsedPolicySetId: id,
    validateRequest: false,
    entities: [],
  };
  const decide = () => cedar.statefulIsAuthorized(call);
  if (decide().response?.decision !== 'allow') throw new Error('cedar does not allow it');
  return decide;
}
