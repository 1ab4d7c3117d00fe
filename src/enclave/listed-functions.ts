/** Which functions may be loaded: exactly those whose bytes have the digest that the owners list under that name, and on whose terms. */
import { createHash } from 'node:crypto';
import type { DigestText } from '../base/digest.ts';
import { FunctionError } from '../errors.ts';
import { stricterTerms } from '../policy/function-terms.ts';
import type { FunctionTerms, OwnerPolicy } from '../policy/policy.ts';

/** A function that may be loaded, and the strictest terms of the owners who list it. */
export interface ListedFunction {
  readonly digest: DigestText;
  readonly terms: FunctionTerms;
}

/**
 * Holds the digest of a function's bytes against every owner who lists the name; reads nothing else of the bytes.
 * @throws FunctionError ERR_FUNCTION_DIGEST when an owner lists another digest, or none lists the name
 */
export function findListed(name: string, bytes: Uint8Array, policies: readonly OwnerPolicy[]): ListedFunction {
  const digest: DigestText = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const listings = policies.flatMap((p) =>
    p.functions.filter((f) => f.name === name).map((f) => ({ ...f, owner: p.owner })),
  );
  const [first, ...others] = listings;
  if (first === undefined) {
    const hint = `an owner who wants it adds under functions: "${name}: ${digest}"`;
    throw new FunctionError('ERR_FUNCTION_DIGEST', `no owner lists the function ${name}; ${hint}`);
  }
  const other = listings.find((listing) => listing.digest !== digest);
  if (other !== undefined) {
    const where = `${other.owner} (${other.at.file}:${other.at.line})`;
    throw new FunctionError(
      'ERR_FUNCTION_DIGEST',
      `${where} lists ${name} as ${other.digest}, but the file is ${digest}`,
    );
  }
  return { digest, terms: others.reduce((terms, listing) => stricterTerms(terms, listing.terms), first.terms) };
}
