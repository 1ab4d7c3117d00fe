/** Writes an HCL blob as an Azure machine would, for tests. */
import { concatBytes, encodeUtf8 } from '../../src/base/bytes.ts';

/** Writes 32-bit integers, little-endian. */
export function integers(...values: readonly number[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(values.length * 4));
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value, true);
  return new Uint8Array(view.buffer);
}

/** Writes a blob around a report and runtime data, without padding. */
export function encodeHclBlob(report: Uint8Array, runtimeData: Uint8Array, version = 2): Uint8Array<ArrayBuffer> {
  const size = 32 + report.length + 20 + runtimeData.length;
  return concatBytes(
    encodeUtf8('HCLA'),
    integers(version, size, 2, 0, 0, 0, 0),
    report,
    integers(20 + runtimeData.length, 1, 2, 1, runtimeData.length),
    runtimeData,
  );
}
