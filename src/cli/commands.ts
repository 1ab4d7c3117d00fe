/**
 * The list of commands, in the order of the help page. Each is loaded only when it is called, so that `--help` and a small command
 * do not pay for the worker. A name of two words is a command in a group (`policy check`).
 */
import type { CliCommand } from './command.ts';

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<CliCommand>;
}

/** Makes an entry; the summary stands here too, so that the help page loads no command. */
function entry(name: string, summary: string, load: () => Promise<CliCommand>): CommandEntry {
  return { name, summary, load };
}

export const COMMANDS: readonly CommandEntry[] = [
  entry(
    'dev',
    'run a worker on this machine with a simulated AMD, and write a trust file for it',
    async () => (await import('./dev.ts')).dev,
  ),
  entry('worker', 'run a worker inside a confidential VM', async () => (await import('./worker.ts')).worker),
  entry('call', 'send one attested query and print the answer', async () => (await import('./call.ts')).call),
  entry(
    'verify',
    'appraise a worker, or evidence in a file, and explain each check',
    async () => (await import('./verify.ts')).verify,
  ),
  entry(
    'appraise',
    'appraise conformance cases: one JSON object per line in, one verdict per line out',
    async () => (await import('./appraise.ts')).appraise,
  ),
  entry(
    'run',
    'run a WASI program in the sandbox, with nothing allowed but what is given here',
    async () => (await import('./run.ts')).run,
  ),
  entry(
    'function inspect',
    'say what a function is, what it could touch, and what a policy must grant',
    async () => (await import('./function-inspect.ts')).functionInspect,
  ),
  entry(
    'function pack',
    'write the manifest of a function of several files, and print its digest',
    async () => (await import('./function-pack.ts')).functionPack,
  ),
  entry(
    'measure',
    'compute the launch digest of an image, for each shape of machine that it may run on',
    async () => (await import('./measure.ts')).measure,
  ),
  entry(
    'id-block',
    'sign the launch digest of an image, so that the firmware starts nothing else',
    async () => (await import('./id-block.ts')).idBlock,
  ),
  entry(
    'release sign',
    'write and sign the release of an image, or add a signature to one',
    async () => (await import('./release-sign.ts')).releaseSign,
  ),
  entry(
    'release verify',
    'verify a release file by the keys that must have signed it, and by images that you rebuilt',
    async () => (await import('./release-verify.ts')).releaseVerify,
  ),
  entry(
    'image boot',
    'start a machine with an image under QEMU: as a SEV-SNP guest where this host can, else emulated and SIMULATED',
    async () => (await import('./image-boot.ts')).imageBoot,
  ),
  entry(
    'image config',
    'put a worker configuration and all that it names into one file for a machine of the image',
    async () => (await import('./image-config.ts')).imageConfig,
  ),
  entry(
    'doctor',
    'say what this machine lacks as a host of confidential VMs, or as one of them',
    async () => (await import('./doctor.ts')).doctor,
  ),
  entry(
    'policy check',
    'check an owner policy, and show each problem with its line',
    async () => (await import('./policy-commands.ts')).policyCheckCommand,
  ),
  entry(
    'policy explain',
    'say whether a policy allows a query or a connection, and why',
    async () => (await import('./policy-commands.ts')).policyExplainCommand,
  ),
  entry(
    'policy show',
    'read a policy back in plain English',
    async () => (await import('./policy-commands.ts')).policyShowCommand,
  ),
  entry(
    'policy test',
    'run the tests that stand in a policy',
    async () => (await import('./policy-commands.ts')).policyTestCommand,
  ),
  entry(
    'policy digest',
    'print the digest that trust files and claims name',
    async () => (await import('./policy-commands.ts')).policyDigestCommand,
  ),
  entry(
    'policy diff',
    'say what a new version of a policy opens and what it closes',
    async () => (await import('./policy-commands.ts')).policyDiffCommand,
  ),
  entry(
    'policy sign',
    "sign a policy with an owner's key, in FILE.sig beside it",
    async () => (await import('./policy-sign.ts')).policySignCommand,
  ),
  entry(
    'policy push',
    "give a worker another version of an owner's policy",
    async () => (await import('./policy-push.ts')).policyPushCommand,
  ),
  entry(
    'policy revoke',
    "withdraw an owner's policy from a worker",
    async () => (await import('./policy-revoke.ts')).policyRevokeCommand,
  ),
  entry(
    'policy effective',
    'say what several owners allow together',
    async () => (await import('./policy-effective.ts')).policyEffectiveCommand,
  ),
  entry(
    'owner new',
    'make a key that an owner signs policies with',
    async () => (await import('./owner-new.ts')).ownerNew,
  ),
  entry(
    'caller new',
    'make the certificate or key of a caller, and print its line for the policy',
    async () => (await import('./caller-new.ts')).callerNew,
  ),
  entry(
    'caller list',
    'list the callers in a folder, or those that a policy names',
    async () => (await import('./caller-list.ts')).callerList,
  ),
  entry(
    'caller revoke',
    "take a caller's certificate, key or token back in a policy",
    async () => (await import('./caller-revoke.ts')).callerRevoke,
  ),
  entry(
    'data put',
    'seal a file to an attested worker, for the functions that its owner lists',
    async () => (await import('./vault-commands.ts')).dataPutCommand,
  ),
  entry(
    'data forget',
    'have a worker forget data that was loaded',
    async () => (await import('./vault-commands.ts')).dataForgetCommand,
  ),
  entry(
    'data list',
    'say which data and secrets of the policies in force a worker holds',
    async () => (await import('./vault-commands.ts')).dataListCommand,
  ),
  entry(
    'secret put',
    'seal a secret from stdin or a file to an attested worker, for the gate to put into requests',
    async () => (await import('./vault-commands.ts')).secretPutCommand,
  ),
  entry(
    'secret forget',
    'have a worker forget a secret',
    async () => (await import('./vault-commands.ts')).secretForgetCommand,
  ),
  entry(
    'image build',
    'build the image of the machine out of pinned packages, the same bytes everywhere',
    async () => (await import('./image-build.ts')).imageBuild,
  ),
  entry(
    'image verify',
    'build the image twice, in different folders, time zones and locales, and compare the bits',
    async () => (await import('./image-verify.ts')).imageVerify,
  ),
  entry(
    'image compare',
    'say in words what differs between two images, the likeliest cause first',
    async () => (await import('./image-compare.ts')).imageCompare,
  ),
  entry(
    'image uki',
    'bind a configuration into the boot program and disk of an image, for clouds whose HOST_DATA is not yours',
    async () => (await import('./image-uki.ts')).imageUki,
  ),
  entry(
    'image relock',
    'pin the packages of the image anew, in the newest versions, for a person to review',
    async () => (await import('./image-relock.ts')).imageRelock,
  ),
];
