/**
 * A session with one worker: looks like `fetch`, and sends nothing before the connection it travels on has been appraised.
 * Pinned to one origin: absolute URLs and redirects that lead elsewhere are refused.
 */
import { openTransport } from '#transport';
import type { Appraisal } from '../appraisal.ts';
import { parseTrustFile, type TrustFile } from '../attestation/trust-file.ts';
import { encodeUtf8 } from '../base/bytes.ts';
import { ConfigurationError, ERRORS, InvalidEnclaveCodeError, NotAnEnclaveError, TransportError } from '../errors.ts';
import type { CollateralSource } from './collateral-source.ts';
import type { ConnectionPool } from './connection-pool.ts';
import { type Credential, presentCredential } from './credentials.ts';
import { parseOrigin } from './origin.ts';
import type { Transport } from './transport.ts';
import { fixedTrust } from './trust-source.ts';

export interface SessionOptions {
  /**
   * Path of a trust file, or its parsed JSON; `./anchorhold.trust.json` when absent. Only a file may name policy files and releases, which
   * stand relative to it. Releases are read again whenever a connection is appraised.
   */
  readonly trust?: string | object;
  /** What the caller proves itself with; nothing when absent. */
  readonly credential?: Credential;
  /** Where certificates come from that the worker does not send along; from nowhere when absent, so that nobody else is asked. */
  readonly collateral?: CollateralSource;
  /**
   * Folder of your own that keeps which releases were seen (mode 0700, made when it is needed), so that an older one is refused after a restart,
   * too; as long as the session when absent.
   */
  readonly memoryDir?: string;
  /** Longest wait for a handshake, for evidence, and for the head or the next piece of an answer; 30,000 when absent. */
  readonly timeoutMs?: number;
  /** The clock that certificates are judged by; the machine's when absent. */
  readonly now?: () => Date;
}

export interface CallOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal?: AbortSignal;
}

const DEFAULT_TRUST_FILE = './anchorhold.trust.json';
const MAX_REDIRECTS = 5;
/** Methods that change nothing, so that asking twice is asking once. [RFC 9110 9.2.1] */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

interface OpenSession {
  readonly origin: URL;
  readonly trust: TrustFile;
  readonly pool: ConnectionPool;
}

function readBody(body: unknown): Uint8Array | null {
  if (body === undefined || body === null) return null;
  if (typeof body === 'string') return encodeUtf8(body);
  if (body instanceof Uint8Array) return body;
  // Copied as bytes, an ArrayBuffer or a form from a program without types would leave as an empty body.
  throw new ConfigurationError('ERR_CONFIGURATION_USAGE', 'the body of a request must be a string or a Uint8Array');
}

/** Writes a trust file that was handed over as a value. */
function encodeJson(value: object): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    throw new ConfigurationError('ERR_CONFIGURATION_TRUST', 'the trust file cannot be written as JSON', { cause });
  }
}

/** Refuses a function whose digest the client did not demand: the appraisal says nothing about what would read the question. */
function refuseUnlessListed(url: URL, trust: TrustFile, appraisal: Appraisal): void {
  const name = url.pathname.split('/')[1] ?? '';
  if (Object.hasOwn(trust.code.functions, name)) return;
  const listed = Object.keys(trust.code.functions).join(', ') || 'none';
  const message = `nothing was sent: the trust file lists no function ${JSON.stringify(name)} (code.functions lists ${listed})`;
  throw new InvalidEnclaveCodeError('ERR_INVALID_ENCLAVE_CODE_FUNCTION', message, appraisal);
}

/** Tells whether the worker says that its policies are others than those that were appraised here; no function can say so. */
function isOutdated({ status, headers }: Response): boolean {
  return status === ERRORS.ERR_TRANSPORT_OUTDATED.status && headers.get('anchorhold-refused-by') === 'gate';
}

/** Asks one worker, and only after it has been appraised. */
export class SecureSession implements AsyncDisposable {
  readonly #url: string | null;
  readonly #options: SessionOptions;
  readonly #transport: Transport;
  #open: Promise<OpenSession> | null = null;

  /**
   * Prepares a session; nothing is read or dialled before the first call. `url` may be left out when the trust file names it.
   * @throws ConfigurationError ERR_CONFIGURATION_PLATFORM in a browser
   */
  constructor(url?: string | URL, options: SessionOptions = {}) {
    this.#url = url === undefined ? null : String(url);
    this.#options = options;
    this.#transport = openTransport();
  }

  async #prepare(): Promise<OpenSession> {
    const { trust = DEFAULT_TRUST_FILE, credential, timeoutMs = 30_000, now = () => new Date() } = this.#options;
    const { collateral: source = { source: 'evidence-only' }, memoryDir = null } = this.#options;
    const { openTrustFile, openCollateral, openConnectionPool } = this.#transport;
    const demands =
      typeof trust === 'string' ? await openTrustFile(trust, memoryDir) : fixedTrust(parseTrustFile(encodeJson(trust)));
    const { file } = demands;
    const origin = parseOrigin(this.#url ?? file.url);
    const clientCertificate = credential?.kind === 'certificate' ? credential : null;
    const collateral = await openCollateral(source, now);
    return {
      origin,
      trust: file,
      pool: openConnectionPool({ origin, trust: demands, clientCertificate, collateral, timeoutMs, now }),
    };
  }

