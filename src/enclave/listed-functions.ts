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

/** Computes the digest that owners list a function by. */
export function digestFunction(bytes: Uint8Array): DigestText {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/**
 * Holds the digest of a function's bytes against every owner who lists the name.
 * @throws FunctionError ERR_FUNCTION_DIGEST when an owner lists another digest, or none lists the name
 */
export function findListed(name: string, digest: DigestText, policies: readonly OwnerPolicy[]): ListedFunction {
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
