/**
 * The table of checks: for each id its stage, the error code when it fails, what it demands and where that is written.
 * docs/trust.md lists every row, and a test compares both ways. How checks are made is in checks.ts.
 */
import type { Stage } from '../appraisal.ts';
import { deepFreeze } from '../base/freeze.ts';
import type { ErrorCode } from '../error-table.ts';
import type { LockdownCheck } from './lockdown.ts';
import type { ReportRule } from './snp/report.ts';

/** What one check is about. */
export interface CheckEntry {
  readonly stage: Stage;
  readonly code: ErrorCode;
  readonly meaning: string;
  readonly citation: string;
}

/** Names a check; ids are stable. */
export type CheckId =
  | 'evidence-present'
  | 'evidence-form'
  | 'file-form'
  | ReportRule
  | 'certificates-form'
  | 'crl-form'
  | 'claims-form'
  | 'chain-path'
  | 'chain-root'
  | 'chain-names'
  | 'chain-algorithms'
  | 'chain-keys'
  | 'chain-ark-signature'
  | 'chain-ask-signature'
  | 'chain-vek-signature'
  | 'chain-dates'
  | 'chain-authority'
  | 'chain-extensions'
  | 'chain-vek-extensions'
  | 'chain-vek-kind'
  | 'chain-product-name'
  | 'chain-accepted-product'
  | 'chain-accepted-signer'
  | 'crl-present'
  | 'crl-issuer'
  | 'crl-signature'
  | 'crl-dates'
  | 'crl-extensions'
  | 'crl-revoked'
  | 'crl-number'
  | 'binding-signer'
  | 'binding-mask'
  | 'binding-product'
  | 'binding-tcb'
  | 'binding-chip'
  | 'signature-range'
  | 'signature-report'
  | 'channel-report-data'
  | 'hcl-runtime-data'
  | 'channel-freshness'
  | 'channel-tls-key'
  | 'code-measurement'
  | 'code-release'
  | 'code-functions'
  | 'vmpl'
  | 'guest-policy-abi'
  | 'guest-policy-debug'
  | 'guest-policy-migration-agent'
  | 'guest-policy-smt'
  | 'guest-policy-single-socket'
  | 'guest-policy-cxl'
  | 'guest-policy-mem-aes-256-xts'
  | 'guest-policy-rapl-disabled'
  | 'guest-policy-ciphertext-hiding'
  | 'guest-policy-page-swap-disabled'
  | 'migration-agent'
  | 'platform-smt'
  | 'platform-tsme'
  | 'platform-ecc'
  | 'platform-rapl-disabled'
  | 'platform-ciphertext-hiding'
  | 'platform-alias-check-complete'
  | 'platform-iommu-write-safe'
  | 'platform-tio'
  | 'platform-unknown-bits'
  | 'tcb-order'
  | 'tcb-committed-equals-current'
  | 'tcb-reported'
  | 'tcb-committed'
  | 'tcb-launch'
  | 'tcb-current'
  | 'firmware'
  | 'mitigations-launch'
  | 'mitigations-current'
  | 'chip'
  | 'id-key'
  | 'author-key'
  | 'host-data'
  | 'family-id'
  | 'image-id'
  | 'guest-svn'
  | 'owner-policies'
  | 'lockdown'
  | LockdownCheck;

const REPORT = 'SNP-ABI 1.58 ATTESTATION_REPORT';
const POLICY = 'SNP-ABI 1.58 GUEST_POLICY';
const PLATFORM = 'SNP-ABI 1.58 PLATFORM_INFO';
const VEK = 'AMD 57230';
const PROTOCOL = 'docs/protocol.md';

const entry = (stage: Stage, code: ErrorCode, meaning: string, citation: string): CheckEntry => ({
  stage,
  code,
  meaning,
  citation,
});
const parse = (meaning: string, citation: string): CheckEntry =>
  entry('parse', 'ERR_NOT_AN_ENCLAVE_PARSE', meaning, citation);
const chain = (meaning: string, citation: string): CheckEntry =>
  entry('chain', 'ERR_NOT_AN_ENCLAVE_CHAIN', meaning, citation);
