/**
 * The error table: for each code its family, meaning, what to do, CLI exit code and HTTP status.
 * docs/errors.md is generated from it, and a test compares both ways. The classes are in errors.ts.
 */

/** What one code means; `exit` is the CLI's exit code, `status` the HTTP status a worker answers with. */
export interface ErrorEntry {
  readonly family: ErrorFamily;
  readonly exit: number;
  readonly status: number;
  readonly meaning: string;
  readonly action: string;
}

export type ErrorFamily =
  | 'NotAnEnclaveError'
  | 'InvalidEnclaveCodeError'
  | 'NotIsolatedEnclaveError'
  | 'PolicyError'
  | 'FunctionError'
  | 'SecretError'
  | 'TransportError'
  | 'ConfigurationError';

const entry = (family: ErrorFamily, exit: number, status: number, meaning: string, action: string): ErrorEntry => ({
  family,
  exit,
  status,
  meaning,
  action,
});

const STOP = 'Stop: send nothing. Look at the failed checks of the appraisal and tell the operator.';

export type NotAnEnclaveCode =
  | 'ERR_NOT_AN_ENCLAVE_NO_EVIDENCE'
  | 'ERR_NOT_AN_ENCLAVE_PARSE'
  | 'ERR_NOT_AN_ENCLAVE_CHAIN'
  | 'ERR_NOT_AN_ENCLAVE_BINDING'
  | 'ERR_NOT_AN_ENCLAVE_SIGNATURE'
  | 'ERR_NOT_AN_ENCLAVE_CHANNEL'
  | 'ERR_NOT_AN_ENCLAVE_REDIRECT';

export type InvalidEnclaveCodeCode =
  | 'ERR_INVALID_ENCLAVE_CODE_MEASUREMENT'
  | 'ERR_INVALID_ENCLAVE_CODE_RELEASE'
  | 'ERR_INVALID_ENCLAVE_CODE_FUNCTION';

export type NotIsolatedEnclaveCode =
  | 'ERR_NOT_ISOLATED_GUEST_POLICY'
  | 'ERR_NOT_ISOLATED_VMPL'
  | 'ERR_NOT_ISOLATED_PLATFORM'
  | 'ERR_NOT_ISOLATED_TCB'
  | 'ERR_NOT_ISOLATED_FIRMWARE'
  | 'ERR_NOT_ISOLATED_MITIGATIONS'
  | 'ERR_NOT_ISOLATED_CHIP'
  | 'ERR_NOT_ISOLATED_IDENTITY'
  | 'ERR_NOT_ISOLATED_POLICY'
  | 'ERR_NOT_ISOLATED_LOCKDOWN';

export type PolicyCode =
  | 'ERR_POLICY_SYNTAX'
  | 'ERR_POLICY_UNKNOWN_KEY'
  | 'ERR_POLICY_VALUE'
  | 'ERR_POLICY_LIMIT'
  | 'ERR_POLICY_REFERENCE'
  | 'ERR_POLICY_NOT_IN_FORCE'
  | 'ERR_POLICY_TEST_FAILED'
  | 'ERR_POLICY_STATEMENT'
  | 'ERR_POLICY_SIGNATURE'
  | 'ERR_POLICY_DENIED_QUERY'
  | 'ERR_POLICY_DENIED_EGRESS'
  | 'ERR_POLICY_DENIED_RESULT'
  | 'ERR_POLICY_DENIED_LIMIT'
  | 'ERR_POLICY_CALLER'
  | 'ERR_POLICY_CALLER_REVOKED'
  | 'ERR_POLICY_REQUEST'
  | 'ERR_POLICY_UPGRADE'
  | 'ERR_POLICY_DENIED_UPLOAD'
  | 'ERR_POLICY_WIDER';

export type FunctionCode =
  | 'ERR_FUNCTION_UNKNOWN'
  | 'ERR_FUNCTION_DIGEST'
  | 'ERR_FUNCTION_INVALID'
  | 'ERR_FUNCTION_METHOD'
  | 'ERR_FUNCTION_TRAP'
  | 'ERR_FUNCTION_EXIT'
  | 'ERR_FUNCTION_DEADLINE'
  | 'ERR_FUNCTION_UNAVAILABLE'
  | 'ERR_FUNCTION_CIRCUIT'
  | 'ERR_FUNCTION_PROTOCOL'
  | 'ERR_FUNCTION_DATA';

export type SecretCode = 'ERR_SECRET_UNREADABLE' | 'ERR_SECRET_STORE' | 'ERR_SECRET_SEAL';

