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
import { CONTENT_PATH, HELD_PATH, OWNER_PATH, POLICIES_PATH } from '../policy/signing/owner-request.ts';
import { openAttester } from './attester.ts';
import { openAuditLog } from './audit.ts';
import { openKeySets } from './callers/key-sets.ts';
import type { ReportDevice } from './device/report-device.ts';
import { EGRESS_LIMITS, openEgress } from './egress.ts';
import { CONNECTION_LIMITS, openSocketEgress } from './egress-connections.ts';
import { checkFunctionFiles } from './function-files.ts';
import { limitFunction } from './function-limits.ts';
import { type HeldFunction, openFunctionTable } from './function-table.ts';
import { openGate } from './gate.ts';
import { type Identity, openIdentity } from './identity.ts';
import { digestFunction, findListed } from './listed-functions.ts';
import { type Door, LISTENER_TIMES, type Listener, openListener } from './listener.ts';
import { lockdownClaims } from './lockdown/claims.ts';
import { type Host, openHost } from './lockdown/host.ts';
import { openOwnerDoor } from './owner/owner-door.ts';
import { answerShownPolicies } from './owner/shown-policies.ts';
import { openNoticeSigner } from './owner/sign-notice.ts';
import { openPeerAppraiser } from './peer-appraisal.ts';
import { checkPoliciesInForce, refuseOlderPolicies } from './policies-in-force.ts';
import { openPolicyChanges } from './policy-change.ts';
import { openPolicyRegister } from './policy-register.ts';
import { RUNTIME } from './runtime.ts';
import { type FunctionLimits, loadFunction } from './sandbox/load.ts';
import type { ResourceGroups } from './sandbox/resource-groups.ts';
import { openWorkerStore, type WorkerStore } from './store/worker-store.ts';
import { openContentDoor } from './vault/content-door.ts';
import { findMissingData, openEntrustedFunction } from './vault/entrusted-function.ts';
import { NO_ITEMS, openItemStore } from './vault/item-store.ts';
import { openVaultHandlers } from './vault/owner-handlers.ts';
import { openPendingUploads } from './vault/pending-uploads.ts';
import { answerShownItems } from './vault/shown-items.ts';
import { openVault } from './vault/vault.ts';
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
  /** Functions that run, and policies in force, as they are now. */
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
  const { device, policies, log, now } = options;
  await checkPoliciesInForce(policies, device, options.store === 'memory' ? 'memory' : 'durable', now());
  const store = await openWorkerStore(options.store, device, () => log.warn('the disk did not take the store'));
  if (options.store !== 'memory') log.warn('SIMULATED storage key', { keys: store.facts.keys });
  try {
    refuseOlderPolicies(policies, store.versions);
    return await bootOn(store, options);
  } catch (error) {
    store.close();
    throw error;
  }
}

