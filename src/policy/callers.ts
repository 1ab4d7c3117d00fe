/** The section `callers`: who is who, by certificate, key or token. Proofs themselves are checked where requests arrive. */
import { FORMS } from './forms.ts';
import type { CallerRule, CertificateCaller, KeyCaller, KeySetAddress, TokenCaller } from './policy.ts';
import { accept, quote, type Reading, refuse } from './reading.ts';
import { checkCertificates, checkKeySet, reference } from './reference.ts';
import { derived, described, dictionary, optional, problemAt, type Reader, record, required, text } from './shape.ts';
import { formatTarget, parseTarget } from './target.ts';
import { parseKey, parseName, parsePhrase, parsePin } from './words.ts';

/** The name that a policy's tests use for someone who has proven nothing. */
export const NOBODY = 'nobody';

/** Reads the name of a caller: any name but the one that stands for nobody. */
export function parseCallerName(name: string): Reading<string> {
  return name === NOBODY
    ? refuse('"nobody" stands for someone who proved nothing: choose another name')
    : parseName(name);
}

/** Reads the address of an issuer of tokens, as it stands in them. [RFC 7519 4.1.1] */
export function parseIssuer(issuer: string): Reading<string> {
  return /^https:\/\/[^\s?#@\\]+$/.test(issuer)
    ? accept(issuer)
    : refuse(`${quote(issuer)} is not an issuer: write its https:// address exactly as it stands in the tokens`);
}

function parseClaimName(name: string): Reading<string> {
  return /^[A-Za-z0-9_.:/-]{1,128}$/.test(name) ? accept(name) : refuse(`${quote(name)} is not the name of a claim`);
}

/** Claims are compared as text; a plain word that looks like a number or a truth value would be one in the token. */
const claimText = text(parsePhrase, FORMS.claim);
const claimValue: Reader<string> = described(FORMS.claim, (node, references) => {
  if (node.kind === 'text' && node.plain && /^(?:true|false|null|~|[-+]?\.?\d.*)$/i.test(node.text))
    throw problemAt(
      node,
      'ERR_POLICY_VALUE',
      `only text can be compared with a claim: put ${node.text} in quotes if the token holds it as text`,
    );
  return claimText(node, references);
});

const claimEntries = dictionary('claims', parseClaimName, FORMS.claimName, claimValue);
const claims: Reader<Readonly<Record<string, string>>> = derived(claimEntries, (entries) => {
  const values: Record<string, string> = Object.create(null);
  for (const { name, value } of entries) values[name] = value;
  return values;
});

const certificate = record<Omit<CertificateCaller, 'kind'>>('certificate', {
  ca: required(reference(checkCertificates)),
  organization: optional(text(parsePhrase, FORMS.phrase), null),
  san: optional(text(parsePhrase, FORMS.phrase), null),
  pin: optional(text(parsePin, FORMS.pin), null),
});

function parseKeySetUrl(url: string): Reading<string> {
  const target = parseTarget(url);
  if (!target.ok) return target;
  if (target.value.scheme !== 'https')
    return refuse(`keys are fetched over https:// only, so ${quote(url)} cannot be used`);
  return url.includes('?')
    ? refuse(`the address of a key set has no query string (?), so ${quote(url)} cannot be used`)
    : accept(formatTarget(target.value));
}

const published = record<KeySetAddress>('jwks', {
  url: required(text(parseKeySetUrl, FORMS.url)),
  pin: required(text(parsePin, FORMS.pin)),
});
const keySetFile = reference(checkKeySet);

/** A file beside the policy, or the place where the issuer publishes its keys. */
const keySetSchema = { anyOf: [keySetFile.schema, published.schema] };
const keySet: Reader<string | KeySetAddress> = described(keySetSchema, (node, references) => {
  if (node.kind !== 'map') return keySetFile(node, references);
  const { url, pin } = published(node, references);
  return { url, pin };
});

const token = record<Omit<TokenCaller, 'kind'>>('token', {
  issuer: required(text(parseIssuer, FORMS.issuer)),
  audience: required(text(parsePhrase, FORMS.phrase)),
  claims: optional(claims, Object.create(null)),
  jwks: required(keySet),
});

const proof = record<{
  readonly certificate: Omit<CertificateCaller, 'kind'> | null;
  readonly key: KeyCaller['spki'] | null;
  readonly token: Omit<TokenCaller, 'kind'> | null;
}>('a caller', {
  certificate: optional(certificate, null),
  key: optional(text(parseKey, FORMS.key), null),
  token: optional(token, null),
});

/** A map with one of its keys. */
const ONE = { minProperties: 1, maxProperties: 1 };
const caller: Reader<CertificateCaller | KeyCaller | TokenCaller> = derived(
  proof,
  ({ certificate, key, token }, node) => {
    const proofs: (CertificateCaller | KeyCaller | TokenCaller)[] = [];
    if (certificate !== null) {
      const { ca, organization, san, pin } = certificate;
      proofs.push({ kind: 'certificate', ca, organization, san, pin });
    }
    if (key !== null) proofs.push({ kind: 'key', algorithm: 'ed25519', spki: key });
    if (token !== null) {
      const { issuer, audience, claims, jwks } = token;
      proofs.push({ kind: 'token', issuer, audience, claims, jwks });
    }
    const [only, another] = proofs;
    if (only === undefined || another !== undefined)
      throw problemAt(node, 'ERR_POLICY_VALUE', 'a caller has exactly one of the keys certificate, key and token');
    return only;
  },
  ONE,
);

const section = dictionary('callers', parseCallerName, FORMS.name, caller);

/** Reads the section. */
export const readCallers: Reader<readonly CallerRule[]> = derived(section, (callers) =>
  callers.map(({ name, at, value }) => ({ ...value, name, at })),
);
