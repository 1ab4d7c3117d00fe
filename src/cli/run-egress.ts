/**
 * The way out of a program that `anchorhold run` starts: the URLs that its user names, by the same broker as an owner's policy. The policy is
 * made here, of these URLs and nothing else.
 */
import { type DigestText, formatDigest } from '../base/digest.ts';
import { openAuditLog } from '../enclave/audit.ts';
import { MAX_BUDGETS, openBudget } from '../enclave/budget.ts';
import { EGRESS_LIMITS, openEgress } from '../enclave/egress.ts';
import { NO_SECRETS } from '../enclave/egress-credentials.ts';
import { openPeerAppraiser } from '../enclave/peer-appraisal.ts';
import type { Egress } from '../enclave/sandbox/sandbox.ts';
import { type HttpClient, openHttpClient } from '../io/http-client.ts';
import { openResolver } from '../io/resolver.ts';
import type { OwnerPolicy } from '../policy/index.ts';
import { parseOwnerPolicy } from '../policy/index.ts';

const METHODS = 'DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT';
const RESOLVE_MS = 5_000;

/** Writes the policy that allows these URLs, each as an owner would write it; a word with `*` allows more than one. */
function policyOf(urls: readonly string[], digest: DigestText): OwnerPolicy {
  const rules = urls.map((url) => `  - to: ${JSON.stringify(url)}\n    methods: [${METHODS}]`);
  const lines = [
    'anchorhold: owner-policy/1',
    'owner: command-line',
    'version: 1',
    'valid: { from: 2000-01-01, until: 2199-12-31 }',
    `functions: { program: ${digest} }`,
    'egress:',
    ...rules,
  ];
  return parseOwnerPolicy(lines.join('\n'), { file: '--allow', references: () => null });
}

/**
 * Opens the way out of a program; no URL allows nothing.
 * @throws PolicyError for what no policy can allow
 */
export function openRunEgress(
  urls: readonly string[],
  programDigest: Uint8Array,
  client: HttpClient = openHttpClient('system'),
): Egress {
  const functionDigest = formatDigest(programDigest);
  const policies = urls.length === 0 ? [] : [policyOf(urls, functionDigest)];
  return openEgress({
    policies: () => policies,
    functionDigest,
    client,
    resolve: openResolver(RESOLVE_MS),
    appraiser: openPeerAppraiser(() => new Date()),
    fixedNames: {},
    audit: openAuditLog({ blockHeight: 10, retainedBlocks: 8, sink: 'memory-only' }),
    budget: openBudget(MAX_BUDGETS),
    secrets: NO_SECRETS,
    limits: EGRESS_LIMITS,
    now: () => new Date(),
  });
}
