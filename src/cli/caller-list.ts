/** `anchorhold caller list`: what is in a folder of callers, or whom a policy names, and whose proof it has taken back. Says it, and judges nothing. */
import { readdirSync, statSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { readTextFile } from '../io/files.ts';
import type { CanonicalCaller } from '../policy/canonical.ts';
import type { OwnerPolicy } from '../policy/policy.ts';
import { findRevokedCaller } from '../policy/revoked.ts';
import { readFileProof } from './caller-proofs.ts';
import { type CliCommand, type CliIo, JSON_SWITCH } from './command.ts';
import { printable, writeJson, writeLine } from './output.ts';
import { loadPolicy } from './policy.ts';

/** One caller as it is listed; what does not apply is null. */
interface Listed {
  readonly name: string;
  readonly kind: 'authority' | 'certificate' | 'key' | 'token';
  /** As `revoked` names it. */
  readonly proof: string;
  readonly until: string | null;
  /** Line of the policy that took it back. */
  readonly revokedAt: number | null;
}

async function listFolder(folder: string): Promise<readonly Listed[]> {
  const listed: Listed[] = [];
  for (const file of readdirSync(folder).toSorted()) {
    const ending = extname(file);
    if (ending !== '.pem' && ending !== '.pub') continue;
    const proof = readFileProof(await readTextFile(join(folder, file), LIMITS.referenceBytes));
    if (proof === null) continue;
    const name = basename(file, ending);
    if (proof.kind === 'key') listed.push({ name, kind: 'key', proof: proof.key, until: null, revokedAt: null });
    else {
      const kind = proof.certificate.ca ? 'authority' : 'certificate';
      listed.push({
        name,
        kind,
        proof: proof.pin,
        until: proof.certificate.validToDate.toISOString().slice(0, 10),
        revokedAt: null,
      });
    }
  }
  return listed;
}

function describe(caller: CanonicalCaller): Pick<Listed, 'kind' | 'proof'> {
  if ('key' in caller) return { kind: 'key', proof: caller.key };
  if ('token' in caller) return { kind: 'token', proof: `${caller.token.issuer} for ${caller.token.audience}` };
  const { ca, organization, san, pin } = caller.certificate;
  const parts = [
    pin,
    organization === null ? null : `organization "${organization}"`,
    san === null ? null : `alternative name "${san}"`,
  ].filter((part) => part !== null);
  return { kind: 'certificate', proof: [...parts, `by the authority ${ca}`].join(', ') };
}

function listPolicy(policy: OwnerPolicy): readonly Listed[] {
  return policy.callers.flatMap((rule) => {
    const caller = policy.canonical.callers[rule.name];
    if (caller === undefined) return [];
    const revokedAt = findRevokedCaller(policy, rule)?.at.line ?? null;
    return [{ name: rule.name, ...describe(caller), until: null, revokedAt }];
  });
}

async function listAny(where: string, io: CliIo): Promise<readonly Listed[]> {
  const path = resolve(io.cwd, where);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return await listFolder(path);
  return listPolicy(await loadPolicy(where, io));
}

export const callerList: CliCommand = {
  summary: 'list the callers in a folder, or those that a policy names',
  example: 'anchorhold caller list callers',
  arguments: [
    {
      name: 'where',
      summary: 'a folder that `caller new` wrote to, or a policy file',
      required: true,
      repeatable: false,
    },
  ],
  options: [JSON_SWITCH],
  passThrough: false,
  async run(input, io) {
    const listed = await listAny(input.positionals[0] ?? '', io);
    if (input.switches.has('json')) writeJson(io, { callers: listed });
    else if (listed.length === 0) writeLine(io, 'nobody');
    else {
      for (const { name, kind, proof, until, revokedAt } of listed) {
        const marks = [
          until === null ? '' : `, until ${until}`,
          revokedAt === null ? '' : `, REVOKED (line ${revokedAt})`,
        ];
        writeLine(io, printable(`${name}  ${kind}  ${proof}${marks.join('')}`));
      }
    }
    return 0;
  },
};