const binding = (meaning: string, citation: string): CheckEntry =>
  entry('binding', 'ERR_NOT_AN_ENCLAVE_BINDING', meaning, citation);
const signature = (meaning: string, citation: string): CheckEntry =>
  entry('signature', 'ERR_NOT_AN_ENCLAVE_SIGNATURE', meaning, citation);
const channel = (meaning: string, citation: string): CheckEntry =>
  entry('channel', 'ERR_NOT_AN_ENCLAVE_CHANNEL', meaning, citation);
const isolation = (code: ErrorCode, meaning: string, citation: string): CheckEntry =>
  entry('isolation', code, meaning, citation);
const guestPolicy = (meaning: string): CheckEntry => isolation('ERR_NOT_ISOLATED_GUEST_POLICY', meaning, POLICY);
const platform = (meaning: string): CheckEntry => isolation('ERR_NOT_ISOLATED_PLATFORM', meaning, PLATFORM);
const tcb = (meaning: string): CheckEntry => isolation('ERR_NOT_ISOLATED_TCB', meaning, REPORT);
const lockdown = (meaning: string): CheckEntry => isolation('ERR_NOT_ISOLATED_LOCKDOWN', meaning, PROTOCOL);
const identity = (meaning: string): CheckEntry => isolation('ERR_NOT_ISOLATED_IDENTITY', meaning, REPORT);

