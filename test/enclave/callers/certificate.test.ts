import { generateKeyPairSync } from 'node:crypto';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate } from '@peculiar/asn1-x509';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDigest, sha256 } from '../../../src/base/digest.ts';
import { type CertificateRule, verifyCertificates } from '../../../src/enclave/callers/certificate.ts';
import { PolicyError } from '../../../src/errors.ts';
import { encodeDerInteger } from '../../../src/io/x509-certificate.ts';
import { basicConstraints, keyUsage } from '../../../src/io/x509-extensions.ts';
import {
  alternativeNames,
  CLIENT_AUTH,
  type Issued,
  issue,
  issueAuthority,
  purposes,
  SERVER_AUTH,
} from '../../fixtures/certificates.ts';

const NOW = new Date('2026-11-21T12:00:00Z');
const root = issueAuthority('Research CA');
const other = issueAuthority('Research CA');

const SAN = alternativeNames({ dNSName: 'lab.example' }, { rfc822Name: 'ada@lab.example' });
const LEAF = [purposes(CLIENT_AUTH), keyUsage('digitalSignature'), SAN];

function leafOf(issuer: Issued, overrides: Parameters<typeof issue>[2] = {}): Issued {
  return issue(
    [
      ['O', 'Research'],
      ['CN', 'ada'],
    ],
    issuer,
    { extensions: LEAF, ...overrides },
  );
}

const leaf = leafOf(root);
const spkiDigest = (issued: Issued): `sha256:${string}` =>
  formatDigest(sha256(issued.publicKey.export({ type: 'spki', format: 'der' })));

function rule(overrides: Partial<CertificateRule> = {}): CertificateRule {
  return {
    kind: 'certificate',
    name: 'analysts',
    ca: root.pem,
    organization: 'Research',
    san: null,
    pin: null,
    ...overrides,
  };
}

/** Writes the other signature that holds for the same bytes: (r, n - s). [FIPS 186-5 6.4.2] */
function rewriteSignature(der: Uint8Array): Uint8Array {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const certificate = AsnConvert.parse(Uint8Array.from(der), Certificate);
  const bytes = new Uint8Array(certificate.signatureValue);
  const rLength = bytes[3] ?? 0;
  const s = BigInt(`0x${Buffer.from(bytes.subarray(6 + rLength)).toString('hex')}`);
  const content = Uint8Array.of(...bytes.subarray(2, 4 + rLength), ...encodeDerInteger(order - s));
  certificate.signatureValue = Uint8Array.of(0x30, content.length, ...content).buffer;
  return new Uint8Array(AsnConvert.serialize(certificate));
}

function codeOf(certificates: readonly Uint8Array[], rules: readonly CertificateRule[], now = NOW): string {
  try {
    verifyCertificates(rules, certificates, now);
    return 'accepted';
  } catch (error) {
    return error instanceof PolicyError ? error.code : `not typed: ${String(error)}`;
  }
}