/** Boots what stands on a store. */
async function bootOn(store: WorkerStore, options: WorkerOptions): Promise<Worker> {
  const { device, groups, policies, egress, log, now } = options;
  const identity = options.identity ?? (await openIdentity(now()));

  if (groups.kind === 'none') log.warn('no caps by control group', { why: groups.why });
  const audit = openAuditLog({ blockHeight: 10, retainedBlocks: 8, sink: 'memory-only' });
  const client = openHttpClient(egress.roots);
  const appraiser = openPeerAppraiser(now);
  const tcpClient = openTcpClient();
  const resolve = openResolver(5_000);
  const { budget } = store;
  const register = openPolicyRegister(policies, options.owners, store.versions);
  const vault = await openVault({
    key: identity.sealing,
    instance: identity.instance,
    policyOf: (owner) => register.policies().find((policy) => policy.owner === owner) ?? null,
    store: store.sealed === null ? NO_ITEMS : await openItemStore(store.sealed),
    onLost: ({ kind, owner, name }) =>
      log.warn('what an owner loaded is not in the store any more', { kind, owner, name }),
  });
  const isClosed = Object.keys(options.owners).length === 0;
  const held = new Map<string, HeldFunction>();
  for (const [name, files] of options.functions) {
    const digest = digestFunction(files.bytes);
    // Where an owner may still come, a function may wait for the one who lists it.
    if (isClosed || policies.some((policy) => policy.functions.some((f) => f.name === name)))
      findListed(name, digest, policies);
    const decided = {
      policies: () => register.policiesFor(name),
      functionDigest: digest,
      resolve,
      fixedNames: egress.names,
      audit,
      budget,
      now,
    };
    const ways = {
      egress: openEgress({
        ...decided,
        secrets: (owner, secret) => vault.secret(owner, secret),
        client,
        appraiser,
        limits: EGRESS_LIMITS,
      }),
      sockets: openSocketEgress({ ...decided, client: tcpClient, limits: CONNECTION_LIMITS }),
      waitsFor: () => findMissingData(name, register.policiesFor(name), vault),
    };
    const load: HeldFunction['load'] = async (terms) => {
      const checked = checkFunctionFiles(files, parseDigest(digest) ?? new Uint8Array(), name);
      const { deadlineMs, ...capped } = limitFunction(terms, options.deadlineMs);
      const loaded = await openEntrustedFunction({
        name,
        policies: () => register.policiesFor(name),
        vault,
        mounts: checked.mounts,
        load: (mounts) =>
          loadFunction({
            ...checked,
            mounts,
            name,
            limits: { ...capped, wasi: RELEASES[options.wasi] },
            groups,
            env: terms.env,
            onNotice: (notice) => log.warn('function', { name, notice }),
            // What a function writes may hold what it was asked, and the log is the operator's.
            onLog: () => {},
          }),
      });
      log.info('function loaded', { name, digest });
      return { loaded, deadlineMs };
    };
    held.set(name, { digest, ways, load });
  }
  const functions = openFunctionTable(held);
  const closeParts = async (): Promise<void> => {
    await functions.close();
    vault.close();
  };
  try {
    (await functions.prepare(register.standings)).commit();
    const facts = { fixedNames: egress.names, roots: egress.roots, groups: groups.kind, owners: options.owners };
    const lockdown = await lockdownClaims({ ...facts, ...store.facts }, options.host ?? openHost());
    const policyDigests = (): Record<string, DigestText> =>
      Object.fromEntries(register.policies().map((policy) => [policy.owner, policy.digest]));
    const attester = openAttester({
      device,
      standing: () => ({
        instance: identity.instance,
        tls: identity.spkiDigest,
        hpke: identity.sealing.keyConfiguration,
        functions: parseDigests(functions.running()),
        policies: parseDigests(policyDigests()),
        lockdown,
        runtime: RUNTIME,
      }),
      checkpoint: () => audit.checkpoint(),
      endorsements: options.endorsements,
    });
    const keySets = openKeySets({ client, resolve, fixedNames: egress.names, audit, now });
    const gate = openGate({ functions, audit, budget, keySets, maxQueries: MAX_QUERIES, now });
    const onChange = (): void => {
      log.info('policies changed', { epoch: register.epoch, policies: policyDigests() });
      for (const policy of register.policies()) gate.endCallsOf(policy);
      for (const { policy, state } of register.standings)
        void vault
          .follow(policy.owner, state === 'in force' ? policy : null)
          .catch(() => log.warn('the disk did not take the store'));
      listener.dropIdle();
    };
    const signNotice = openNoticeSigner(identity, audit);
    const pending = openPendingUploads();
    const content = openContentDoor({ vault, pending, audit, signNotice, now });
    const owners = openOwnerDoor({
      instance: identity.instance,
      register,
      changes: openPolicyChanges({ register, functions, device, counters: store.facts.counters, now, onChange }),
      handlers: openVaultHandlers(vault, pending, now),
      audit,
      signNotice,
      now,
    });
    const doors = new Map<string, Door>([
      [OWNER_PATH, (request) => owners.answer(request)],
      [CONTENT_PATH, content],
      [HELD_PATH, (request) => answerShownItems(request, vault, { register, keySets, now: now() })],
      [POLICIES_PATH, (request) => answerShownPolicies(request, { register, keySets, now: now() })],
    ]);
    const simulated = device.kind === 'simulated';
    const listener: Listener = await openListener({
      ...options.listen,
      identity,
      attester,
      gate,
      doors,
      epoch: () => register.epoch,
      simulated,
      times: LISTENER_TIMES,
    });
    const host = listener.host.includes(':') ? `[${listener.host}]` : listener.host;
    log.info('listening', { host, port: listener.port, simulated });
    return {
      url: `https://${host}:${listener.port}`,
      get functions() {
        return functions.running();
      },
      get policies() {
        return policyDigests();
      },
      lockdown,
      checkpoint: () => audit.checkpoint(),
      async close() {
        await listener.close();
        await closeParts();
        client.close();
        store.close();
      },
    };
  } catch (error) {
    await closeParts();
    throw error;
  }
}

function parseDigests(digests: Readonly<Record<string, DigestText>>): Readonly<Record<string, Uint8Array>> {
  return Object.fromEntries(
    Object.entries(digests).map(([name, digest]) => [name, parseDigest(digest) ?? new Uint8Array()]),
  );
}
