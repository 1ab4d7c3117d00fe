/** `anchorhold call`: one attested query. The answer goes to stdout, the verdict to stderr, a refusal to the exit code. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { resolve } from 'node:path';
import { encodeUtf8, parseUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { type Credential, certificateCredential, keyCredential, tokenCredential } from '../client/credentials.ts';
import { SecureSession } from '../client/secure-session.ts';
import { ConfigurationError, ERRORS, type ErrorCode, SecretError } from '../errors.ts';
import { readBytesFile, readTextFile } from '../io/files.ts';
import { type CliCommand, type CliInput, type CliIo, JSON_SWITCH, optionValue, optionValues } from './command.ts';
import { KDS_OPTIONS, readCollateralSource } from './kds-options.ts';
import { lowerFirst, printable, writeJson, writeProgress } from './output.ts';
import { readStandardInput } from './standard-input.ts';
import { releaseMemory, TRUST_OPTION, trustPath } from './trust-option.ts';

const NEWLINE = 0x0a;

/** Exit code when the function's answer is no success. */
const EXIT_FAILED = 1;

/** Methods whose requests have no body. [RFC 9110 9.3] */
const BODILESS: ReadonlySet<string> = new Set(['GET', 'HEAD']);

/** A field name and a value without control characters. [RFC 9110 5.1, 5.5] */
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)$/;

/** Headers that say how the connection carries the request, which is not the caller's to say. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

function usage(message: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
}

/**
 * Holds a certificate against its key: TLS would only say that a library failed.
 * @throws SecretError ERR_SECRET_UNREADABLE
 */
function checkPair(certPem: string, keyPem: string): void {
  const unreadable = (what: string, cause?: unknown): SecretError =>
    new SecretError('ERR_SECRET_UNREADABLE', what, { cause });
  const read = <T>(what: string, parse: () => T): T => {
    try {
      return parse();
    } catch (cause) {
      throw unreadable(what, cause);
    }
  };
  const certificate = read(
    'the file of --cert holds no certificate in PEM ("BEGIN CERTIFICATE")',
    () => new X509Certificate(certPem),
  );
  const key = read('the file of --key holds no private key in PEM that can be read without a passphrase', () =>
    createPrivateKey(keyPem),
  );
  if (!certificate.checkPrivateKey(key)) throw unreadable('the key of --key is not that of the certificate of --cert');
}

/** Reads the one credential that the options name; null when none does. */
async function readCredential(input: CliInput, io: CliIo): Promise<Credential | null> {
  const read = async (name: string): Promise<string | null> => {
    const path = optionValue(input, name);
    return path === null ? null : await readTextFile(resolve(io.cwd, path), LIMITS.configurationBytes);
  };
  const [certPem, keyPem, privateKeyPem, token] = [
    await read('cert'),
    await read('key'),
    await read('sign'),
    await read('token'),
  ];
  if ([certPem, privateKeyPem, token].filter((given) => given !== null).length > 1) {
    throw usage('give one of --cert with --key, --sign or --token');
  }
  if ((certPem === null) !== (keyPem === null)) {
    throw usage('--cert and --key go together');
  }
  if (certPem !== null && keyPem !== null) {
    checkPair(certPem, keyPem);
    return certificateCredential({ certPem, keyPem });
  }
  if (privateKeyPem !== null) return keyCredential({ privateKeyPem });
  return token === null ? null : tokenCredential({ token: token.trim() });
}

/** Reads `--data`: text as it stands, `@FILE`, or `@-` for stdin. */
async function readData(input: CliInput, io: CliIo): Promise<Uint8Array | null> {
  const data = optionValue(input, 'data');
  if (data === null) return null;
  if (!data.startsWith('@')) return encodeUtf8(data);
  if (data === '@-') return await readStandardInput(io.stdin, LIMITS.bodyBytes);
  return await readBytesFile(resolve(io.cwd, data.slice(1)), LIMITS.bodyBytes);
}

function readMethod(input: CliInput, body: Uint8Array | null): string {
  const method = (optionValue(input, 'method') ?? (body === null ? 'GET' : 'POST')).toUpperCase();
  if (!/^[A-Z]{1,32}$/.test(method)) throw usage(`--method ${method}: write a method such as PUT`);
  if (body !== null && BODILESS.has(method)) throw usage(`${method} carries no body: leave out --data or --method`);
  return method;
}

function readHeaders(input: CliInput): Readonly<Record<string, string>> {
  const headers = new Map<string, string>();
  for (const line of optionValues(input, 'header')) {
    const [, name, value = ''] = HEADER.exec(line) ?? [];
    if (name === undefined) throw usage(`--header ${line}: write "name: value"`);
    const lower = name.toLowerCase();
    if (headers.has(lower)) throw usage(`--header ${name} is there twice`);
    if (OWN_HEADERS.has(lower)) throw usage(`--header ${name}: the connection makes this one itself`);
    headers.set(lower, value.trim());
  }
  return Object.fromEntries(headers);
}

