/**
 * The packet rules that stand behind the egress broker, named by digest: as the kernel lists them, or as the image's init wrote them down before it
 * gave up the right to ask. Counters and handles change by themselves and are left out. [libnftables-json(5)]
 */
import { encodeUtf8 } from '../../base/bytes.ts';
import { encodeCanonicalJson, type Json } from '../../base/canonical-json.ts';
import { formatDigest, sha256 } from '../../base/digest.ts';
import type { Host } from './host.ts';

/** What the image's init leaves where only root can write. */
const WRITTEN_BY_INIT = '/run/anchorhold/nftables.json';
/** Keys whose values the kernel hands out or counts up. */
const PASSING: ReadonlySet<string> = new Set(['handle', 'index', 'packets', 'bytes']);

function withoutPassing(value: unknown): Json {
  if (Array.isArray(value)) return value.map(withoutPassing);
  if (typeof value !== 'object' || value === null) return value as Json;
  const kept = Object.entries(value).filter(([key]) => !PASSING.has(key));
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutPassing(item)]));
}

/** Gives the rules of a listing; null when it is none. The first entry only says which program wrote it. */
function parseRuleset(text: string): readonly unknown[] | null {
  try {
    const listing = JSON.parse(text) as { readonly nftables?: unknown } | null;
    const entries: unknown = listing?.nftables;
    if (!Array.isArray(entries)) return null;
    return entries.filter((entry: unknown) => typeof entry !== 'object' || entry === null || !('metainfo' in entry));
  } catch {
    return null;
  }
}

function claimRuleset(text: string): string {
  const rules = parseRuleset(text);
  if (rules === null) return 'unknown';
  if (rules.length === 0) return 'none';
  return formatDigest(sha256(encodeUtf8(encodeCanonicalJson(withoutPassing(rules)))));
}

/** Gives the digest, `none` where there are no rules, or `unknown` where nobody can say. */
export async function claimFirewall(host: Pick<Host, 'readFile' | 'run'>): Promise<string> {
  const listed = await host.run('nft', ['-j', 'list', 'ruleset']);
  if (listed.kind === 'output') return claimRuleset(listed.text);
  const written = host.readFile(WRITTEN_BY_INIT);
  if (written !== null) return claimRuleset(written);
  return listed.kind === 'missing' ? 'none' : 'unknown';
}
