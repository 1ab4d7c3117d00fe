/**
 * Adds one entry to the section `revoked` of a policy's text and raises its version, leaving every other character as it is. Knows the
 * layouts that people write; what comes out counts only if it reads back as the same policy with that one entry more.
 */
import { encodeCanonicalJson } from '../base/canonical-json.ts';
import type { OwnerPolicy } from '../policy/policy.ts';

function insertEntry(text: string, policy: OwnerPolicy, entry: string): string | null {
  const lines = text.split('\n');
  const { line, file } = policy.sections.revoked;
  const [first] = policy.revoked;
  const isThere = /^["']?revoked["']?\s*:/.test(lines[line - 1] ?? '') && file === policy.file;
  if (!isThere) return `${text.endsWith('\n') || text === '' ? text : `${text}\n`}\nrevoked:\n  - ${entry}\n`;
  const at = first === undefined ? line : first.at.line;
  const before = (lines[at - 1] ?? '').slice(0, (first?.at.column ?? 1) - 1);
  if (/^\s*- +$/.test(before)) lines.splice(at - 1, 0, `${before}${entry}`);
  else {
    const head = lines[line - 1] ?? '';
    const opened = head.replace(/\[(\s*\]?)/, (_all, rest: string) => `[${entry}${rest.endsWith(']') ? ']' : ', '}`);
    if (opened === head) return null;
    lines[line - 1] = opened;
  }
  return lines.join('\n');
}

function rest({ canonical }: OwnerPolicy): string {
  const { revoked: _revoked, version: _version, ...others } = canonical;
  return encodeCanonicalJson(others);
}

/** Gives the text with the entry and the next version, or null when it cannot be edited without a doubt. */
export function addRevocation(
  text: string,
  policy: OwnerPolicy,
  entry: string,
  parse: (text: string) => OwnerPolicy,
): string | null {
  const inserted = insertEntry(text, policy, entry);
  const edited = inserted?.replace(/^(version:\s*)\d+/m, (_all, key: string) => `${key}${policy.version + 1}`) ?? null;
  if (edited === null) return null;
  const read = parse(edited);
  const isRight =
    read.version === policy.version + 1 &&
    read.revoked.length === policy.revoked.length + 1 &&
    rest(read) === rest(policy);
  return isRight ? edited : null;
}