/** A refusal of the gate, as it is shown to people and machines. */
interface Refusal {
  readonly exit: number;
  readonly report: Readonly<Record<'error' | 'message' | 'hint', string>> &
    Readonly<Record<'code' | 'owner' | 'rule', string | null>>;
}

/** Reads the problem document of a gate's refusal; one that cannot be read is still a refusal. */
function readRefusal(status: number, body: string | null): Refusal {
  let problem: Readonly<Record<string, unknown>> = {};
  try {
    const json: unknown = JSON.parse(body ?? '');
    if (typeof json === 'object' && json !== null) problem = { ...json };
  } catch {
    // What it says of itself below is enough.
  }
  const textOf = (key: string): string | null => {
    const value = problem[key];
    return typeof value === 'string' ? value : null;
  };
  const code = textOf('code');
  const row = code !== null && Object.hasOwn(ERRORS, code) ? ERRORS[code as ErrorCode] : null;
  return {
    exit: row?.exit ?? EXIT_FAILED,
    report: {
      error: row?.family ?? 'EnclaveError',
      code,
      message: textOf('detail') ?? `the worker refused with status ${status}`,
      hint: textOf('hint') ?? row?.action ?? 'Ask the operator of the worker.',
      owner: textOf('owner'),
      rule: textOf('rule'),
    },
  };
}

function writeRefusal(io: CliIo, { report }: Refusal, json: boolean): void {
  if (json) {
    io.stderr.write(`${JSON.stringify(report)}\n`);
    return;
  }
  const { message, hint, owner, rule } = report;
  const where = owner === null ? '' : ` (owner ${owner}, ${rule ?? 'no rule named'})`;
  const lines = [`anchorhold: refused: ${message}${where}`, `hint: ${lowerFirst(hint)}`];
  io.stderr.write(lines.map((line) => `${printable(line)}\n`).join(''));
}

export const call: CliCommand = {
  summary: 'send one attested query and print the answer',
  example:
    'anchorhold call https://localhost:8443 /risk-score --data @patient.json --cert analyst.pem --key analyst.key',
  arguments: [
    { name: 'url', summary: "the worker's https:// address", required: true, repeatable: false },
    {
      name: 'path',
      summary: 'path of the query; its first segment names the function',
      required: true,
      repeatable: false,
    },
  ],
  options: [
    TRUST_OPTION,
    { name: 'method', value: 'NAME', summary: 'HTTP method (default: POST with --data, else GET)', repeatable: false },
    { name: 'data', value: 'TEXT', summary: 'body: text, @FILE, or @- for stdin', repeatable: false },
    { name: 'header', value: 'LINE', summary: 'one more header, as "name: value"', repeatable: true },
    { name: 'cert', value: 'FILE', summary: "the caller's certificate (PEM), with --key", repeatable: false },
    { name: 'key', value: 'FILE', summary: "the certificate's private key (PEM)", repeatable: false },
    { name: 'sign', value: 'FILE', summary: 'Ed25519 private key (PEM) that signs the request', repeatable: false },
    { name: 'token', value: 'FILE', summary: 'file with a bearer token', repeatable: false },
    ...KDS_OPTIONS,
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const [url = '', path = ''] = input.positionals;
    const json = input.switches.has('json');
    const headers = readHeaders(input);
    const credential = await readCredential(input, io);
    const body = await readData(input, io);
    const method = readMethod(input, body);
    await using session = new SecureSession(url, {
      memoryDir: releaseMemory(),
      trust: trustPath(input, io),
      collateral: readCollateralSource(input, io),
      ...(credential === null ? {} : { credential }),
    });
    const appraisal = await session.attest();
    const checks = appraisal.checks.filter((check) => check.outcome === 'pass').length;
    writeProgress(io, `verified: ${checks} checks passed`);
    if (appraisal.simulated && !json) io.stderr.write("note: SIMULATED: the accepted root is not AMD's\n");
    const response = await session.fetch(path, { method, headers, ...(body === null ? {} : { body }) });
    const bytes = new Uint8Array(await response.arrayBuffer());
    const text = parseUtf8(bytes);
    // Only the gate can set this header: a function's own problem document is an answer like any other.
    const refused = response.headers.get('anchorhold-refused-by') === 'gate';
    const { status } = response;
    if (json) {
      writeJson(io, {
        status,
        refused,
        simulated: appraisal.simulated,
        headers: Object.fromEntries(response.headers),
        ...(text === null ? { base64: Buffer.from(bytes).toString('base64') } : { body: text }),
      });
    }
    if (refused) {
      const refusal = readRefusal(status, text);
      writeRefusal(io, refusal, json);
      return refusal.exit;
    }
    if (!json) {
      io.stdout.write(bytes);
      // On a terminal both streams meet: the message begins a line of its own.
      const start = io.isTty && bytes.length > 0 && bytes.at(-1) !== NEWLINE ? '\n' : '';
      if (!response.ok) io.stderr.write(`${start}anchorhold: the function answered with status ${status}\n`);
    }
    return response.ok ? 0 : EXIT_FAILED;
  },
};