/** Every check that an appraisal can hold, in the order in which they are made. */
export const CHECKS: Readonly<Record<CheckId, CheckEntry>> = deepFreeze({
  'evidence-present': entry(
    'parse',
    'ERR_NOT_AN_ENCLAVE_NO_EVIDENCE',
    'The server answered with an evidence bundle at all.',
    PROTOCOL,
  ),
  'evidence-form': parse('The evidence bundle is decoded exactly.', PROTOCOL),
  'file-form': parse('The file has one of the forms that are read, and is decoded exactly.', 'docs/trust.md'),
  'report-length': parse('The report is exactly 1184 bytes.', REPORT),
  'report-version': parse('The report has a version that is known: 2, 3, 4 or 5.', REPORT),
  'report-reserved': parse('All bytes and bits that the version reserves are zero.', REPORT),
  'report-guest-policy': parse('Guest policy: bit 17 is one, bits 63 to 26 are zero.', POLICY),
  'report-vmpl': parse('The report was asked for by a guest (level 0 to 3), not by the host.', REPORT),
  'report-signature-algorithm': parse('The signature algorithm is 1, ECDSA P-384 with SHA-384.', REPORT),
  'report-signing-key': parse('The signing key is a VCEK or a VLEK.', REPORT),
  'report-cpuid': parse('The CPU family is one whose TCB layout is known.', REPORT),
  'report-tcb': parse('The reserved bytes of all four TCB versions are zero.', 'SNP-ABI 1.58 TCB_VERSION'),
  'certificates-form': parse(
    'Each certificate is exactly one in DER; there are at most eight.',
    'RFC 5280 4.1, X.690 10',
  ),
  'crl-form': parse('The revocation list, when there is one, is exactly one in DER.', 'RFC 5280 5.1, X.690 10'),
  'claims-form': parse('The claims are decoded exactly.', PROTOCOL),
  'chain-path': chain(
    'The certificates hold one VEK, the certificate of its issuer, and the root above that.',
    'RFC 5280 6.1',
  ),
  'chain-root': chain('The root has a fingerprint that the trust file accepts for its product line.', 'docs/trust.md'),
  'chain-names': chain("Subjects are AMD's for the product line, and each issuer is the subject above.", VEK),
  'chain-algorithms': chain(
    'Every AMD signature is RSASSA-PSS with SHA-384, MGF1-SHA-384, salt 48 and trailer 1, named alike inside and outside.',
    `${VEK}, RFC 4055 3.1`,
  ),
  'chain-keys': chain('Root and intermediate have RSA keys of 4096 bits, the VEK has a P-384 key.', VEK),
  'chain-ark-signature': chain('The root is signed by itself.', 'RFC 8017 8.1'),
  'chain-ask-signature': chain('The intermediate is signed by the root.', 'RFC 8017 8.1'),
  'chain-vek-signature': chain('The VEK is signed by the intermediate.', 'RFC 8017 8.1'),
  'chain-dates': chain('All three certificates are valid at the time of the appraisal.', 'RFC 5280 4.1.2.5'),
  'chain-authority': chain(
    'Root and intermediate are certificate authorities that may sign certificates, the intermediate with path length 0; the VEK is none.',
    'RFC 5280 4.2.1.3, 4.2.1.9',
  ),
  'chain-extensions': chain(
    'All three certificates are X.509 v3, with no extension twice and no unknown critical one.',
    'RFC 5280 4.2',
  ),
  'chain-vek-extensions': chain("AMD's extensions of the VEK are there once each, of the right type and size.", VEK),
  'chain-vek-kind': chain(
    'A VCEK has a hardware ID and is issued by the ASK, a VLEK has a provider and is issued by the ASVK.',
    VEK,
  ),
  'chain-product-name': chain('The product name in the VEK belongs to the product line of its chain.', VEK),
  'chain-accepted-product': chain('`machine.products` lists the product line.', 'docs/trust.md'),
  'chain-accepted-signer': chain('`machine.signer` lists the kind of VEK.', 'docs/trust.md'),
  'crl-present': chain('`machine.revocation`: a revocation list is there when it is required.', 'RFC 5280 5'),
  'crl-issuer': chain('The revocation list is issued by the root, which may sign revocation lists.', 'RFC 5280 6.3.3'),
  'crl-signature': chain(
    'The revocation list is signed by the root, with the same algorithm as certificates.',
    'RFC 5280 6.3.3',
  ),
  'crl-dates': chain('The time of the appraisal is between thisUpdate and nextUpdate.', 'RFC 5280 5.1.2.4'),
  'crl-extensions': chain(
    'The revocation list is v2 and complete: no delta, no unknown critical extension of it or of an entry.',
    'RFC 5280 5.2',
  ),
  'crl-revoked': chain('The revocation list does not name the intermediate.', 'RFC 5280 6.3.3'),
  'crl-number': chain(
    'The revocation list has a number, and it is not below the highest one seen of this root and kind of VEK.',
    'RFC 5280 5.2.3',
  ),
  'binding-signer': binding('The report names the kind of key that the certificate is for.', REPORT),
  'binding-mask': binding('The chip key was not masked: a masked key signs nothing.', REPORT),
  'binding-product': binding('The CPU in the report belongs to the product line of the chain.', REPORT),
  'binding-tcb': binding('The reported TCB equals that of the VEK, component by component.', VEK),
  'binding-chip': binding(
    'The chip ID equals the hardware ID of the VCEK, or is masked (all zero); under a VLEK it is zero.',
    VEK,
  ),
  'signature-range': signature(
    'Both numbers of the signature are in 1 to n-1, over all 72 bytes of each.',
    'FIPS 186-5 6.4.2',
  ),
  'signature-report': signature(
    'The VEK signed bytes 0 to 0x29F of the report as received.',
    `${REPORT}, FIPS 186-5 6.4.2`,
  ),
  'channel-report-data': channel('All 64 bytes of REPORT_DATA are the expected ones.', PROTOCOL),
  'hcl-runtime-data': channel(
    'REPORT_DATA is the SHA-256 of the runtime data in the HCL blob, and 32 zero bytes.',
    'Azure guest attestation',
  ),
  'channel-freshness': channel("The claims' freshness root holds this client's nonce on this connection.", PROTOCOL),
  'channel-tls-key': channel('The key of this TLS connection is the one in the claims.', PROTOCOL),
  'code-measurement': entry(
    'code',
    'ERR_INVALID_ENCLAVE_CODE_MEASUREMENT',
    '`code.measurements` lists the launch measurement, or a release that has it.',
    REPORT,
  ),
  'code-release': entry(
    'code',
    'ERR_INVALID_ENCLAVE_CODE_RELEASE',
    '`code.measurements`: the version of the release has not expired.',
    'docs/trust.md',
  ),
  'code-functions': entry(
    'code',
    'ERR_INVALID_ENCLAVE_CODE_FUNCTION',
    '`code.functions`: each function that is listed is loaded with this digest.',
    'docs/trust.md',
  ),
  vmpl: isolation('ERR_NOT_ISOLATED_VMPL', '`machine.vmpl` lists the privilege level.', REPORT),
  'guest-policy-abi': guestPolicy(
    'Always, bits 15 to 0: the ABI version that the guest asks for at least is not above that of the current firmware.',
  ),
  'guest-policy-debug': guestPolicy(
    '`machine.guestPolicy.debug`, bit 19: whether the host may read the guest through debug commands.',
  ),
  'guest-policy-migration-agent': guestPolicy(
    '`machine.guestPolicy.migrationAgent`, bit 18: whether another guest may move this one.',
  ),
  'guest-policy-smt': guestPolicy(
    '`machine.guestPolicy.smt`, bit 16: whether the guest may run with simultaneous multi-threading.',
  ),
  'guest-policy-single-socket': guestPolicy(
    '`machine.guestPolicy.singleSocket`, bit 20: whether the guest runs on one socket only.',
  ),
  'guest-policy-cxl': guestPolicy(
    '`machine.guestPolicy.cxl`, bit 21: whether the guest may use CXL memory and devices.',
  ),
  'guest-policy-mem-aes-256-xts': guestPolicy(
    '`machine.guestPolicy.memAes256Xts`, bit 22: whether memory must use AES-256-XTS.',
  ),
  'guest-policy-rapl-disabled': guestPolicy(
    '`machine.guestPolicy.raplDisabled`, bit 23: whether power readings must be off.',
  ),
  'guest-policy-ciphertext-hiding': guestPolicy(
    '`machine.guestPolicy.ciphertextHiding`, bit 24: whether ciphertext must be hidden from the host.',
  ),
  'guest-policy-page-swap-disabled': guestPolicy(
    '`machine.guestPolicy.pageSwapDisabled`, bit 25: whether the host is kept from moving pages.',
  ),
  'migration-agent': isolation(
    'ERR_NOT_ISOLATED_GUEST_POLICY',
    'Always: a guest whose policy allows no migration agent has none, which REPORT_ID_MA says with all ones.',
    REPORT,
  ),
  'platform-smt': platform('`machine.platform.smt`, bit 0: whether simultaneous multi-threading is on.'),
  'platform-tsme': platform('`machine.platform.tsme`, bit 1: whether all memory is encrypted.'),
  'platform-ecc': platform('`machine.platform.ecc`, bit 2: whether memory has error correction.'),
  'platform-rapl-disabled': platform('`machine.platform.raplDisabled`, bit 3: whether power readings are off.'),
  'platform-ciphertext-hiding': platform(
    '`machine.platform.ciphertextHiding`, bit 4: whether ciphertext is hidden from the host.',
  ),
  'platform-alias-check-complete': platform(
    '`machine.platform.aliasCheckComplete`, bit 5: whether it was checked since the last reset that no memory address stands for another (BadRAM, AMD-SB-3015).',
  ),
  'platform-iommu-write-safe': platform(
    '`machine.platform.iommuWriteSafe`, bit 6: whether devices are kept from writing to guest memory (AMD-SB-3016).',
  ),
  'platform-tio': platform('`machine.platform.tio`, bit 7: whether trusted I/O is on.'),
  'platform-unknown-bits': platform('`machine.platform.unknownBits`, bits 63 to 8: nobody knows yet what they mean.'),
  'tcb-order': tcb('Always: reported is not above committed, committed not above current, launch not above current.'),
  'tcb-committed-equals-current': tcb('`machine.committedEqualsCurrent`: no provisional firmware is running.'),
  'tcb-reported': tcb('`machine.tcb`: no component of the reported TCB is below its floor.'),
  'tcb-committed': tcb('`machine.tcb`: no component of the committed TCB is below its floor.'),
  'tcb-launch': tcb('`machine.tcb`: no component of the TCB at launch is below its floor.'),
  'tcb-current': tcb('`machine.tcb`: no component of the current TCB is below its floor.'),
  firmware: isolation(
    'ERR_NOT_ISOLATED_FIRMWARE',
    '`machine.firmware`: neither the current nor the committed firmware is older.',
    REPORT,
  ),
  'mitigations-launch': isolation(
    'ERR_NOT_ISOLATED_MITIGATIONS',
    '`machine.mitigations.launch`: all bits of the mask were set at launch.',
    REPORT,
  ),
  'mitigations-current': isolation(
    'ERR_NOT_ISOLATED_MITIGATIONS',
    '`machine.mitigations.current`: all bits of the mask are set now.',
    REPORT,
  ),
  chip: isolation('ERR_NOT_ISOLATED_CHIP', '`machine.chips` lists the chip; a masked chip matches only "any".', REPORT),
  'id-key': identity('`machine.idKey`: the key that signed the ID block.'),
  'author-key': identity('`machine.authorKey`: the key that signed the ID key.'),
  'host-data': identity('`machine.hostData`: what the host gave at launch.'),
  'family-id': identity('`machine.familyId`: from the ID block.'),
  'image-id': identity('`machine.imageId`: from the ID block.'),
  'guest-svn': identity('`machine.guestSvn`: from the ID block.'),
  'owner-policies': isolation(
    'ERR_NOT_ISOLATED_POLICY',
    '`isolation.policies`: the owner policies in force are the listed ones.',
    'docs/trust.md',
  ),
  lockdown: lockdown('`isolation.lockdown`: every claim that is known here is made, and no other.'),
  'lockdown-egress': lockdown(
    "`isolation.lockdown.egress`: whether functions connect only where an owner's policy says.",
  ),
  'lockdown-sandbox': lockdown('`isolation.lockdown.sandbox`: what holds the process of a function.'),
  'lockdown-memory': lockdown("`isolation.lockdown.memory`: what caps the memory of a function's processes."),
  'lockdown-processor': lockdown('`isolation.lockdown.processor`: what caps the processor time of a function.'),
  'lockdown-counters': lockdown('`isolation.lockdown.counters`: whether limits survive a restart.'),
  'lockdown-storage': lockdown(
    "`isolation.lockdown.storage`: whether owners' data and secrets are kept beyond the worker's memory.",
  ),
  'lockdown-keys': lockdown('`isolation.lockdown.keys`: where the key comes from that seals what is kept.'),
  'lockdown-owners': lockdown('`isolation.lockdown.owners`: who may bring a first policy while the worker runs.'),
  'lockdown-names': lockdown('`isolation.lockdown.names`: whether egress hosts have fixed addresses.'),
  'lockdown-roots': lockdown('`isolation.lockdown.roots`: who vouches for egress servers.'),
  'lockdown-firewall': lockdown('`isolation.lockdown.firewall`: which rules of the kernel stand behind the broker.'),
  'lockdown-console': lockdown(
    '`isolation.lockdown.console`: whether a console shows what the kernel says, or takes commands.',
  ),
  'lockdown-debugger': lockdown('`isolation.lockdown.debugger`: whether a debugger can be attached to the worker.'),
  'lockdown-environment': lockdown(
    '`isolation.lockdown.environment`: whether there are variables that could steer the worker.',
  ),
  'lockdown-privileges': lockdown('`isolation.lockdown.privileges`: what the worker may do beyond its user.'),
  'lockdown-seccomp': lockdown("`isolation.lockdown.seccomp`: whether the kernel filters the worker's system calls."),
  'lockdown-core': lockdown("`isolation.lockdown.core`: whether the worker's memory can be written to a core file."),
  'lockdown-swap': lockdown('`isolation.lockdown.swap`: whether memory can be written to a disk.'),
  'lockdown-kernel': lockdown('`isolation.lockdown.kernel`: whether root can change the running kernel.'),
});
