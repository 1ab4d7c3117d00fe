import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { parseBase64 } from '../../src/base/bytes.ts';
import { parseCbor } from '../../src/base/cbor.ts';
import { hashLeaf, isIncluded, merkleRoot } from '../../src/base/merkle.ts';
import { type AuditRecord, encodeAuditRecord, openAuditLog } from '../../src/enclave/audit.ts';
import { ConfigurationError } from '../../src/errors.ts';
import { openAppendFile } from '../../src/io/append-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'anchorhold-audit-'));
afterAll(() => rmSync(folder, { recursive: true }));

function record(n: number, overrides: Partial<AuditRecord> = {}): AuditRecord {
  return {
    time: new Date(1_700_000_000_000 + n),
    kind: 'query',
    outcome: 'allow',
    owner: 'hospital-a',
    rule: 'policy.yaml:12',
    caller: { name: 'analysts', id: 'sha256:ab' },
    function: 'sha256:cd',
    target: 'POST risk-score',
    bytesIn: n,
    bytesOut: 2,
    reason: 'ok',
    ...overrides,
  };
}

describe('the audit log', () => {
  it('has after every record the root of the Merkle tree over all of them', () => {
    const log = openAuditLog({ blockHeight: 3, retainedBlocks: 2, sink: 'memory-only' });
    const hashes: Uint8Array[] = [];
    expect(log.checkpoint()).toEqual({ size: 0, root: merkleRoot([]) });
    for (let n = 0; n < 200; n++) {
      expect(log.append(record(n))).toBe(n);
      hashes.push(hashLeaf(encodeAuditRecord(record(n))));
      expect(log.checkpoint()).toEqual({ size: n + 1, root: merkleRoot(hashes) });
    }
  });

  it('proves exactly the records that are still in memory, whatever the size of its blocks', () => {
    fc.assert(
      fc.property(fc.nat(5), fc.nat(3), fc.nat(150), (blockHeight, retainedBlocks, count) => {
        const log = openAuditLog({ blockHeight, retainedBlocks, sink: 'memory-only' });
        for (let n = 0; n < count; n++) log.append(record(n));
        const blockSize = 2 ** blockHeight;
        const kept = (count % blockSize) + Math.min(retainedBlocks, Math.floor(count / blockSize)) * blockSize;
        expect(log.recent().map(({ bytesIn }) => bytesIn)).toEqual(
          Array.from({ length: kept }, (_, i) => count - kept + i),
        );
        const { root } = log.checkpoint();
        for (let n = -1; n <= count; n++) {
          const proof = log.prove(n);
          expect(proof !== null, `${n} of ${count}`).toBe(n >= count - kept && n < count && n >= 0);
          if (proof === null) continue;
          expect(proof.leaf).toEqual(encodeAuditRecord(record(n)));
          expect(proof.root).toEqual(root);
          expect(isIncluded(hashLeaf(proof.leaf), n, count, proof.path, root)).toBe(true);
          expect(isIncluded(hashLeaf(proof.leaf), n, count + 1, proof.path, merkleRoot([root, root]))).toBe(false);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('writes a record as deterministic CBOR with these fields and no others', () => {
    const leaf = parseCbor(encodeAuditRecord(record(5)), 4096);
    expect(leaf?.value).toEqual({
      time: 1_700_000_000_005,
      kind: 'query',
      outcome: 'allow',
      owner: 'hospital-a',
      rule: 'policy.yaml:12',
      caller: { name: 'analysts', id: 'sha256:ab' },
      function: 'sha256:cd',
      target: 'POST risk-score',
      in: 5,
      out: 2,
      reason: 'ok',
    });
  });

  it('has another leaf when any field differs', () => {
    const changes: Partial<AuditRecord>[] = [
      { time: new Date(1) },
      { kind: 'egress' },
      { outcome: 'deny' },
      { owner: 'b' },
      { rule: 'policy.yaml:13' },
      { caller: null },
      { caller: { name: 'analysts', id: 'other' } },
      { caller: { name: 'other', id: 'sha256:ab' } },
      { function: 'x' },
      { target: 'x' },
      { bytesIn: 6 },
      { bytesOut: 3 },
      { reason: 'x' },
    ];
    const leaves = new Set(
      [{}, ...changes].map((change) => Buffer.from(encodeAuditRecord(record(5, change))).toString('hex')),
    );
    expect(leaves.size).toBe(changes.length + 1);
  });

  it('cuts long text, and takes any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(2000), (text, times) => {
        const leaf = encodeAuditRecord(
          record(0, { target: text.repeat(times), caller: { name: 'a', id: `${text}\ud800` } }),
        );
        expect(leaf.length).toBeLessThan(2048);
        expect(parseCbor(leaf, 2048)).not.toBeNull();
      }),
    );
  });
});

describe('the file behind the audit log', () => {
  it('gets every leaf as a line, and only its owner may read it', () => {
    const path = join(folder, 'audit.log');
    writeFileSync(path, '', { mode: 0o644 });
    const file = openAppendFile(path);
    const log = openAuditLog({ blockHeight: 1, retainedBlocks: 0, sink: (leaf) => file.append(leaf) });
    for (let n = 0; n < 5; n++) log.append(record(n));
    file.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    const hashes = lines.map((line) => hashLeaf(parseBase64(line) ?? new Uint8Array()));
    expect(hashes.length).toBe(5);
    expect(merkleRoot(hashes)).toEqual(log.checkpoint().root);
  });

  it('stops the log when it cannot be written', () => {
    const log = openAuditLog({
      blockHeight: 1,
      retainedBlocks: 1,
      sink: () => {
        throw new ConfigurationError('ERR_CONFIGURATION_FILE', 'the disk is full');
      },
    });
    expect(() => log.append(record(0))).toThrow(expect.objectContaining({ code: 'ERR_CONFIGURATION_FILE' }));
    expect(log.checkpoint().size).toBe(0);
    expect(() => openAppendFile(join(folder, 'absent', 'audit.log'))).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIGURATION_FILE' }),
    );
  });
});
