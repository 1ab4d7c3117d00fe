/**
 * The valid inputs that fuzzing starts from: what a simulated AMD issues, and real reports and certificates where the vectors are. Signing is
 * random, so what was issued is kept under node_modules/.cache: the same seed then gives the same inputs on this machine.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type Claims, encodeClaims, PROFILE } from '../src/attestation/claims.ts';
import { encodeCmw, wrapEvidence } from '../src/attestation/cmw.ts';
import { type Evidence, encodeEvidence } from '../src/attestation/evidence.ts';
import { encodeIdAuth, signIdBlock } from '../src/attestation/measurement/id-auth.ts';
import { encodeIdBlock } from '../src/attestation/measurement/id-block.ts';
import { openIdSigner } from '../src/attestation/measurement/id-key.ts';
import { PRESETS } from '../src/attestation/requirements.ts';
import { PRODUCTS } from '../src/attestation/snp/product.ts';
import { concatBytes, encodeBase64, encodeHex, encodeUtf8, parseBase64, parseHex } from '../src/base/bytes.ts';
import { encodeCbor } from '../src/base/cbor.ts';
import { SIMULATED_MEASUREMENT } from '../src/testing/index.ts';
import { ANY_MACHINE } from '../test/attestation/demands.ts';
import { encodeHclBlob } from '../test/attestation/hcl-blob.ts';
import { AMD_SEV, firmwareImage } from '../test/attestation/measurement/firmware-image.ts';
import { NOW, sharedAmd } from '../test/testing/shared-amd.ts';
import { VECTORS } from '../test/vectors.ts';

/** Names a kind of valid input. */
export type SeedKind =
  | 'report'
  | 'certificate'
  | 'crl'
  | 'table'
  | 'pem'
  | 'cbor'
  | 'claims'
  | 'evidence'
  | 'cmw'
  | 'hcl'
  | 'trust'
  | 'case'
  | 'firmware'
  | 'id-block'
  | 'id-auth';

export type Seeds = Readonly<Record<SeedKind, readonly Uint8Array[]>>;

const CACHE = resolve(import.meta.dirname, '../node_modules/.cache/anchorhold/fuzz-seeds-3.json');
const GUIDS = [
  '63da758de6644564adc5f4b93be8accd',
  '4ab7b379bbac4fe4a02f05aef327c782',
  'c0b406a4a803495297433fb6014cd0ae',
  '92f81bc358114d3d97ffd19f88dc67ea',
];
const fill = (size: number, byte: number): Uint8Array => new Uint8Array(size).fill(byte);
const pem = (der: Uint8Array, label: string): string =>
  `-----BEGIN ${label}-----\n${encodeBase64(der)}\n-----END ${label}-----\n`;

/** Writes a certificate table: GUIDs, offsets and lengths, then the payloads. */
function encodeTable(payloads: readonly Uint8Array[]): Uint8Array {
  let at = 24 * (payloads.length + 1);
  const header = payloads.map((payload, i) => {
    const numbers = new DataView(new ArrayBuffer(8));
    numbers.setUint32(0, at, true);
    numbers.setUint32(4, payload.length, true);
    at += payload.length;
    return concatBytes(parseHex(GUIDS[i] ?? '') ?? fill(16, i), new Uint8Array(numbers.buffer));
  });
  return concatBytes(...header, fill(24, 0), ...payloads);
}

const claims: Claims = {
  profile: PROFILE,
  role: 'worker',
  instance: fill(16, 1),
  tls: fill(32, 2),
  hpke: fill(41, 3),
  functions: { 'risk-score': fill(32, 4), other: fill(32, 9) },
  policies: { 'hospital-a': fill(32, 5) },
  lockdown: { egress: 'policy', console: 'none' },
  freshness: fill(32, 6),
  log: { size: 7, root: fill(32, 8) },
  runtime: 'anchorhold 0.1.0',
};

function makeTrust(machine: unknown, roots: unknown): Uint8Array {
  const digest = `sha256:${'ab'.repeat(32)}`;
  return encodeUtf8(
    JSON.stringify({
      anchorhold: 'trust/1',
      url: 'https://worker.example:8443',
      roots,
      machine,
      code: { measurements: ['cd'.repeat(48)], functions: { 'risk-score': digest } },
      isolation: { policies: { 'hospital-a': digest, others: 'any' }, lockdown: 'strict-2026-11' },
      freshness: { reattest: 'connection' },
    }),
  );
}

