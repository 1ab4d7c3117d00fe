/**
 * Boots a worker: keys in memory, policies, functions, listener, in this order. The security story on one screen: what goes into the
 * claims here is all that a client can demand, and nothing is answered before all of it stands.
 */
import type { LogCheckpoint } from '../attestation/claims.ts';
import type { Lockdown } from '../attestation/lockdown.ts';
import { type DigestText, parseDigest } from '../base/digest.ts';
import { openHttpClient } from '../io/http-client.ts';
import type { Log } from '../io/log.ts';
import { openResolver } from '../io/resolver.ts';
import { openTcpClient } from '../io/tcp-client.ts';
import { openAttester } from './attester.ts';
import { openAuditLog } from './audit.ts';
import { MAX_BUDGETS, openBudget } from './budget.ts';
import { openKeySets } from './callers/key-sets.ts';
import { openReplayCache, REPLAY_CACHE } from './callers/replay-cache.ts';
import type { ReportDevice } from './device/report-device.ts';
import { EGRESS_LIMITS, openEgress } from './egress.ts';
import { CONNECTION_LIMITS, openSocketEgress } from './egress-connections.ts';
import { checkFunctionFiles } from './function-files.ts';
import { limitFunction } from './function-limits.ts';
import { type GatedFunction, openGate } from './gate.ts';
import { type Identity, openIdentity } from './identity.ts';
import { findListed } from './listed-functions.ts';
import { LISTENER_TIMES, openListener } from './listener.ts';
import { lockdownClaims } from './lockdown/claims.ts';
import { type Host, openHost } from './lockdown/host.ts';
import { openPeerAppraiser } from './peer-appraisal.ts';
import { checkPoliciesInForce } from './policies-in-force.ts';
import { RUNTIME } from './runtime.ts';
import { type FunctionLimits, loadFunction } from './sandbox/load.ts';
import type { ResourceGroups } from './sandbox/resource-groups.ts';
import type { WorkerParts } from './worker-parts.ts';

export interface WorkerOptions extends WorkerParts {
  readonly device: ReportDevice;
  /** Where this machine keeps control groups. */
  readonly groups: ResourceGroups;
  /** Made anew when absent; the demo hands one in to play a thief who has it. */
  readonly identity?: Identity;
  /** The machine and process that are measured: these when absent; tests hand in others. */
  readonly host?: Host;
  readonly log: Log;
  readonly now: () => Date;
}

export interface Worker {
  readonly url: string;
  readonly functions: Readonly<Record<string, DigestText>>;
  readonly policies: Readonly<Record<string, DigestText>>;
  readonly lockdown: Lockdown;
  /** Size and root of the audit log. */
  checkpoint(): LogCheckpoint;
  close(): Promise<void>;
}

/** What a worker loads where its configuration names a release of WASI. */
const RELEASES: Readonly<Record<WorkerParts['wasi'], FunctionLimits['wasi']>> = {
  '0.2': ['0.2'],
  '0.3': ['0.2', '0.3'],
};

/** Queries under way at the same time in one worker; each may hold a body. */
const MAX_QUERIES = 256;

/**
 * Boots a worker; when it resolves, its port is open and its first evidence can be asked for.
 * @throws PolicyError, FunctionError, ConfigurationError when any part cannot stand as it must
 */
export async function bootWorker(options: WorkerOptions): Promise<Worker> {
  const { device, groups, policies, egress, log, now } = options;
  await checkPoliciesInForce(policies, device, now());
  const identity = options.identity ?? (await openIdentity(now()));

  if (groups.kind === 'none') log.warn('no caps by control group', { why: groups.why });
  const audit = openAuditLog({ blockHeight: 10, retainedBlocks: 8, sink: 'memory-only' });
  const budget = openBudget(MAX_BUDGETS);
  const client = openHttpClient(egress.roots);
  const appraiser = openPeerAppraiser(now);
  const tcpClient = openTcpClient();
  const resolve = openResolver(5_000);
  const owners = policies.map((policy) => ({ policy, replay: openReplayCache(REPLAY_CACHE) }));

  const functions = new Map<string, GatedFunction>();
  const closeFunctions = async (): Promise<void> => {
    await Promise.all([...functions.values()].map(({ loaded }) => loaded.close()));
  };
  try {
    for (const [name, files] of options.functions) {
      const { digest, terms } = findListed(name, files.bytes, policies);
      const checked = checkFunctionFiles(files, parseDigest(digest) ?? new Uint8Array(), name);
      const { deadlineMs, ...capped } = limitFunction(terms, options.deadlineMs);
      const limits = { ...capped, wasi: RELEASES[options.wasi] };
      const listing = owners.filter(({ policy }) => policy.functions.some((f) => f.name === name));
      const decided = {
        policies: listing.map(({ policy }) => policy),
        functionDigest: digest,
        resolve,
        fixedNames: egress.names,
        audit,
        budget,
        now,
      };
      const wayOut = openEgress({ ...decided, client, appraiser, limits: EGRESS_LIMITS });
      const sockets = openSocketEgress({ ...decided, client: tcpClient, limits: CONNECTION_LIMITS });
      const loaded = await loadFunction({
        ...checked,
        name,
        limits,
        groups,
        env: terms.env,
        onNotice: (notice) => log.warn('function', { name, notice }),
        // What a function writes may hold what it was asked, and the log is the operator's.
        onLog: () => {},
      });
      functions.set(name, { digest, loaded, deadlineMs, egress: wayOut, sockets, owners: listing });
      log.info('function loaded', { name, digest });
    }

    const facts = { fixedNames: egress.names, roots: egress.roots, groups: groups.kind };
    const kept = { counters: 'memory', storage: 'memory', keys: 'none' } as const;
    const lockdown = await lockdownClaims({ ...facts, ...kept }, options.host ?? openHost());
    const attester = openAttester({
      device,
      standing: {
        instance: identity.instance,
        tls: identity.spkiDigest,
        hpke: identity.sealing.keyConfiguration,
        functions: mapDigests([...functions].map(([name, { digest }]) => [name, digest])),
        policies: mapDigests(policies.map((policy) => [policy.owner, policy.digest])),
        lockdown,
        runtime: RUNTIME,
      },
      checkpoint: () => audit.checkpoint(),
      endorsements: options.endorsements,
    });
    const keySets = openKeySets({ client, resolve, fixedNames: egress.names, audit, now });
    const gate = openGate({ functions, audit, budget, keySets, maxQueries: MAX_QUERIES, now });
    const simulated = device.kind === 'simulated';
    const listener = await openListener({
      ...options.listen,
      identity,
      attester,
      gate,
      simulated,
      times: LISTENER_TIMES,
    });
    const host = listener.host.includes(':') ? `[${listener.host}]` : listener.host;
    log.info('listening', { host, port: listener.port, simulated });
    return {
      url: `https://${host}:${listener.port}`,
      functions: Object.fromEntries([...functions].map(([name, { digest }]) => [name, digest])),
      policies: Object.fromEntries(policies.map((policy) => [policy.owner, policy.digest])),
      lockdown,
      checkpoint: () => audit.checkpoint(),
      async close() {
        await listener.close();
        await closeFunctions();
      },
    };
  } catch (error) {
    await closeFunctions();
    throw error;
  }
}

function mapDigests(entries: readonly (readonly [string, DigestText])[]): Readonly<Record<string, Uint8Array>> {
  return Object.fromEntries(entries.map(([name, digest]) => [name, parseDigest(digest) ?? new Uint8Array()]));
}
