/**
 * Builds the Go program beside this file against Debian's go-sev-guest, offline, and asks it. The package lacks the files with AMD's roots
 * that its source embeds; they are laid over it while it is built, and only after their fingerprints were found to be AMD's.
 */
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PRODUCTS, type Product } from '../../src/attestation/snp/product.ts';
import { AMD_ROOTS } from '../../src/attestation/snp/roots.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import { sha256 } from '../../src/base/digest.ts';
import { UnavailableError } from './debian.ts';

const LIBRARY = 'usr/share/gocode/src/github.com/google/go-sev-guest';

/** Certificates of a product line, DER. */
export interface Bundle {
  readonly product: Product;
  readonly ark: Uint8Array;
  readonly ask: Uint8Array;
  readonly asvk: Uint8Array | null;
}

/** A question to the library. */
export interface Question {
  readonly name: string;
  readonly now: Date;
  readonly report: Uint8Array;
  readonly vcek: Uint8Array | null;
  readonly vlek: Uint8Array | null;
  /** null: the library's own, which are AMD's. */
  readonly roots: readonly Bundle[] | null;
  /** null: revocation is not looked at. */
  readonly crl: Uint8Array | null;
  /** Asks only about the path and the report's signature, not about extensions of the certificate. */
  readonly pathOnly: boolean;
}

export interface GoSevGuest {
  /** Gives for each name the library's error, or null when it accepted. */
  ask(questions: readonly Question[]): ReadonlyMap<string, string | null>;
  /** Reads a file of the library's own test data. */
  readTestData(name: string): Uint8Array;
  /** A genuine Turin VCEK, DER. */
  readonly turinVcek: Uint8Array;
  /** AMD's own certificates, as the Rust library sev ships them. */
  readonly amd: readonly Bundle[];
}

/** The folder of the Rust library; its name ends with the version. */
function sevFolder(root: string): string {
  const registry = join(root, 'usr/share/cargo/registry');
  const name = readdirSync(registry).find((folder) => folder.startsWith('sev-'));
  if (name === undefined) throw new UnavailableError("Debian's librust-sev-dev has no folder sev-*");
  return join(registry, name);
}

function readBuiltin(root: string, product: Product, name: string): X509Certificate {
  const path = join(sevFolder(root), 'src/certs/snp/builtin', product.toLowerCase(), `${name}.pem`);
  return new X509Certificate(readFileSync(path));
}

function readAmdBundles(root: string): readonly Bundle[] {
  return PRODUCTS.map((product) => {
    const [ark, ask] = [readBuiltin(root, product, 'ark').raw, readBuiltin(root, product, 'ask').raw];
    const fingerprint = encodeHex(sha256(ark));
    if (fingerprint !== AMD_ROOTS[product]) {
      throw new UnavailableError(`the ${product} root in Debian is ${fingerprint}, which is not AMD's`);
    }
    return { product, ark, ask, asvk: null };
  });
}

const pemOf = (der: Uint8Array): string => new X509Certificate(der).toString();

/** Writes what go:embed looks for; those for VLEKs are embedded by the library and then never read. */
function writeOverlay(folder: string, root: string, amd: readonly Bundle[]): string {
  const trust = join(root, LIBRARY, 'verify/trust');
  const source = readFileSync(join(trust, 'trust.go'), 'utf8');
  const replace: Record<string, string> = {};
  for (const [, file = ''] of source.matchAll(/^\s*\/\/go:embed (\S+)$/gm)) {
    const bundle = amd.find(({ product }) => file.includes(product.toLowerCase()));
    if (bundle === undefined) throw new UnavailableError(`go-sev-guest embeds ${file}, which nobody has`);
    const path = join(folder, file);
    writeFileSync(path, `${pemOf(bundle.ask)}${pemOf(bundle.ark)}`);
    replace[join(trust, file)] = path;
  }
  const overlay = join(folder, 'overlay.json');
  writeFileSync(overlay, JSON.stringify({ Replace: replace }));
  return overlay;
}

/** Builds the program; everything it needs is in `root`. */
export function buildGoSevGuest(root: string, folder: string): GoSevGuest {
  mkdirSync(folder, { recursive: true });
  const amd = readAmdBundles(root);
  const overlay = writeOverlay(folder, root, amd);
  const goRoot = join(root, 'usr/lib/go');
  const program = join(folder, 'verifier');
  const { status, stderr, error } = spawnSync(
    join(goRoot, 'bin/go'),
    // Without optimizing, which would take twice as long and save a second.
    [
      'build',
      '-gcflags=all=-N -l',
      '-overlay',
      overlay,
      '-o',
      program,
      resolve(import.meta.dirname, 'verifier/main.go'),
    ],
    {
      encoding: 'utf8',
      env: {
        ...process.env,
        GOROOT: goRoot,
        GOPATH: join(root, 'usr/share/gocode'),
        GOCACHE: join(folder, 'go-cache'),
        // Debian's way: sources of packages, no modules, no network.
        GO111MODULE: 'off',
        GOPROXY: 'off',
        GOTOOLCHAIN: 'local',
        GOFLAGS: '',
        CGO_ENABLED: '0',
      },
    },
  );
  if (status !== 0) throw new UnavailableError(`the Go program does not build:\n${error?.message ?? stderr}`);
  const encode = (_key: string, value: unknown): unknown => {
    if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
    // A Buffer has turned itself into an object by the time it gets here.
    const { type, data } = (value ?? {}) as { type?: unknown; data?: unknown };
    return type === 'Buffer' && Array.isArray(data) ? Buffer.from(data as number[]).toString('base64') : value;
  };
  return {
    amd,
    turinVcek: new Uint8Array(readFileSync(join(sevFolder(root), 'tests/certs_data/vcek_turin.der'))),
    readTestData: (name) => new Uint8Array(readFileSync(join(root, LIBRARY, 'verify/testdata', name))),
    ask(questions) {
      const asked = spawnSync(program, [], {
        input: JSON.stringify(questions, encode),
        encoding: 'utf8',
        maxBuffer: 64 * 1024 * 1024,
      });
      if (asked.status !== 0) throw new Error(`the Go program failed: ${asked.stderr}`);
      const lines = asked.stdout.split('\n').filter((line) => line !== '');
      const outcomes = lines.map((line) => JSON.parse(line) as { name: string; error: string | null });
      return new Map(outcomes.map(({ name, error: why }) => [name, why]));
    },
  };
}
