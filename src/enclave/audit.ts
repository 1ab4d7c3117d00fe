/**
 * The worker's log of decisions: an append-only Merkle tree whose checkpoint goes into the claims. Holds who asked what of whom and how
 * many bytes went by; never bodies, headers or query strings. Leaves of old blocks are dropped from memory, their roots are kept, so
 * the tree stays whole while proofs exist only for recent records. [RFC 9162 2.1]
 */
import { encodeUtf8 } from '../base/bytes.ts';
import { type CborMap, encodeCbor, parseCbor } from '../base/cbor.ts';
import { hashLeaf, hashNode, inclusionPath, merkleRoot } from '../base/merkle.ts';
import type { ErrorCode } from '../errors.ts';
import { nativeSha256 } from '../io/native-digest.ts';
import { AuditBlock } from './audit-block.ts';
import type { ProvenCaller } from './callers/caller.ts';

/** One decision. Text longer than 512 bytes is cut, so that a caller cannot grow the log by long names. */
export interface AuditRecord {
  readonly time: Date;
  /** `change` is what an owner asked of the worker. */
  readonly kind: 'query' | 'egress' | 'change';
  readonly outcome: 'allow' | 'deny';
  readonly owner: string;
  /** `file:line` of the rule that allowed, or of the section that did not. */
  readonly rule: string;
  readonly caller: Pick<ProvenCaller, 'name' | 'id'> | null;
  /** Digest of the function, or its name while no digest is known. */
  readonly function: string;
  /** `METHOD` and where to, without path and query string: these may hold what nobody should write down. */
  readonly target: string;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** `ok`, a failure as wasi:http names it, or a code of the error table (with a colon and words where the code alone says too little). */
  readonly reason: 'ok' | ErrorCode | (string & {});
}

/** Size and root of the log at one moment. */
export interface Checkpoint {
  readonly size: number;
  /** 32 bytes. */
  readonly root: Uint8Array;
}

/** What shows that a record is in the log; verified with `isIncluded(hashLeaf(leaf), index, size, path, root)`. */
export interface AuditProof extends Checkpoint {
  readonly index: number;
  /** Deterministic CBOR of the record. */
  readonly leaf: Uint8Array;
  readonly path: readonly Uint8Array[];
}

export interface AuditLog {
  /** Adds a record and gives its index; when the sink fails nothing is added, and its error goes on to whoever decided. */
  append(record: AuditRecord): number;
  /** Tells size and root; costs a few hashes however long the log is. */
  checkpoint(): Checkpoint;
  /** Proves one record, or gives null when the log does not hold its leaf any more (or not yet). */
  prove(index: number): AuditProof | null;
  /** Gives the records still in memory, oldest first. */
  recent(): readonly AuditRecord[];
}

/** Keeps leaves somewhere durable; throws an EnclaveError when it cannot. */
export type AuditSink = (leaf: Uint8Array) => void;

export interface AuditOptions {
  /** A block has 2^blockHeight leaves: only then is it a subtree. */
  readonly blockHeight: number;
  /** Full blocks whose leaves stay in memory, beside the one being filled. */
  readonly retainedBlocks: number;
  readonly sink: AuditSink | 'memory-only';
}

const MAX_TEXT_BYTES = 512;

function cut(text: string): string {
  // A character takes at most three bytes.
  if (text.length * 3 <= MAX_TEXT_BYTES || encodeUtf8(text).length <= MAX_TEXT_BYTES) return text.toWellFormed();
  return `${text.slice(0, MAX_TEXT_BYTES / 4)}...`.toWellFormed();
}

/** Encodes a record as its leaf: deterministic CBOR, time in milliseconds since 1970. */
export function encodeAuditRecord(record: AuditRecord): Uint8Array<ArrayBuffer> {
  const { caller } = record;
  // In the order in which they are encoded, so that nothing has to be sorted.
  const map: CborMap = {
    in: record.bytesIn,
    out: record.bytesOut,
    kind: record.kind,
    rule: cut(record.rule),
    time: record.time.getTime(),
    owner: cut(record.owner),
    caller: caller === null ? null : { id: cut(caller.id), name: cut(caller.name) },
    reason: cut(record.reason),
    target: cut(record.target),
    outcome: record.outcome,
    function: cut(record.function),
  };
  return encodeCbor(map);
}

/** Reads a leaf that this log has written; its texts are as they were cut. */
function decodeAuditRecord(leaf: Uint8Array): AuditRecord {
  const map = parseCbor(leaf, leaf.length)?.value as Omit<AuditRecord, 'time' | 'bytesIn' | 'bytesOut'> & {
    readonly time: number;
    readonly in: number;
    readonly out: number;
  };
  const { time, in: bytesIn, out: bytesOut, ...rest } = map;
  return { ...rest, time: new Date(time), bytesIn, bytesOut };
}

/** Opens an empty log. */
export function openAuditLog(options: AuditOptions): AuditLog {
  const { retainedBlocks, sink } = options;
  const blockSize = 2 ** options.blockHeight;
  const blockRoots: Uint8Array[] = [];
  const blocks: AuditBlock[] = [];
  let open = new AuditBlock(blockSize);
  /** Roots of the complete subtrees that make up the tree, largest first: the right edge; that of a block is kept as well. */
  const edge: { readonly root: Uint8Array; readonly size: number }[] = [];
  let size = 0;

  function grow(leafHash: Uint8Array): void {
    let node = { root: leafHash, size: 1 };
    for (;;) {
      if (node.size === blockSize) blockRoots.push(node.root);
      const last = edge.at(-1);
      if (last?.size !== node.size) break;
      edge.pop();
      node = { root: hashNode(last.root, node.root, nativeSha256), size: node.size * 2 };
    }
    edge.push(node);
    size += 1;
  }

  function root(): Uint8Array {
    const last = edge.at(-1);
    if (last === undefined) return merkleRoot([]);
    return edge.slice(0, -1).reduceRight((right, left) => merkleRoot([left.root, right]), last.root);
  }

  return {
    append(record) {
      const leaf = encodeAuditRecord(record);
      if (sink !== 'memory-only') sink(leaf);
      const hash = hashLeaf(leaf, nativeSha256);
      grow(hash);
      open.add(leaf, hash);
      if (open.size === blockSize) {
        blocks.push(open);
        if (blocks.length > retainedBlocks) blocks.shift();
        open = new AuditBlock(blockSize);
      }
      return size - 1;
    },
    checkpoint: () => ({ size, root: root() }),
    prove(index) {
      if (!Number.isSafeInteger(index) || index < 0 || index >= size) return null;
      const number = Math.floor(index / blockSize);
      const block = number === blockRoots.length ? open : blocks[blocks.length - (blockRoots.length - number)];
      const leaf = block?.leaf(index % blockSize) ?? null;
      if (block === undefined || leaf === null) return null;
      const roots = open.size === 0 ? blockRoots : [...blockRoots, merkleRoot(open.hashes())];
      const path = [...inclusionPath(block.hashes(), index % blockSize), ...inclusionPath(roots, number)];
      return { index, size, root: root(), leaf, path };
    },
    recent: () => [...blocks, open].flatMap((block) => block.leaves().map(decodeAuditRecord)),
  };
}