  async #session(): Promise<OpenSession> {
    this.#open ??= this.#prepare();
    try {
      return await this.#open;
    } catch (error) {
      // What was missing may be there at the next call.
      this.#open = null;
      throw error;
    }
  }

  /**
   * Opens a connection, appraises the worker and gives the whole appraisal; the connection serves the next call.
   * @throws NotAnEnclaveError, InvalidEnclaveCodeError, NotIsolatedEnclaveError, TransportError, ConfigurationError
   */
  async attest(): Promise<Appraisal> {
    const { pool } = await this.#session();
    return (await pool.open()).appraisal;
  }

  /**
   * Sends one request to the worker; `path` is a path or a URL of the session's own origin.
   * @throws NotAnEnclaveError, InvalidEnclaveCodeError, NotIsolatedEnclaveError, TransportError, ConfigurationError
   */
  async fetch(path: string | URL, options: CallOptions = {}): Promise<Response> {
    const { origin, pool, trust } = await this.#session();
    let url = URL.parse(String(path), origin);
    if (url === null || url.origin !== origin.origin) {
      throw new ConfigurationError(
        'ERR_CONFIGURATION_ORIGIN',
        `this session is for ${origin.origin}, not for ${String(path)}`,
      );
    }
    let method = (options.method ?? 'GET').toUpperCase();
    let body = readBody(options.body);
    for (let hops = 0; ; hops++) {
      const { response, appraisal } = await this.#send(pool, trust, { url, method, body, options });
      const location = response.headers.get('location');
      if (![301, 302, 303, 307, 308].includes(response.status) || location === null || hops === MAX_REDIRECTS)
        return response;
      const next = URL.parse(location, url);
      await response.body?.cancel();
      if (next === null || next.origin !== origin.origin) {
        throw new NotAnEnclaveError(
          'ERR_NOT_AN_ENCLAVE_REDIRECT',
          `${url.pathname} redirects to ${location}`,
          appraisal,
        );
      }
      url = next;
      if ((response.status === 303 && method !== 'HEAD') || (response.status < 303 && method === 'POST')) {
        method = 'GET';
        body = null;
      }
    }
  }

  async #send(
    pool: ConnectionPool,
    trust: TrustFile,
    request: {
      readonly url: URL;
      readonly method: string;
      readonly body: Uint8Array | null;
      readonly options: CallOptions;
    },
  ): Promise<{ readonly response: Response; readonly appraisal: Appraisal }> {
    const { url, method, body, options } = request;
    return await pool.withConnection(
      async ({ client, appraisal, callerChannel }) => {
        refuseUnlessListed(url, trust, appraisal);
        const plain = Object.entries(options.headers ?? {}).map(
          ([name, value]) => [name.toLowerCase(), value] as const,
        );
        const proof = await presentCredential(this.#options.credential ?? null, {
          method,
          url,
          headers: plain,
          body,
          channel: callerChannel,
          now: (this.#options.now ?? (() => new Date()))(),
        });
        const headers = [...plain, ...proof];
        const response = await client.fetch({ url, method, headers, body, signal: options.signal ?? null });
        if (isOutdated(response)) {
          await response.body?.cancel();
          throw new TransportError('ERR_TRANSPORT_OUTDATED', 'the worker changed its policies again and again');
        }
        return { response, appraisal };
      },
      SAFE_METHODS.has(method),
      options.signal ?? null,
    );
  }

  /** Sends a GET. */
  async get(path: string | URL, options: Omit<CallOptions, 'method' | 'body'> = {}): Promise<Response> {
    return await this.fetch(path, { ...options, method: 'GET' });
  }

  /** Sends a POST. */
  async post(
    path: string | URL,
    body: string | Uint8Array,
    options: Omit<CallOptions, 'method' | 'body'> = {},
  ): Promise<Response> {
    return await this.fetch(path, { ...options, method: 'POST', body });
  }

  /** Sends a PUT. */
  async put(
    path: string | URL,
    body: string | Uint8Array,
    options: Omit<CallOptions, 'method' | 'body'> = {},
  ): Promise<Response> {
    return await this.fetch(path, { ...options, method: 'PUT', body });
  }

  /** Sends a DELETE. */
  async delete(path: string | URL, options: Omit<CallOptions, 'method' | 'body'> = {}): Promise<Response> {
    return await this.fetch(path, { ...options, method: 'DELETE' });
  }

  /** Ends all connections; a later call opens new ones. */
  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    if (open !== null) await (await open.catch(() => null))?.pool.close();
  }

  /** Ends all connections, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