/** Has everything issued that is signed: slow, and different each time. */
async function issueSeeds(): Promise<Record<SeedKind, Uint8Array[]>> {
  const amd = await sharedAmd();
  const seeds: Record<SeedKind, Uint8Array[]> = {
    report: [],
    certificate: [],
    crl: [],
    table: [],
    pem: [],
    cbor: [],
    claims: [encodeClaims(claims)],
    evidence: [],
    cmw: [],
    hcl: [],
    trust: [],
    case: [],
    firmware: [
      firmwareImage(),
      firmwareImage({ hashTable: null }),
      firmwareImage({ pages: 1, hashTable: null, sections: AMD_SEV.sections.slice(0, 5) }),
    ],
    'id-block': [],
    'id-auth': [],
  };
  for (const product of PRODUCTS) {
    for (const options of [{ version: 5 }, { version: 3 }, { version: 4, signer: 'VLEK' }] as const) {
      const reportData = fill(64, 5);
      const { report, certificates, crl, rootFingerprint } = await amd.issueReport({ product, reportData, ...options });
      const list = crl ?? new Uint8Array();
      seeds.report.push(report);
      seeds.certificate.push(...certificates);
      seeds.crl.push(list);
      const bundle: Evidence = {
        report,
        certificates,
        crl,
        claims: encodeClaims(claims),
        index: 1,
        size: 3,
        path: [fill(32, 1), fill(32, 2)],
      };
      const pems = certificates.map((der) => pem(der, 'CERTIFICATE'));
      seeds.table.push(encodeTable([...certificates, list]), encodeTable(pems.map(encodeUtf8)));
      seeds.pem.push(encodeUtf8(pems.slice(1).join('')), encodeUtf8(pem(list, 'X509 CRL')));
      seeds.evidence.push(encodeEvidence(bundle));
      seeds.cmw.push(wrapEvidence(encodeEvidence(bundle)), encodeCmw({ type: 60, value: report, indicator: null }));
      seeds.hcl.push(encodeHclBlob(report, encodeUtf8('{"keys":[{"kid":"a","e":"AQAB"}],"user-data":"00"}')));
      const machine = { ...ANY_MACHINE, revocation: 'required' };
      const demands = { reportData: encodeHex(reportData), measurements: [encodeHex(SIMULATED_MEASUREMENT)], machine };
      const line = {
        name: product,
        report: encodeBase64(report),
        certificates: certificates.map(encodeBase64),
        crl: encodeBase64(list),
        at: NOW.toISOString(),
        roots: [encodeBase64(certificates[2] ?? new Uint8Array())],
        expect: demands,
      };
      seeds.case.push(encodeUtf8(JSON.stringify(line)));
      seeds.trust.push(makeTrust(PRESETS['strict-2026-11'], { simulated: [rootFingerprint] }));
    }
  }
  seeds.report.push((await amd.issueReport({ version: 2 })).report);
  const floor = { bootloader: 1, tee: 2, snp: 3, microcode: 4 };
  const floors = { Genoa: floor, Turin: { fmc: 1, ...floor } };
  const tcb = { reported: floors, committed: 'any', launch: floors, current: 'any' };
  seeds.trust.push(
    makeTrust('strict-2026-11', 'amd'),
    makeTrust(
      { ...ANY_MACHINE, tcb, chips: ['ab'.repeat(64)], idKey: ['cd'.repeat(48)], guestSvn: ['0x1f', 3] },
      'amd',
    ),
  );
  seeds.cbor.push(
    encodeCbor({ a: [1, 24, 2 ** 16, 2 ** 33], b: { c: null, d: true }, e: fill(30, 1), f: 'text' }),
    encodeCbor([[[[[]]]], { x: {} }]),
    ...seeds.claims,
  );
  const block = {
    launchDigest: fill(48, 1),
    familyId: fill(16, 2),
    imageId: fill(16, 3),
    guestSvn: 4,
    guestPolicy: 0x30000n,
  };
  const { subtle } = globalThis.crypto;
  const newSigner = async () => {
    const pair = await subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-384' }, true, ['sign']);
    return await openIdSigner(new Uint8Array(await subtle.exportKey('pkcs8', pair.privateKey)));
  };
  const [idKey, author] = [await newSigner(), await newSigner()];
  seeds['id-block'].push(encodeIdBlock(block));
  seeds['id-auth'].push(
    encodeIdAuth(await signIdBlock(block, idKey, null)),
    encodeIdAuth(await signIdBlock(block, idKey, author)),
  );
  return seeds;
}

async function loadIssued(): Promise<Record<SeedKind, Uint8Array[]>> {
  if (!existsSync(CACHE)) {
    const made = Object.entries(await issueSeeds()).map(([kind, list]) => [kind, list.map(encodeBase64)]);
    mkdirSync(dirname(CACHE), { recursive: true });
    writeFileSync(CACHE, JSON.stringify(Object.fromEntries(made)));
  }
  const kept = JSON.parse(readFileSync(CACHE, 'utf8')) as Record<SeedKind, string[]>;
  const entries = Object.entries(kept).map(([kind, list]) => [
    kind,
    list.map((text) => parseBase64(text) ?? fill(0, 0)),
  ]);
  return Object.fromEntries(entries) as Record<SeedKind, Uint8Array[]>;
}

/** Adds what real machines and builds wrote. */
function addVectors(seeds: Record<SeedKind, Uint8Array[]>, vectors: string): void {
  const read = (...path: string[]): Uint8Array => Uint8Array.from(readFileSync(join(vectors, ...path)));
  const kinds: Readonly<Record<string, SeedKind>> = {
    'report.bin': 'report',
    'vek.der': 'certificate',
    'ask.der': 'certificate',
    'ark.der': 'certificate',
    'hcl.bin': 'hcl',
  };
  for (const folder of readdirSync(join(vectors, 'snp'))
    .filter((name) => /-v\d-/.test(name))
    .sort()) {
    for (const file of readdirSync(join(vectors, 'snp', folder)).sort()) {
      const kind = kinds[file];
      if (kind !== undefined) seeds[kind].push(read('snp', folder, file));
    }
  }
  for (const file of readdirSync(join(vectors, 'snp/crl')).sort()) seeds.crl.push(read('snp/crl', file));
  seeds['id-auth'].push(read('measure/virtee-test_auth_block.bin'));
}

/** Gives the valid inputs of every kind. */
export async function loadSeeds(): Promise<Seeds> {
  const seeds = await loadIssued();
  if (VECTORS !== null) addVectors(seeds, VECTORS);
  return seeds;
}
