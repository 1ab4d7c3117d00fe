/** Shows which data and secrets of the policies in force are here. To whom, each owner says with `explain`, as for the policy itself. */
import { encodeUtf8 } from '../../base/bytes.ts';
import { PolicyError } from '../../errors.ts';
import { formatHeldItems, type HeldItems, type HeldState } from '../../policy/signing/held-items.ts';
import type { PresentedRequest } from '../callers/caller.ts';
import { mayRead, type ShownFrom } from '../owner/shown-policies.ts';
import { problemOfError } from '../problem.ts';
import type { WholeResponse } from '../sandbox/sandbox.ts';
import type { Vault } from './vault.ts';

/** Answers with what is held, as far as owners let whoever asks know. */
export async function answerShownItems(
  request: PresentedRequest,
  vault: Pick<Vault, 'list'>,
  asking: ShownFrom,
): Promise<WholeResponse> {
  if (request.method !== 'GET')
    return problemOfError(new PolicyError('ERR_POLICY_REQUEST', 'what is held is asked for with GET'));
  const owners: Record<string, HeldItems[string]> = Object.create(null);
  for (const standing of asking.register.standings) {
    if (standing.state !== 'in force') continue;
    const { owner, data, secrets } = standing.policy;
    const items = vault.list(owner);
    const statesOf = (kind: 'data' | 'secret', names: readonly string[]): Record<string, HeldState> =>
      Object.fromEntries(
        names.map((name) => [name, items.find((item) => item.kind === kind && item.name === name)?.state ?? 'missing']),
      );
    const shown = {
      data: statesOf(
        'data',
        data.map(({ name }) => name),
      ),
      secrets: statesOf('secret', secrets),
    };
    owners[owner] = (await mayRead(standing, request, asking)) ? shown : null;
  }
  return {
    status: 200,
    headers: [
      ['content-type', 'application/json'],
      ['cache-control', 'no-store'],
    ],
    body: encodeUtf8(formatHeldItems(owners)),
  };
}
