/** `anchorhold call`: one attested query. The answer goes to stdout, the verdict to stderr, a refusal to the exit code. */
import { resolve } from 'node:path';
import { parseUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { type Credential, certificateCredential, keyCredential, tokenCredential } from '../client/credentials.ts';
import { SecureSession } from '../client/secure-session.ts';
import { ConfigurationError, ERRORS, type ErrorCode } from '../errors.ts';
import { readBytesFile, readTextFile } from '../io/files.ts';
import { type CliCommand, type CliInput, type CliIo, JSON_SWITCH, optionValue, optionValues } from './command.ts';
import { printable, writeJson, writeProgress } from './output.ts';

const DEFAULT_TRUST_FILE = 'anchorhold.trust.json';

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
    throw new ConfigurationError('ERR_CONFIGURATION_USAGE', 'give one of --cert with --key, --sign or --token');
  }
  if ((certPem === null) !== (keyPem === null)) {
    throw new ConfigurationError('ERR_CONFIGURATION_USAGE', '--cert and --key go together');
  }
  if (certPem !== null && keyPem !== null) return certificateCredential({ certPem, keyPem });
  if (privateKeyPem !== null) return keyCredential({ privateKeyPem });
  return token === null ? null : tokenCredential({ token: token.trim() });
}

/** Reads `--data`: text as it stands, `@FILE`, or `@-` for stdin. */
async function readData(input: CliInput, io: CliIo): Promise<Uint8Array | null> {
  const data = optionValue(input, 'data');
  if (data === null) return null;
  if (!data.startsWith('@')) return new TextEncoder().encode(data);
  if (data !== '@-') return await readBytesFile(resolve(io.cwd, data.slice(1)), LIMITS.bodyBytes);
  const chunks: Uint8Array[] = [];
  for await (const chunk of io.stdin) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function readHeaders(input: CliInput): Record<string, string> {
  return Object.fromEntries(
    optionValues(input, 'header').map((line) => {
      const colon = line.indexOf(':');
      if (colon < 1) throw new ConfigurationError('ERR_CONFIGURATION_USAGE', `--header ${line}: write NAME: VALUE`);
      return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
}

/** The exit code that belongs to a refusal, as the worker's problem document names it. */
function refusal(text: string | null): { readonly exit: number; readonly lines: readonly string[] } {
  try {
    const problem = JSON.parse(text ?? '') as Readonly<Record<string, unknown>>;
    const entry = Object.hasOwn(ERRORS, String(problem['code'])) ? ERRORS[problem['code'] as ErrorCode] : null;
    const where =
      typeof problem['owner'] === 'string' ? ` (owner ${problem['owner']}, ${String(problem['rule'])})` : '';
    return {
      exit: entry?.exit ?? 1,
      lines: [`anchorhold: refused: ${String(problem['detail'])}${where}`, `hint: ${String(problem['hint'])}`],
    };
  } catch {
    return { exit: 1, lines: [] };
  }
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
    { name: 'trust', value: 'FILE', summary: `trust file (default: ${DEFAULT_TRUST_FILE})`, repeatable: false },
    { name: 'method', value: 'NAME', summary: 'HTTP method (default: POST with --data, else GET)', repeatable: false },
    { name: 'data', value: 'TEXT', summary: 'body: text, @FILE, or @- for stdin', repeatable: false },
    { name: 'header', value: 'LINE', summary: 'one more header, as "name: value"', repeatable: true },
    { name: 'cert', value: 'FILE', summary: "the caller's certificate (PEM), with --key", repeatable: false },
    { name: 'key', value: 'FILE', summary: "the certificate's private key (PEM)", repeatable: false },
    { name: 'sign', value: 'FILE', summary: 'Ed25519 private key (PEM) that signs the request', repeatable: false },
    { name: 'token', value: 'FILE', summary: 'file with a bearer token', repeatable: false },
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const [url = '', path = ''] = input.positionals;
    const [credential, body] = [await readCredential(input, io), await readData(input, io)];
    await using session = new SecureSession(url, {
      trust: resolve(io.cwd, optionValue(input, 'trust') ?? DEFAULT_TRUST_FILE),
      ...(credential === null ? {} : { credential }),
    });
    const appraisal = await session.attest();
    const checks = appraisal.checks.filter((check) => check.outcome === 'pass').length;
    writeProgress(io, `verified: ${checks} checks passed`);
    if (appraisal.simulated) io.stderr.write("note: SIMULATED: the accepted root is not AMD's\n");
    const response = await session.fetch(path, {
      method: optionValue(input, 'method') ?? (body === null ? 'GET' : 'POST'),
      headers: readHeaders(input),
      ...(body === null ? {} : { body }),
    });
    const bytes = new Uint8Array(await response.arrayBuffer());
    // Only the gate can set this header: a function's own problem document is an answer like any other.
    const problem = response.headers.get('anchorhold-refused-by') === 'gate';
    const { exit, lines } = problem ? refusal(parseUtf8(bytes)) : { exit: response.ok ? 0 : 1, lines: [] };
    if (input.switches.has('json')) {
      const text = parseUtf8(bytes);
      writeJson(io, {
        status: response.status,
        simulated: appraisal.simulated,
        headers: Object.fromEntries(response.headers),
        ...(text === null ? { base64: Buffer.from(bytes).toString('base64') } : { body: text }),
      });
    } else if (problem) {
      io.stderr.write(lines.map((line) => `${printable(line)}\n`).join(''));
    } else {
      io.stdout.write(bytes);
      if (!response.ok) io.stderr.write(`anchorhold: the function answered with status ${response.status}\n`);
    }
    return exit;
  },
};
