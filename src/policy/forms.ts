/**
 * What each word of the file looks like, for editors: it may take more than the word's reader, never less. YAML takes some words for numbers or
 * truth values (`version: 7`, `owner: 42`); the reader sees them as they are written. [JSON Schema 2020-12]
 */
import type { Schema } from '../attestation/json-reader.ts';
import { METHODS } from './words.ts';

const word = (description: string, pattern: string, more: Schema = {}): Schema => ({
  type: 'string',
  description,
  pattern: `^(?:${pattern})$`,
  ...more,
});

/** Words that YAML may take for something else than text. */
const LOOSE = { type: ['string', 'number', 'boolean'] };

const METHOD = METHODS.join('|');
const NAME = '[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?';
const FILE = '\\./[A-Za-z0-9/._-]+';

/** A kind of word. */
type Form =
  | 'name'
  | 'phrase'
  | 'count'
  | 'byte'
  | 'moment'
  | 'digest'
  | 'pin'
  | 'key'
  | 'measurement'
  | 'size'
  | 'duration'
  | 'callRate'
  | 'rate'
  | 'floorTable'
  | 'file'
  | 'release'
  | 'mount'
  | 'mediaType'
  | 'header'
  | 'issuer'
  | 'url'
  | 'method'
  | 'query'
  | 'request'
  | 'destination'
  | 'egressQuestion'
  | 'claimName'
  | 'claim'
  | 'variableName'
  | 'variable';

export const FORMS: Readonly<Record<Form, Schema>> = {
  name: word('a name: lower-case letters, digits and inner hyphens, at most 64', NAME, LOOSE),
  phrase: { ...LOOSE, description: 'text as it stands, without blanks around it', minLength: 1 },
  count: {
    type: ['integer', 'string'],
    description: 'a whole number from 1',
    minimum: 1,
    pattern: '^[1-9][0-9]{0,14}$',
  },
  byte: {
    type: ['integer', 'string'],
    description: 'a whole number from 0 to 255',
    minimum: 0,
    maximum: 255,
    pattern: '^(?:0|[1-9][0-9]{0,2})$',
  },
  moment: word(
    'a day such as 2026-11-01, or an instant such as 2026-11-01T08:00:00Z',
    '\\d{4}-\\d{2}-\\d{2}(?:[Tt ]\\S+)?',
  ),
  digest: word('sha256: and 64 lower-case hex digits', 'sha256:[0-9a-f]{64}'),
  pin: word('spki-sha256: and 64 lower-case hex digits', 'spki-sha256:[0-9a-f]{64}'),
  key: word('ed25519: and the base64 of the public key', 'ed25519:MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}='),
  measurement: word('a launch measurement: 96 lower-case hex digits', '[0-9a-f]{96}', { type: ['string', 'number'] }),
  size: word('a size with its unit, such as 64 KiB', '[1-9][0-9]{0,14} ?(?:B|KiB|MiB|GiB)'),
  duration: word('a time with its unit, such as 5 s', '[1-9][0-9]{0,5} ?(?:ms|s|min)'),
  callRate: word('calls in a time, such as 100/day', '[1-9][0-9]{0,8}/(?:second|minute|hour|day)'),
  rate: word(
    'calls or bytes in a time, such as 100/day or 1 MiB/day',
    '[1-9][0-9]{0,14}(?: ?(?:B|KiB|MiB|GiB))?/(?:second|minute|hour|day)',
  ),
  floorTable: word('a dated floor table such as 2026-09, or any', 'any|\\d{4}-(?:0[1-9]|1[0-2])'),
  file: word('a file beside the policy, such as ./research-ca.pem', FILE),
  release: word('a release file beside the policy, such as release:./anchorhold-1.4.json', `release:${FILE}`),
  mount: word('an absolute path in the file system of the code', '(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)+'),
  mediaType: word('a media type without parameters, such as application/json', '[^\\s;*/]+/[^\\s;*/]+'),
  header: word('a header name', '[A-Za-z0-9-]{1,64}', LOOSE),
  issuer: word('the https:// address of a login service', 'https://[^\\s?#@\\\\]+'),
  url: word('an https:// address', 'https://\\S+'),
  method: { description: 'a method in capitals', enum: METHODS },
  query: word('a method and a path, such as POST /risk-score', `(?:${METHOD}) /[^\\s?]+`),
  request: word('a method and a path, such as POST /risk-score', `(?:${METHOD}) \\S+`),
  destination: word(
    'scheme, host and path, such as https://api.example.com/v1/*, or tcp://host:port',
    '(?:https|http|enclave|tcp)://\\S+',
  ),
  egressQuestion: word('a method and a URL, or tcp://host:port', `(?:${METHOD}) \\S+|tcp://\\S*`),
  claimName: { pattern: '^[A-Za-z0-9_.:/-]{1,128}$' },
  claim: { type: 'string', description: 'the value of the claim, as text', minLength: 1 },
  variableName: { pattern: '^[A-Za-z_][A-Za-z0-9_]{0,63}$' },
  variable: { ...LOOSE, description: 'the value of the variable' },
};