describe('a caller by certificate', () => {
  it('is proven when the rule’s authority issued the certificate', () => {
    expect(verifyCertificates([rule()], [leaf.der], NOW)).toEqual([
      {
        name: 'analysts',
        id: spkiDigest(leaf),
        proof: { kind: 'certificate', keys: [spkiDigest(leaf), spkiDigest(root)] },
      },
    ]);
  });

  it('is every name whose rule is satisfied, and no other', () => {
    const rules = [rule(), rule({ name: 'lab', san: 'lab.example' }), rule({ name: 'others', organization: 'Sales' })];
    expect(verifyCertificates(rules, [leaf.der], NOW).map(({ name }) => name)).toEqual(['analysts', 'lab']);
  });

  it.each<[string, Partial<CertificateRule>]>([
    ['no organization demanded', { organization: null }],
    ['a DNS name', { san: 'lab.example' }],
    ['a DNS name in other letters', { san: 'LAB.example' }],
    ['an e-mail name', { san: 'ada@lab.example' }],
    ['the pinned key', { pin: spkiDigest(leaf) }],
    ['one of two authorities', { ca: other.pem + root.pem }],
  ])('is proven with %s', (_name, overrides) => {
    expect(codeOf([leaf.der], [rule(overrides)])).toBe('accepted');
  });

  it.each<[string, Partial<CertificateRule>]>([
    ['another organization', { organization: 'Researc' }],
    ['an organization that only begins so', { organization: 'Research Lab' }],
    ['another DNS name', { san: 'lab.example.evil' }],
    ['a parent of the DNS name', { san: 'example' }],
    ['another e-mail name', { san: 'eve@lab.example' }],
    ['another pinned key', { pin: spkiDigest(root) }],
    ['an authority of the same name with another key', { ca: other.pem }],
  ])('is refused with %s', (_name, overrides) => {
    expect(codeOf([leaf.der], [rule(overrides)])).toBe('ERR_POLICY_CALLER');
  });

  it.each<[string, Issued]>([
    ['that ended', leafOf(root, { notAfter: new Date('2026-11-21T11:59:59Z') })],
    ['that has not begun', leafOf(root, { notBefore: new Date('2026-11-21T12:00:01Z') })],
    ['for servers only', leafOf(root, { extensions: [purposes(SERVER_AUTH), SAN] })],
    [
      'whose key is not for signatures',
      leafOf(root, { extensions: [purposes(CLIENT_AUTH), keyUsage('keyAgreement')] }),
    ],
    [
      'with two organizations',
      issue(
        [
          ['O', 'Research'],
          ['O', 'Sales'],
        ],
        root,
        { extensions: LEAF },
      ),
    ],
    [
      'with a critical extension that is not understood',
      leafOf(root, { extensions: [...LEAF, { oid: '1.2.3.4', critical: true, value: Uint8Array.of(5, 0) }] }),
    ],
    ['with an extension twice', leafOf(root, { extensions: [...LEAF, SAN] })],
    ['with a short RSA key', leafOf(root, { keys: generateKeyPairSync('rsa', { modulusLength: 1024 }) })],
    ['that it issued itself', leafOf(issueAuthority('x'), { issuer: [['CN', 'Research CA']] })],
  ])('is refused with a certificate %s', (_name, issued) => {
    expect(codeOf([issued.der], [rule()])).toBe('ERR_POLICY_CALLER');
  });

  it('takes text inside a name for nothing but that name', () => {
    const tricky = leafOf(root, {
      extensions: [purposes(CLIENT_AUTH), alternativeNames({ dNSName: 'evil.example, DNS:lab.example' })],
    });
    expect(codeOf([tricky.der], [rule({ san: 'lab.example' })])).toBe('ERR_POLICY_CALLER');
    const subject = issue([['CN', 'x\nO=Research']], root, { extensions: LEAF });
    expect(codeOf([subject.der], [rule()])).toBe('ERR_POLICY_CALLER');
    expect(
      codeOf(
        [leafOf(root, { extensions: [alternativeNames({ rfc822Name: 'lab.example' })] }).der],
        [rule({ san: 'lab.example' })],
      ),
    ).toBe('ERR_POLICY_CALLER');
  });

  describe('through intermediates', () => {
    const first = issueAuthority('first', root);
    const second = issueAuthority('second', first);
    const third = issueAuthority('third', second);
    const fourth = issueAuthority('fourth', third);

    it('is proven up to three, sent in order', () => {
      expect(codeOf([leafOf(first).der, first.der], [rule()])).toBe('accepted');
      expect(codeOf([leafOf(third).der, third.der, second.der, first.der], [rule()])).toBe('accepted');
      expect(codeOf([leafOf(third).der, third.der, second.der, first.der], [rule({ ca: second.pem })])).toBe(
        'accepted',
      );
    });

    it.each<[string, Uint8Array[]]>([
      ['four of them', [leafOf(fourth).der, fourth.der, third.der, second.der, first.der]],
      ['one left out', [leafOf(second).der, first.der]],
      ['them in another order', [leafOf(second).der, first.der, second.der]],
      ['none sent', [leafOf(first).der]],
    ])('is refused with %s', (_name, chain) => {
      expect(codeOf(chain, [rule()])).toBe('ERR_POLICY_CALLER');
    });

    it.each<[string, Parameters<typeof issue>[2]]>([
      ['is no authority', { extensions: [basicConstraints(false, null), keyUsage('digitalSignature')] }],
      ['has no basic constraints', { extensions: [keyUsage('keyCertSign')] }],
      ['may not sign certificates', { extensions: [basicConstraints(true, null), keyUsage('cRLSign')] }],
      ['has ended', { notAfter: new Date('2026-11-01T00:00:00Z') }],
      [
        'is for servers only',
        { extensions: [basicConstraints(true, null), keyUsage('keyCertSign'), purposes(SERVER_AUTH)] },
      ],
      [
        'has name constraints',
        {
          extensions: [
            basicConstraints(true, null),
            keyUsage('keyCertSign'),
            { oid: '2.5.29.30', critical: true, value: Uint8Array.of(0x30, 0) },
          ],
        },
      ],
    ])('is refused when one of them %s', (_name, overrides) => {
      const bad = issue([['CN', 'bad']], root, overrides);
      expect(codeOf([leafOf(bad).der, bad.der], [rule()])).toBe('ERR_POLICY_CALLER');
    });

    it('is refused when an authority may have no other below it', () => {
      const limited = issueAuthority('limited', null, {
        extensions: [basicConstraints(true, 0), keyUsage('keyCertSign')],
      });
      const below = issueAuthority('below', limited);
      expect(codeOf([leafOf(limited).der], [rule({ ca: limited.pem })])).toBe('accepted');
      expect(codeOf([leafOf(below).der, below.der], [rule({ ca: limited.pem })])).toBe('ERR_POLICY_CALLER');
    });
  });

  it('is refused when the authority itself has ended, or the leaf is given as its own authority', () => {
    const ended = issueAuthority('ended', null, { notAfter: new Date('2026-11-01T00:00:00Z') });
    expect(codeOf([leafOf(ended).der], [rule({ ca: ended.pem })])).toBe('ERR_POLICY_CALLER');
    expect(codeOf([leaf.der], [rule({ ca: leaf.pem })])).toBe('ERR_POLICY_REFERENCE');
  });

  it.each([
    ['no PEM', 'nothing'],
    ['broken PEM', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----'],
  ])('is refused when the ca file is %s', (_name, ca) => {
    expect(codeOf([leaf.der], [rule({ ca })])).toBe('ERR_POLICY_REFERENCE');
  });

  it('is the same caller with a second certificate that has the signature (r, n - s)', () => {
    const second = rewriteSignature(leaf.der);
    expect(second).not.toEqual(leaf.der);
    const [first, other] = [leaf.der, second].map((der) => verifyCertificates([rule()], [der], NOW));
    expect(other).toEqual(first);
  });

  it('is refused with a trailing byte, with too many bytes, and with any changed bit', () => {
    expect(codeOf([Uint8Array.of(...leaf.der, 0)], [rule()])).toBe('ERR_POLICY_CALLER');
    expect(codeOf([new Uint8Array(9000)], [rule()])).toBe('ERR_POLICY_CALLER');
    let refused = 0;
    for (let bit = 0; bit < leaf.der.length * 8; bit += 7) {
      const changed = Uint8Array.from(leaf.der);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const code = codeOf([changed], [rule()]);
      expect(code).toBe('ERR_POLICY_CALLER');
      refused += 1;
    }
    expect(refused).toBeGreaterThan(400);
  });

  it('is refused with a typed error whatever bytes are sent', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 6 }), (chain) => {
        expect(codeOf(chain, [rule()])).toBe('ERR_POLICY_CALLER');
      }),
    );
  });
});

