/**
 * Every cap on bytes, depth and count that applies before trust is established, with the reason for its value.
 * A limit that is not here does not exist; docs/protocol.md lists them.
 */
export const LIMITS: Readonly<Record<LimitName, number>> = {
  /** Evidence on the wire: a report, at most eight certificates, a CRL, claims and a path; real ones are under 16 KiB. */
  evidenceBytes: 128 * 1024,
  /** Claims: a few hundred functions and policies at about 100 bytes each. */
  claimsBytes: 64 * 1024,
  /** Nesting of CBOR and JSON before trust: our own formats need five. */
  nesting: 16,
  /** One certificate: AMD's are under 2 KiB. */
  certificateBytes: 8 * 1024,
  /** Certificates in one bundle: ARK, ASK or ASVK and VEK, and room for a second path. */
  certificates: 8,
  /** One CRL: AMD's are under 1 KiB; serials are 32 bytes at most. */
  crlBytes: 64 * 1024,
  /** Inclusion path: a tree of 2^20 nonces under one report. */
  inclusionPath: 20,
  /** Blob of Azure's virtual TPM: its index holds 2600 bytes. */
  hclBytes: 8 * 1024,
  /** Nonces under one report of a worker, and so those that may wait for its next one; more are told to come back. */
  treeNonces: 2048,
  /** Nonces that a worker has not answered yet, all together: with more, some connections are left to say so on. */
  unansweredNonces: 3072,
  /** HTTP response head before trust. */
  responseHeadBytes: 16 * 1024,
  /** Trust file and worker configuration. */
  configurationBytes: 1024 * 1024,
  /** One case of the conformance contract: evidence in base64, and the demands. */
  caseBytes: 1024 * 1024,
  /** A release file: some kilobytes for each version of the image, and its signatures. */
  releaseBytes: 1024 * 1024,
  /** Versions in one release, and shapes of machines in each: seven vCPU counts with four CPU types are 28. */
  releaseVersions: 32,
  releaseMeasurements: 1024,
  /** The manifest of an image, which names each of its files. */
  imageManifestBytes: 4 * 1024 * 1024,
  /** Owner policy file: bytes, nesting, nodes, one scalar. */
  policyBytes: 256 * 1024,
  policyDepth: 12,
  policyNodes: 16 * 1024,
  policyScalarBytes: 4 * 1024,
  /** Signatures of one statement of an owner; each is tried with each key that may sign. */
  statementSignatures: 16,
  /** A file of such signatures: the statement, and at most that many at some 170 bytes. */
  signatureFileBytes: 8 * 1024,
  /** What an owner sends to a worker: a policy with what it refers to, or content in base64. */
  ownerRequestBytes: 16 * 1024 * 1024,
  /** The worker's signed answer to it. */
  noticeBytes: 8 * 1024,
  /** The policies in force as a worker shows them, canonical forms of all owners together. */
  shownPoliciesBytes: 4 * 1024 * 1024,
  /** Files that a policy refers to (a CA, a key set), each. */
  referenceBytes: 1024 * 1024,
  /** A key set that an issuer of tokens publishes: real ones have a few keys of under 2 KiB. */
  keySetBytes: 64 * 1024,
  /** A body that has to be held whole: one that is signed, a command's input and output, what is written before its head is. */
  bodyBytes: 16 * 1024 * 1024,
  /** A body that is passed on as it comes, in each direction of a query or an outgoing request. */
  streamBytes: 4 * 1024 * 1024 * 1024,
  /** One piece of such a body, and all of its pieces that are under way between two processes; smaller bodies go whole. */
  pieceBytes: 64 * 1024,
  windowBytes: 256 * 1024,
  /** Request line and headers of a query. */
  requestHeadBytes: 16 * 1024,
  /** A function's file: 64 MiB holds any JS-engine component four times over. */
  functionBytes: 64 * 1024 * 1024,
  /** The manifest of a function of several files, how many they are, and the path of one. Together they weigh no more than one file may. */
  manifestBytes: 64 * 1024,
  bundleFiles: 256,
  bundleNameBytes: 128,
  /** Entries that all tables of one instance may have together, at 8 bytes and more each; a JavaScript engine has 20,000. */
  guestTableEntries: 1_000_000,
  /** Ends of streams and futures that one instance of a WASI 0.3 function has: each may hold a window of bytes in the host. */
  guestStreamEnds: 4096,
  /** Calls of the host that one instance has under way. */
  guestSubtasks: 1024,
  /** Bytes of one stream that the host holds for a WASI 0.3 function. */
  guestStreamBytes: 64 * 1024,
  /** Fields that follow one body, and all of them together. */
  trailerFields: 64,
  trailerBytes: 16 * 1024,
  /** One frame between gate and function process: a body and its head. */
  frameBytes: 17 * 1024 * 1024,
  /** Head of one such frame: the headers of a query or an answer. */
  frameHeadBytes: 64 * 1024,
  /** What configures a machine of the image: the one file, the files in it, and the name of one. It is held in memory, some times over. */
  configBundleBytes: 128 * 1024 * 1024,
  configFiles: 1024,
  configNameBytes: 240,
  /** Path of a file inside a sandbox, one name in it, and symbolic links that one path may lead over: as Linux has them. */
  filePathBytes: 4096,
  fileNameBytes: 255,
  fileLinks: 40,
  /** A tree of files that a program is given, all together: contents with names, and names in it; what a guest may make of it has the same caps. */
  treeBytes: 64 * 1024 * 1024,
  treeEntries: 16 * 1024,
  /** What a query may keep in `/tmp` of its function while it lasts. */
  scratchBytes: 64 * 1024 * 1024,
  /** One piece of data that an owner loads into a worker: a function is given no larger tree. And all that a worker holds for owners, in memory. */
  uploadBytes: 64 * 1024 * 1024,
  vaultBytes: 256 * 1024 * 1024,
  vaultItems: 256,
  /** Variables in the environment of a function, and the characters of all their names and values. */
  functionVariables: 64,
  functionVariablesBytes: 16 * 1024,
  /** List of the names of such a tree, on its way to the program's process and back. */
  treeListBytes: 4 * 1024 * 1024,
  /** What such a process says at its end: two outputs, and what changed in its trees. */
  exitFrameBytes: 128 * 1024 * 1024,
  /** Files and directories that one preview1 guest may have open: as Linux lets a process have. */
  descriptors: 1024,
  /** Sockets of one call at the same time, and as many directions of connections between them. */
  callSockets: 256,
  /** What one direction of a connection, or one UDP socket, keeps of what was sent and not yet read; it holds any datagram. */
  socketWindowBytes: 64 * 1024,
  /** Datagrams that one UDP socket keeps; the next ones are lost. */
  socketDatagrams: 64,
  /** Connections that wait to be accepted by one socket. */
  socketBacklog: 128,
  /** What a core module says of an outgoing request: options with a text body, header fields, and answers that it has not closed. */
  guestOptionsBytes: 1024 * 1024,
  guestHeaders: 64,
  guestSessions: 16,
  /** A firmware file to measure: it has to fit below 4 GiB, and real ones have 4 MiB at most. */
  firmwareBytes: 16 * 1024 * 1024,
  /** Sections of its SEV metadata, and 4 KiB pages in them all together: real ones have eight sections and some hundred pages. */
  firmwareSections: 64,
  firmwarePages: 16 * 1024,
  /** Kernel or initrd to measure; it is hashed in pieces and never held whole. */
  bootFileBytes: 2 * 1024 * 1024 * 1024,
  /** vCPUs of a machine to measure: KVM starts no more. */
  vcpus: 4096,
  /** The command line of a machine's kernel: Linux reads no more on x86. */
  commandLineBytes: 2048,
  /** One line on the serial console of a machine: the kernel's own are at most this long. */
  consoleLineCharacters: 1024,
  /** A package that an image is built of, as it is fetched, and unpacked: the kernel's weighs 34 MB, Node's unpacks to 150 MB. Entries in it. */
  packageBytes: 128 * 1024 * 1024,
  unpackedBytes: 512 * 1024 * 1024,
  unpackedEntries: 64 * 1024,
  /** Files of an image, all together, how many entries it has, and the path of one: a tar archive has room for little more. */
  imageBytes: 512 * 1024 * 1024,
  imageEntries: 16 * 1024,
  imagePathBytes: 240,
};