export type TransportCode =
  | 'ERR_TRANSPORT_UNREACHABLE'
  | 'ERR_TRANSPORT_CLOSED'
  | 'ERR_TRANSPORT_TIMEOUT'
  | 'ERR_TRANSPORT_OVERLOADED'
  | 'ERR_TRANSPORT_OUTDATED';

export type ConfigurationCode =
  | 'ERR_CONFIGURATION_USAGE'
  | 'ERR_CONFIGURATION_FILE'
  | 'ERR_CONFIGURATION_TRUST'
  | 'ERR_CONFIGURATION_RELEASE'
  | 'ERR_CONFIGURATION_RELEASE_OLD'
  | 'ERR_CONFIGURATION_ORIGIN'
  | 'ERR_CONFIGURATION_DEVICE'
  | 'ERR_CONFIGURATION_PLATFORM'
  | 'ERR_CONFIGURATION_MACHINE'
  | 'ERR_CONFIGURATION_IMAGE'
  | 'ERR_CONFIGURATION_PACKAGE_GONE';

export type ErrorCode =
  | NotAnEnclaveCode
  | InvalidEnclaveCodeCode
  | NotIsolatedEnclaveCode
  | PolicyCode
  | FunctionCode
  | SecretCode
  | TransportCode
  | ConfigurationCode;