describe('a proof that is remembered for its connection', () => {
  it('ends with the first certificate that ends', () => {
    const presented = [leafOf(root, { notAfter: new Date('2026-11-21T13:00:00Z') }).der];
    const rules = [rule()];
    expect(codeOf(presented, rules)).toBe('accepted');
    expect(codeOf(presented, rules, new Date('2026-11-21T13:00:00Z'))).toBe('accepted');
    expect(codeOf(presented, rules, new Date('2026-11-21T13:00:01Z'))).toBe('ERR_POLICY_CALLER');
  });

  it('does not hold before it begins, or at a time that is none', () => {
    const presented = [leafOf(root, { notBefore: new Date('2026-11-21T11:00:00Z') }).der];
    const rules = [rule()];
    expect(codeOf(presented, rules)).toBe('accepted');
    expect(codeOf(presented, rules, new Date('2026-11-21T10:59:59Z'))).toBe('ERR_POLICY_CALLER');
  });

  it('is one owner’s: under the rules of another it is judged anew', () => {
    const presented = [leaf.der];
    expect(codeOf(presented, [rule()])).toBe('accepted');
    expect(codeOf(presented, [rule({ ca: other.pem })])).toBe('ERR_POLICY_CALLER');
    expect(codeOf(presented, [rule({ organization: 'Other' })])).toBe('ERR_POLICY_CALLER');
  });

  it('is one connection’s: other certificates are judged anew', () => {
    const rules = [rule()];
    expect(codeOf([leaf.der], rules)).toBe('accepted');
    expect(codeOf([leafOf(other).der], rules)).toBe('ERR_POLICY_CALLER');
  });
});