export type LimitName =
  | 'evidenceBytes'
  | 'claimsBytes'
  | 'nesting'
  | 'certificateBytes'
  | 'certificates'
  | 'crlBytes'
  | 'inclusionPath'
  | 'hclBytes'
  | 'treeNonces'
  | 'unansweredNonces'
  | 'responseHeadBytes'
  | 'configurationBytes'
  | 'caseBytes'
  | 'releaseBytes'
  | 'releaseVersions'
  | 'releaseMeasurements'
  | 'imageManifestBytes'
  | 'policyBytes'
  | 'policyDepth'
  | 'policyNodes'
  | 'policyScalarBytes'
  | 'statementSignatures'
  | 'signatureFileBytes'
  | 'ownerRequestBytes'
  | 'noticeBytes'
  | 'shownPoliciesBytes'
  | 'referenceBytes'
  | 'keySetBytes'
  | 'bodyBytes'
  | 'streamBytes'
  | 'pieceBytes'
  | 'windowBytes'
  | 'requestHeadBytes'
  | 'functionBytes'
  | 'manifestBytes'
  | 'bundleFiles'
  | 'bundleNameBytes'
  | 'guestTableEntries'
  | 'guestStreamEnds'
  | 'guestSubtasks'
  | 'guestStreamBytes'
  | 'trailerFields'
  | 'trailerBytes'
  | 'frameBytes'
  | 'frameHeadBytes'
  | 'configBundleBytes'
  | 'configFiles'
  | 'configNameBytes'
  | 'filePathBytes'
  | 'fileNameBytes'
  | 'fileLinks'
  | 'treeBytes'
  | 'treeEntries'
  | 'scratchBytes'
  | 'uploadBytes'
  | 'vaultBytes'
  | 'vaultItems'
  | 'functionVariables'
  | 'functionVariablesBytes'
  | 'treeListBytes'
  | 'exitFrameBytes'
  | 'descriptors'
  | 'callSockets'
  | 'socketWindowBytes'
  | 'socketDatagrams'
  | 'socketBacklog'
  | 'guestOptionsBytes'
  | 'guestHeaders'
  | 'guestSessions'
  | 'firmwareBytes'
  | 'firmwareSections'
  | 'firmwarePages'
  | 'bootFileBytes'
  | 'vcpus'
  | 'commandLineBytes'
  | 'consoleLineCharacters'
  | 'packageBytes'
  | 'unpackedBytes'
  | 'unpackedEntries'
  | 'imageBytes'
  | 'imageEntries'
  | 'imagePathBytes';
