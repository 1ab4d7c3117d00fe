/** What a function imports, in plain words: each interface belongs to a group, and each group says what a function can touch by it. */

export interface ImportGroup {
  readonly name: string;
  /** What a function can touch by these imports. */
  readonly touches: string;
  /** Which rules of a policy they need to reach anything outside; null where none do. */
  readonly egress: 'https' | 'tcp' | null;
}

/** Each group with the imports that belong to it: interfaces of components, or module and name of a core module's import. */
const GROUPS: readonly (ImportGroup & { readonly imports: RegExp })[] = [
  {
    name: 'outgoing requests',
    imports: /^wasi:http\/(outgoing-handler|client)@|^blockless_http /,
    touches: 'asks servers, but only those that a policy lists under `egress`',
    egress: 'https',
  },
  {
    name: 'sockets',
    imports: /^wasi:sockets\/|^wasi_snapshot_preview1 sock_/,
    touches: 'connects to itself, and to what a policy lists as `tcp://`; looks up only names that are listed',
    egress: 'tcp',
  },
  {
    name: 'files',
    imports:
      /^wasi:filesystem\/|^wasi_snapshot_preview1 (path_|fd_(prestat|readdir|pread|pwrite|allocate|filestat|sync|datasync|advise|renumber))/,
    touches: 'reads and writes files, but only what is mounted for it; a worker mounts nothing',
    egress: null,
  },
  {
    name: 'time',
    imports: /^wasi:clocks\/|^wasi_snapshot_preview1 (clock_|poll_oneoff)/,
    touches: 'reads the clock, and waits',
    egress: null,
  },
  {
    name: 'randomness',
    imports: /^wasi:random\/|^wasi_snapshot_preview1 random_/,
    touches: 'draws random numbers',
    egress: null,
  },
  {
    name: 'environment',
    imports: /^wasi:cli\/environment@|^wasi_snapshot_preview1 (environ|args)_/,
    touches: 'reads its arguments, and the variables that a policy gives it',
    egress: null,
  },
  {
    name: 'standard streams',
    imports: /^wasi:cli\/(stdin|stdout|stderr|terminal-|types)|^wasi_snapshot_preview1 fd_|^blockless_memory /,
    touches: 'reads its input, and writes its output and its log',
    egress: null,
  },
  {
    name: 'messages',
    imports: /^wasi:http\/types@/,
    touches: 'reads the query that it is asked, and writes the answer',
    egress: null,
  },
  {
    name: 'bytes and waiting',
    imports: /^wasi:io\//,
    touches: 'moves bytes between what it was given by other imports; reaches nothing by itself',
    egress: null,
  },
  {
    name: 'its own end',
    imports: /^wasi:cli\/exit@|^wasi_snapshot_preview1 (proc_|sched_)/,
    touches: 'ends itself',
    egress: null,
  },
];

/** What is in no group. */
const OTHER: ImportGroup = { name: 'anything else', touches: 'is not known here', egress: null };

/** Sorts imports into groups, those that reach furthest first. */
export function groupImports(
  imports: readonly string[],
): readonly { readonly group: ImportGroup; readonly imports: readonly string[] }[] {
  const left = new Set(imports);
  const taken = GROUPS.map(({ imports: pattern, ...group }) => {
    const own = [...left].filter((name) => pattern.test(name));
    for (const name of own) left.delete(name);
    return { group, imports: own };
  });
  return [...taken, { group: OTHER, imports: [...left] }].filter((each) => each.imports.length > 0);
}
