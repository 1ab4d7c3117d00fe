/**
 * `anchorhold caller new`: makes what a caller proves itself with, and says which line of the policy names it. A certificate is issued by an
 * authority that the owner keeps in the same folder, or names; nothing is sent anywhere.
 */
import { generateKeyPairSync } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { encodeBase64 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import { certifyCaller, makeAuthority, type PemPair } from '../io/caller-authority.ts';
import { readTextFile } from '../io/files.ts';
import { type NewFile, writeNewFiles } from '../io/new-file.ts';
import { encodePkcs12 } from '../io/pkcs12.ts';
import { parseCallerName } from '../policy/callers.ts';
import { pinOf } from './caller-proofs.ts';
import { type CliCommand, type CliInput, type CliIo, JSON_SWITCH, optionValue } from './command.ts';
import { printable, writeJson, writeLine } from './output.ts';
import { readPassphrase } from './passphrase.ts';

const DEFAULT_FOLDER = 'callers';
const DEFAULT_DAYS = '365';

function usage(message: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
}

/** What was made: the files, and the caller's line for the policy. */
interface Made {
  readonly files: readonly NewFile[];
  /** Paths of those that go to the caller. */
  readonly handOut: readonly string[];
  readonly line: string;
}

function readName(input: CliInput): string {
  const name = parseCallerName(input.positionals[0] ?? '');
  if (!name.ok) throw usage(name.why);
  // The authority's own files have this name.
  if (name.value === 'ca') throw usage('"ca" is the name of the authority: choose another one for the caller');
  return name.value;
}

function readDays(input: CliInput): number {
  const text = optionValue(input, 'days') ?? DEFAULT_DAYS;
  if (!/^[1-9]\d{0,3}$/.test(text)) throw usage(`--days ${printable(text)}: write a number from 1 to 9999`);
  return Number(text);
}

/** Reads a text that goes into the certificate and into the policy. */
function readPhrase(input: CliInput, option: string, form: RegExp): string | null {
  const text = optionValue(input, option);
  if (text !== null && !form.test(text))
    throw usage(`--${option} ${printable(text)}: this cannot stand in a certificate`);
  return text;
}

/** Makes a text that YAML reads as this text, whatever is in it. */
function quoted(text: string): string {
  return /^[A-Za-z][A-Za-z0-9 .@-]*$/.test(text) && text.trim() === text ? text : JSON.stringify(text);
}

async function readPkcs12Passphrase(input: CliInput, io: CliIo): Promise<string | null> {
  const isNamed = optionValue(input, 'passphrase-file') !== null;
  if (input.switches.has('pkcs12') !== isNamed) throw usage('--pkcs12 and --passphrase-file FILE go together');
  return await readPassphrase(input, io);
}

/** Finds the owner's authority: the files that are named, those of the folder, or new ones. */
async function findAuthority(
  input: CliInput,
  folder: string,
  io: CliIo,
): Promise<{ readonly path: string; readonly pair: PemPair; readonly made: readonly NewFile[] }> {
  const named = [optionValue(input, 'ca'), optionValue(input, 'ca-key')];
  if (named.filter((path) => path !== null).length === 1) throw usage('--ca FILE and --ca-key FILE go together');
  const [path, keyPath] = [named[0] ?? join(folder, 'ca.pem'), named[1] ?? join(folder, 'ca.key')].map((file) =>
    resolve(io.cwd, file),
  ) as [string, string];
  const isThere = [path, keyPath].map((file) => existsSync(file));
  if (named[0] === null && !isThere.some(Boolean)) {
    const pair = makeAuthority('Callers', new Date());
    const made = [
      { path, content: pair.certPem, secret: false },
      { path: keyPath, content: pair.keyPem, secret: true },
    ];
    return { path, pair, made };
  }
  const certPem = await readTextFile(path, LIMITS.referenceBytes);
  return { path, pair: { certPem, keyPem: await readTextFile(keyPath, LIMITS.configurationBytes) }, made: [] };
}

async function makeCertificate(input: CliInput, name: string, folder: string, io: CliIo): Promise<Made> {
  const passphrase = await readPkcs12Passphrase(input, io);
  const organization = readPhrase(input, 'organization', /^[^\p{C}]{1,64}$/u);
  const san = readPhrase(input, 'san', /^(?:[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@)?[A-Za-z0-9.-]{1,253}$/);
  const days = readDays(input);
  const { path, pair, made } = await findAuthority(input, folder, io);
  const caller = certifyCaller(pair, { name, organization, san }, days, new Date());
  const at = (ending: string): string => join(folder, `${name}.${ending}`);
  const own: NewFile[] = [
    { path: at('pem'), content: caller.certPem, secret: false },
    { path: at('key'), content: caller.keyPem, secret: true },
  ];
  if (passphrase !== null) own.push({ path: at('p12'), content: encodePkcs12(caller, name, passphrase), secret: true });
  const below = relative(io.cwd, path);
  // References of a policy never lead upwards: then the file has to be copied beside it.
  const ca = `./${below.startsWith('..') ? basename(path) : below}`;
  // Without a word that tells this caller from others, everyone whom the authority certifies would be meant.
  const demands = [
    `ca: ${ca}`,
    ...(organization === null ? [] : [`organization: ${quoted(organization)}`]),
    ...(san === null ? [] : [`san: ${quoted(san)}`]),
    ...(organization === null && san === null ? [`pin: ${pinOf(caller.certPem)}`] : []),
  ];
  return {
    files: [...made, ...own],
    handOut: own.map((file) => file.path),
    line: `${name}: { certificate: { ${demands.join(', ')} } }`,
  };
}

function makeKey(input: CliInput, name: string, folder: string): Made {
  const foreign = ['ca', 'ca-key', 'organization', 'san', 'days', 'passphrase-file'].find(
    (o) => optionValue(input, o) !== null,
  );
  if (foreign !== undefined || input.switches.has('pkcs12')) {
    throw usage(`--${foreign ?? 'pkcs12'} is for certificates; a key says nothing of who has it`);
  }
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const path = join(folder, `${name}.key`);
  const files = [
    { path, content: privateKey.export({ type: 'pkcs8', format: 'pem' }), secret: true },
    { path: join(folder, `${name}.pub`), content: publicKey.export({ type: 'spki', format: 'pem' }), secret: false },
  ];
  return { files, handOut: [path], line: `${name}: { key: ed25519:${encodeBase64(spki)} }` };
}

function option(name: string, value: string | null, summary: string): CliCommand['options'][number] {
  return { name, value, summary, repeatable: false };
}

export const callerNew: CliCommand = {
  summary: 'make the certificate or key of a caller, and print its line for the policy',
  example: 'anchorhold caller new analysts --kind certificate --organization Research',
  arguments: [{ name: 'name', summary: "the caller's name in the policy", required: true, repeatable: false }],
  options: [
    option('kind', 'certificate|key', 'what the caller proves itself with (required)'),
    option('out', 'DIR', `folder for what is made (default: ${DEFAULT_FOLDER})`),
    option(
      'ca',
      'FILE',
      "certificate of the owner's authority (default: ca.pem in the folder, made when there is none)",
    ),
    option('ca-key', 'FILE', 'its private key (default: ca.key in the folder)'),
    option('organization', 'NAME', 'organization that the certificate says, and the policy demands'),
    option('san', 'NAME', 'DNS name or e-mail address that the certificate says, and the policy demands'),
    option('days', 'N', `how long the certificate is good for (default: ${DEFAULT_DAYS})`),
    option('pkcs12', null, 'write certificate and key as one PKCS #12 file, too, for browsers'),
    option('passphrase-file', 'FILE', 'file with the passphrase of that file, at least 8 characters'),
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const name = readName(input);
    const kind = optionValue(input, 'kind');
    const folder = resolve(io.cwd, optionValue(input, 'out') ?? DEFAULT_FOLDER);
    if (kind !== 'certificate' && kind !== 'key')
      throw usage('--kind is missing: write --kind certificate or --kind key');
    const { files, handOut, line } =
      kind === 'key' ? makeKey(input, name, folder) : await makeCertificate(input, name, folder, io);
    await writeNewFiles(files);
    const shown = (path: string): string => printable(relative(io.cwd, path));
    if (input.switches.has('json')) {
      writeJson(io, { name, kind, files: files.map(({ path }) => path), handOut, line });
      return 0;
    }
    for (const { path, secret } of files) writeLine(io, `made ${shown(path)}${secret ? ' (secret: mode 0600)' : ''}`);
    writeLine(io, `give to the caller: ${handOut.map(shown).join(' ')}`);
    writeLine(io, 'write into the section callers of your policy:');
    writeLine(io, `  ${line}`);
    return 0;
  },
};
