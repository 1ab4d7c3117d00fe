/**
 * A whole policy in plain English, made only from its canonical form: what is shown is what the digest is over. Says what is closed as
 * plainly as what is open. File names are gone from that form, so references appear as digests.
 */
import type {
  CanonicalCaller,
  CanonicalConnection,
  CanonicalEgress,
  CanonicalPolicy,
  CanonicalQuery,
  CanonicalRevocation,
  CanonicalTest,
} from './canonical.ts';
import { functionLines } from './function-terms.ts';
import { formatByteSize, formatRate, parseByteSize, parseRate } from './quantity.ts';
import { joinNames } from './reading.ts';

/** A title, what is said when nothing is listed, and the lines. */
type Section = readonly [title: string, none: string, lines: readonly string[]];

/** Writes `2026-11-01 00:00 UTC` from the canonical instant. */
function moment(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, -1).replace(/(?::00)?\.000$/, '')} UTC`;
}

function size(text: string): string {
  const bytes = parseByteSize(text);
  return bytes.ok ? formatByteSize(bytes.value) : text;
}

function rate(text: string | null, whose: string): string {
  if (text === null) return '';
  const limit = parseRate(text);
  return `, ${whose} at most ${(limit.ok ? formatRate(limit.value) : text).replace('/', ' per ')}`;
}

function callerLine(name: string, caller: CanonicalCaller): string {
  if ('key' in caller) return `${name}: whoever signs each request with the key ${caller.key}`;
  if ('token' in caller) {
    const { issuer, audience, claims, jwks } = caller.token;
    const demands = Object.entries(claims).map(([claim, value]) => `${claim} "${value}"`);
    const which = demands.length === 0 ? 'any token' : `a token that says ${joinNames(demands, 'and')}`;
    const keys =
      typeof jwks === 'string'
        ? `the set ${jwks}`
        : `those that ${jwks.url} publishes at the time (server key ${jwks.pin})`;
    return `${name}: whoever holds ${which}, issued by ${issuer} for "${audience}", signed by a key of ${keys}`;
  }
  const { ca, organization, san, pin } = caller.certificate;
  const demands = [
    ...(organization === null ? [] : [`organization "${organization}"`]),
    ...(san === null ? [] : [`alternative name "${san}"`]),
    ...(pin === null ? [] : [`the public key ${pin}`]),
  ];
  const which = demands.length === 0 ? 'any certificate' : `a certificate with ${joinNames(demands, 'and')}`;
  return `${name}: whoever holds ${which}, issued by the authority ${ca}`;
}

function revocationLine(revoked: CanonicalRevocation): string {
  if ('key' in revoked) return `the key ${revoked.key}`;
  if ('certificate' in revoked)
    return `certificates for the public key ${revoked.certificate}, and those issued with it`;
  const { token } = revoked;
  return 'id' in token
    ? `the token "${token.id}" of ${token.issuer}`
    : `all tokens for "${token.subject}" of ${token.issuer}`;
}

function queryLine(rule: CanonicalQuery): string {
  const who = rule.allow.length === 0 ? 'nobody' : joinNames(rule.allow, 'and');
  return `${who} may ask ${rule.to}${rate(rule.limit, 'each')}`;
}

function connectionLines(rule: CanonicalConnection): string[] {
  return [
    `connections of its own to ${rule.to}${rate(rule.limit, 'together')}`,
    '    WARNING: nobody but the code itself encrypts or checks what is sent',
  ];
}

function egressLines(rule: CanonicalEgress | CanonicalConnection): string[] {
  if (!('methods' in rule)) return connectionLines(rule);
  const methods = rule.methods.length === 0 ? 'no method at all' : joinNames(rule.methods, 'and');
  return [
    `${methods} to ${rule.to}${rate(rule.limit, 'together')}`,
    ...(rule.pin === null ? [] : [`    only to a server with the public key ${rule.pin}`]),
    ...(rule.trust === null ? [] : [`    only to an attested worker that satisfies the trust file ${rule.trust}`]),
    ...(rule.credential === null
      ? []
      : [
          `    the worker puts the secret "${rule.credential.secret}" into the header ${rule.credential.header}; the function never sees it`,
        ]),
    ...(rule.to.startsWith('http:')
      ? ['    WARNING: not encrypted; whoever runs the machine or the network can read and change it']
      : []),
  ];
}

function machineLines(machine: CanonicalPolicy['machine']): string[] {
  if (machine === null) return [];
  const { products, tcb, smt, images, counters } = machine;
  const floors =
    typeof tcb === 'string'
      ? [tcb === 'any' ? 'firmware: any version' : `firmware: not older than the floor table of ${tcb}`]
      : Object.entries(tcb).map(([product, floor]) => {
          const parts = Object.entries(floor).map(([part, version]) => `${part} ${version}`);
          return `firmware of ${product}: not older than ${joinNames(parts, 'and')}`;
        });
  const threads = { required: 'must be on', forbidden: 'must be off' }[smt] ?? 'may be on or off';
  return [
    `- processors: ${
      products.length === 0
        ? 'none'
        : joinNames(
            products.map((p) => `AMD ${p}`),
            'or',
          )
    }`,
    ...floors.map((line) => `- ${line}`),
    `- simultaneous multithreading ${threads}`,
    ...(images.length === 0 ? ['- no image is accepted'] : images.map((image) => `- accepted image: ${image}`)),
    counters === 'durable' ? '- limits must survive a restart' : '- limits may be forgotten at a restart',
  ];
}

/** Marks the first line of an entry; those below it are indented already. */
const bulleted = (lines: readonly string[]): string[] => lines.map((line, i) => (i === 0 ? `- ${line}` : line));

function testLine(test: CanonicalTest): string {
  const asked = 'query' in test ? `${test.query} by ${test.caller}` : test.egress;
  return `${asked} must be ${test.expect === 'allow' ? 'allowed' : 'denied'}`;
}

const SIGNS =
  '  (in a path, * stands for exactly one part and ** for any rest; before a host, *. stands for exactly one label)';

function sections(policy: CanonicalPolicy): Section[] {
  const { results, changes } = policy;
  const tell = { callers: 'only a proven caller', nobody: 'nobody' }[policy.explain] ?? 'whoever asked';
  return [
    [
      'Code that may touch what this owner entrusts',
      'none',
      Object.entries(policy.functions).flatMap(([name, entry]) => bulleted(functionLines(name, entry))),
    ],
    [
      'Machines that it may be entrusted to',
      'none: nothing of this owner may be loaded anywhere',
      machineLines(policy.machine),
    ],
    [
      'Who is who',
      'nobody is named',
      Object.entries(policy.callers).map(([name, caller]) => `- ${callerLine(name, caller)}`),
    ],
    [
      'What no longer proves anything',
      'nothing is revoked',
      (policy.revoked ?? []).map((revoked) => `- ${revocationLine(revoked)}`),
    ],
    ['Who may ask what', 'nobody may ask anything', policy.queries.map((rule) => `- ${queryLine(rule)}`)],
    ['Where the code may connect', 'nowhere', policy.egress.flatMap((rule) => bulleted(egressLines(rule)))],
    [
      'Data that the code may read',
      'none',
      Object.entries(policy.data).map(([name, { mount, max }]) => `- ${name} at ${mount}, at most ${size(max)}`),
    ],
    ['Secrets that the worker may hold', 'none', policy.secrets.map((name) => `- ${name}`)],
    [
      'What may come back',
      'nothing',
      results === null
        ? []
        : [
            `- at most ${size(results.max)}, ${results.types.length === 0 ? 'of no type' : `as ${joinNames(results.types, 'or')}`}`,
          ],
    ],
    [
      'Who may replace this policy',
      'nobody: it can only end',
      changes === null
        ? []
        : [`- ${changes.needed} of these keys together:`, ...changes.keys.map((key) => `    ${key}`)],
    ],
    ['Who is told why something was refused', 'nobody', [`- ${tell}`]],
    ['What the owner holds this policy to', 'no tests', policy.tests.map((test) => `- ${testLine(test)}`)],
  ];
}

/** Writes the whole policy in plain English, one fact per line. */
export function showPolicy(policy: CanonicalPolicy, digest: string): string {
  const wild = [...policy.queries, ...policy.egress].some(({ to }) => to.includes('*'));
  const head = [
    `Policy of ${policy.owner}, version ${policy.version}`,
    `In force from ${moment(policy.valid.from)} until just before ${moment(policy.valid.until)}.`,
    `Digest: ${digest}`,
    'Nothing is allowed that is not written here.',
    ...(wild ? [SIGNS] : []),
  ];
  const body = sections(policy).flatMap(([title, none, lines]) => [
    '',
    title,
    ...(lines.length === 0 ? [`  ${none}`] : lines.map((line) => `  ${line}`)),
  ]);
  return [...head, ...body, ''].join('\n');
}