export const ERRORS: Readonly<Record<ErrorCode, ErrorEntry>> = {
  ERR_NOT_AN_ENCLAVE_NO_EVIDENCE: entry(
    'NotAnEnclaveError',
    10,
    502,
    'The server answered, but not with attestation evidence.',
    'Check the URL. If it is right, this is not an Anchorhold worker: send nothing.',
  ),
  ERR_NOT_AN_ENCLAVE_PARSE: entry(
    'NotAnEnclaveError',
    10,
    502,
    'The evidence, the report, a certificate or the claims cannot be decoded exactly.',
    STOP,
  ),
  ERR_NOT_AN_ENCLAVE_CHAIN: entry(
    'NotAnEnclaveError',
    10,
    502,
    'The certificates do not lead to a root that the trust file accepts, or one of them breaks a rule.',
    STOP,
  ),
  ERR_NOT_AN_ENCLAVE_BINDING: entry(
    'NotAnEnclaveError',
    10,
    502,
    'The report and the certificate are not about the same chip, signer kind or firmware level.',
    STOP,
  ),
  ERR_NOT_AN_ENCLAVE_SIGNATURE: entry(
    'NotAnEnclaveError',
    10,
    502,
    'The report was not signed by the key of the certificate, or was changed afterwards.',
    STOP,
  ),
  ERR_NOT_AN_ENCLAVE_CHANNEL: entry(
    'NotAnEnclaveError',
    10,
    502,
    'The report is not fresh or not bound to this connection: someone may be relaying it.',
    STOP,
  ),
  ERR_NOT_AN_ENCLAVE_REDIRECT: entry(
    'NotAnEnclaveError',
    10,
    502,
    'The worker redirected the call to another origin, which this session has not appraised.',
    'Open a session with a trust file for the other origin if you mean to talk to it.',
  ),
  ERR_INVALID_ENCLAVE_CODE_MEASUREMENT: entry(
    'InvalidEnclaveCodeError',
    11,
    502,
    'It is a genuine enclave, but it runs an image whose launch measurement the trust file does not list.',
    'If the operator announced a new release, get its measurement from the publisher and review the trust file; otherwise stop.',
  ),
  ERR_INVALID_ENCLAVE_CODE_RELEASE: entry(
    'InvalidEnclaveCodeError',
    11,
    502,
    'It is a genuine enclave, but it runs a version of the image that its publisher no longer accepts.',
    'Tell the operator to start a newer version. If there is none, ask the publisher; the clock of this machine may also be wrong.',
  ),
  ERR_INVALID_ENCLAVE_CODE_FUNCTION: entry(
    'InvalidEnclaveCodeError',
    11,
    502,
    'It is a genuine enclave with the right image, but a function is missing, has another digest or is not listed.',
    'Compare the digest with the one its author published; change the trust file only after that.',
  ),
  ERR_NOT_ISOLATED_GUEST_POLICY: entry(
    'NotIsolatedEnclaveError',
    12,
    502,
    'A bit of the guest policy (debug, migration, ...) is not as the trust file demands.',
    STOP,
  ),
  ERR_NOT_ISOLATED_VMPL: entry(
    'NotIsolatedEnclaveError',
    12,
    502,
    'The report was requested from a privilege level that the trust file does not list.',
    STOP,
  ),
  ERR_NOT_ISOLATED_PLATFORM: entry(
    'NotIsolatedEnclaveError',
    12,
    502,
    'A property of the platform (SMT, alias check, ...) is not as the trust file demands.',
    STOP,
  ),
  ERR_NOT_ISOLATED_TCB: entry(
    'NotIsolatedEnclaveError',
    12,
    502,
    'A firmware component is older than the floor that the trust file demands, or firmware is provisional.',
    'Ask the operator to update the firmware; lower the floor only after reading the bulletins behind it.',
  ),
  ERR_NOT_ISOLATED_FIRMWARE: entry(
    'NotIsolatedEnclaveError',
    12,
    502,
    'The SEV firmware is older than the trust file demands.',
    'Ask the operator to update the firmware.',
  ),
  ERR_NOT_ISOLATED_MITIGATIONS: entry(
    'NotIsolatedEnclaveError',
    12,
    502,
    'A mitigation that the trust file demands is not reported as active.',
    'Ask the operator to update the firmware.',
  ),
  ERR_NOT_ISOLATED_CHIP: entry(
    'NotIsolatedEnclaveError',
    12,
    502,
    'The chip is not one that the trust file lists.',
    STOP,
  ),
  ERR_NOT_ISOLATED_IDENTITY: entry(
    'NotIsolatedEnclaveError',
    12,
    502,
    'The ID key, author key, family, image, guest SVN or host data is not what the trust file demands.',
    STOP,
  ),
  ERR_NOT_ISOLATED_POLICY: entry(
    'NotIsolatedEnclaveError',
    12,
    502,
    'The owner policies in force are not the ones that the trust file lists.',
    'Read the new policy with `anchorhold policy show`, and change the trust file only if you accept it.',
  ),
  ERR_NOT_ISOLATED_LOCKDOWN: entry(
    'NotIsolatedEnclaveError',
    12,
    502,
    'A lockdown claim of the worker (egress, console, ...) is not as the trust file demands.',
    STOP,
  ),
  ERR_POLICY_SYNTAX: entry(
    'PolicyError',
    20,
    400,
    'The owner policy is not well-formed YAML of the allowed kind.',
    'Mend the file at the line and column named.',
  ),
  ERR_POLICY_UNKNOWN_KEY: entry(
    'PolicyError',
    20,
    400,
    'The owner policy has a key that the format does not know.',
    'Mend the key; the message names the nearest known one.',
  ),
  ERR_POLICY_VALUE: entry(
    'PolicyError',
    20,
    400,
    'A value in the owner policy is missing, of the wrong kind or out of range.',
    'Mend the value at the line and column named.',
  ),
  ERR_POLICY_LIMIT: entry(
    'PolicyError',
    20,
    413,
    'The owner policy is larger or deeper than the format allows.',
    'Split or shorten the file; docs/policy.md lists the caps.',
  ),
  ERR_POLICY_REFERENCE: entry(
    'PolicyError',
    20,
    400,
    'A file that the owner policy refers to is missing, unreadable or not of the right kind.',
    'Put the file beside the policy, or mend the reference.',
  ),
  ERR_POLICY_NOT_IN_FORCE: entry(
    'PolicyError',
    21,
    403,
    'The owner policy is not valid at this time, or older than the one in force.',
    'Ask the owner for the current version.',
  ),
  ERR_POLICY_TEST_FAILED: entry(
    'PolicyError',
    22,
    400,
    'A test inside the owner policy did not give the outcome it expects.',
    'Mend the rule or the test; the message shows both.',
  ),
  ERR_POLICY_STATEMENT: entry(
    'PolicyError',
    21,
    400,
    "An owner's signed statement is not well-formed, of another time, or for another worker, run or policy.",
    'Sign it anew for this worker, with a clock that is right.',
  ),
  ERR_POLICY_SIGNATURE: entry(
    'PolicyError',
    21,
    403,
    'A change lacks the signatures that the policy in force demands of its owner.',
    'Have as many of the keys in its section changes sign as needed says.',
  ),
  ERR_POLICY_DENIED_QUERY: entry(
    'PolicyError',
    21,
    403,
    'No rule of the owner allows this caller to ask this.',
    'Ask the named owner to add a rule, or call as someone who is listed.',
  ),
  ERR_POLICY_DENIED_EGRESS: entry(
    'PolicyError',
    21,
    403,
    'No rule of the owner allows the function to connect there.',
    'Ask the named owner to add an egress rule.',
  ),
  ERR_POLICY_DENIED_RESULT: entry(
    'PolicyError',
    21,
    502,
    'The answer is larger than the owner allows, or of a type that is not listed.',
    'Ask for less, or ask the named owner to change the results section.',
  ),
  ERR_POLICY_DENIED_LIMIT: entry(
    'PolicyError',
    21,
    429,
    'The caller has used up what the owner allows for now.',
    'Wait as long as Retry-After says.',
  ),
  ERR_POLICY_CALLER: entry(
    'PolicyError',
    21,
    401,
    'The caller did not prove who they are, or the proof is not valid.',
    'Send the certificate, signature or token that the owner gave you, and check the clock.',
  ),
  ERR_POLICY_CALLER_REVOKED: entry(
    'PolicyError',
    21,
    403,
    'The proof of who is asking was taken back by the owner.',
    'Ask the owner for a new certificate, key or token.',
  ),
  ERR_POLICY_REQUEST: entry(
    'PolicyError',
    21,
    400,
    'The request cannot be judged: its method, path, host or headers are not in normal form, or it is over a size cap.',
    'Send the request in normal form: no dot segments, no empty segments, no encoded letters.',
  ),
  ERR_POLICY_DENIED_UPLOAD: entry(
    'PolicyError',
    21,
    403,
    'The policy in force does not name this data or secret, or does not let it be so large, or be on this machine.',
    'Look at the sections data, secrets and machine of the policy; a new version may name it.',
  ),
  ERR_POLICY_UPGRADE: entry(
    'PolicyError',
    21,
    501,
    'The request asks for another protocol on its connection, such as a WebSocket, which this worker does not speak.',
    'Ask without Upgrade; bodies of any length stream both ways in one request and its answer.',
  ),
  ERR_POLICY_WIDER: entry(
    'PolicyError',
    23,
    409,
    'A policy allows something that the one before it refused, or it is not certain that it does not.',
    'Read what was opened; keep the old policy unless every line of it is meant.',
  ),
  ERR_FUNCTION_UNKNOWN: entry(
    'FunctionError',
    30,
    404,
    'No function of that name is loaded.',
    'Look at the first path segment: it names the function.',
  ),
  ERR_FUNCTION_DIGEST: entry(
    'FunctionError',
    30,
    500,
    'The bytes of a function do not have the digest that was named for it.',
    'Load the function whose digest the owners list; nothing of these bytes was run.',
  ),
  ERR_FUNCTION_INVALID: entry(
    'FunctionError',
    30,
    500,
    'The file is not a WASM component or module of a kind that the sandbox runs.',
    'Build it in one of the shapes of docs/functions.md.',
  ),
  ERR_FUNCTION_METHOD: entry(
    'FunctionError',
    31,
    405,
    'The function is not asked with this method.',
    'Ask it with POST.',
  ),
  ERR_FUNCTION_TRAP: entry(
    'FunctionError',
    31,
    502,
    'The function trapped or answered nothing.',
    "The function's author has to look at it; the worker goes on.",
  ),
  ERR_FUNCTION_EXIT: entry(
    'FunctionError',
    31,
    500,
    'The function is a program, and it ended with another code than 0: it has not answered.',
    "Look at what was asked. If it is right, the function's author has to look at it.",
  ),
  ERR_FUNCTION_DEADLINE: entry(
    'FunctionError',
    31,
    504,
    'The function did not answer in time, or used more processor time than it may, and was ended.',
    'Ask for less, or have the function mended; the worker goes on.',
  ),
  ERR_FUNCTION_UNAVAILABLE: entry(
    'FunctionError',
    31,
    503,
    "The function's process is not running or has too much to do.",
    'Try again after a moment.',
  ),
  ERR_FUNCTION_CIRCUIT: entry(
    'FunctionError',
    31,
    503,
    "The function keeps ending its process, so its calls, or only this caller's, are held back for a while.",
    "Wait as long as Retry-After says; if it stays, the function's author has to look at it.",
  ),
  ERR_FUNCTION_PROTOCOL: entry(
    'FunctionError',
    31,
    502,
    "The function's process sent something that is not a frame of the protocol, and was killed.",
    'Try again; if it stays, the function or its runtime is hostile.',
  ),
  ERR_FUNCTION_DATA: entry(
    'FunctionError',
    31,
    503,
    'The function reads data that its owners have not loaded into this worker, or that do not fit beside each other.',
    'Ask the owner that the message names to load it: `anchorhold data put`.',
  ),
  ERR_SECRET_UNREADABLE: entry(
    'SecretError',
    40,
    500,
    'A key or secret file is missing, unreadable or open to other users.',
    'Mend the file or its mode (0600).',
  ),
  ERR_SECRET_SEAL: entry(
    'SecretError',
    40,
    400,
    'What came was not sealed for this run of this worker, this owner and name, and the policy in force; or it is not what was signed.',
    'Seal it anew: the worker may have started again, or have another policy by now.',
  ),
  ERR_SECRET_STORE: entry(
    'SecretError',
    40,
    500,
    'The sealed store of a worker does not open: its key is another one, or its files were changed, cut or mixed.',
    'Put the files back as they were, or begin with an empty folder: limits then start anew, and owners load their data again.',
  ),
  ERR_TRANSPORT_UNREACHABLE: entry(
    'TransportError',
    50,
    502,
    'The server could not be reached.',
    'Check the address and try again.',
  ),
  ERR_TRANSPORT_CLOSED: entry(
    'TransportError',
    50,
    502,
    'The connection ended before the answer was complete.',
    'Try again; a call that changes something may have been carried out.',
  ),
  ERR_TRANSPORT_TIMEOUT: entry('TransportError', 50, 504, 'The server did not answer in time.', 'Try again later.'),
  ERR_TRANSPORT_OVERLOADED: entry(
    'TransportError',
    50,
    503,
    "The worker, or AMD's key service, has too much to do right now.",
    'Wait as long as Retry-After says, and try again.',
  ),
  ERR_TRANSPORT_OUTDATED: entry(
    'TransportError',
    50,
    409,
    'The policies in force changed after this connection was appraised; nothing of the request was carried out.',
    'Connect anew and appraise again; SecureSession does so by itself.',
  ),
  ERR_CONFIGURATION_USAGE: entry(
    'ConfigurationError',
    2,
    400,
    'The command or the call was given something it does not take.',
    'Read the message; --help shows an example.',
  ),
  ERR_CONFIGURATION_FILE: entry(
    'ConfigurationError',
    2,
    400,
    'A file is missing, unreadable, too large or not of the right form.',
    'Mend the file that the message names.',
  ),
  ERR_CONFIGURATION_TRUST: entry(
    'ConfigurationError',
    2,
    400,
    'The trust file is incomplete or has a value that it may not have.',
    'Mend the field that the message names; what is not to be checked must say "any".',
  ),
  ERR_CONFIGURATION_RELEASE: entry(
    'ConfigurationError',
    2,
    400,
    'A release file is not of the right form, or not signed by the keys that must have signed it.',
    'Get the release file from its publisher again; take other keys only from someone you trust.',
  ),
  ERR_CONFIGURATION_RELEASE_OLD: entry(
    'ConfigurationError',
    2,
    400,
    'A release file is older than one of the same publisher that was seen before.',
    'Get the newest release file from its publisher: someone may hold back what was taken out of it.',
  ),
  ERR_CONFIGURATION_ORIGIN: entry(
    'ConfigurationError',
    2,
    400,
    'The session was asked to call another origin than the one it appraises.',
    'Use a path, or open a session for the other origin.',
  ),
  ERR_CONFIGURATION_DEVICE: entry(
    'ConfigurationError',
    2,
    500,
    'The attestation device is missing or did not give a report.',
    'Check that the machine is an SEV-SNP guest with configfs mounted (Linux 6.7 or later).',
  ),
  ERR_CONFIGURATION_PLATFORM: entry(
    'ConfigurationError',
    2,
    501,
    'What was asked for does not exist on this platform.',
    'Do it in Node; docs/browser.md says what works in a browser.',
  ),
  ERR_CONFIGURATION_MACHINE: entry(
    'ConfigurationError',
    2,
    500,
    'The virtual machine of an image could not be started, or ended by itself.',
    'Read what QEMU and the machine wrote before it. A machine powers off when its configuration is not the one that it was measured with, or when its packet rules do not load.',
  ),
  ERR_CONFIGURATION_IMAGE: entry(
    'ConfigurationError',
    2,
    500,
    'An input of the image is not what its lock says, or holds something that cannot be in an image.',
    'Nothing was built. Look at the input that is named: fetch it again from another mirror, or relock and review what changes.',
  ),
  ERR_CONFIGURATION_PACKAGE_GONE: entry(
    'ConfigurationError',
    2,
    502,
    'The mirror no longer has a package that the lock of the image names.',
    'Build with --snapshot, which asks the dated archive of Debian, or with a --mirror that has it; or run `anchorhold image relock` and review what changes.',
  ),
};
