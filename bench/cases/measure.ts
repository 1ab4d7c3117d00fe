/**
 * What a launch digest costs: one, and a matrix of 16 shapes, against bare native SHA-384 over the firmware's pages. With
 * SEV_SNP_MEASURE=DIR (a checkout of virtee's sev-snp-measure, run with python3) also against that, on the same file.
 */
import { execFileSync } from 'node:child_process';
import { createHash, hash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type CpuType, parseCpuType } from '../../src/attestation/measurement/cpu.ts';
import { parseFirmware } from '../../src/attestation/measurement/firmware.ts';
import { measureFirmware, measureMatrix } from '../../src/attestation/measurement/matrix.ts';
import { encodeHex } from '../../src/base/bytes.ts';
import { nativeSha384 } from '../../src/io/native-digest.ts';
import { firmwareImage } from '../../test/attestation/measurement/firmware-image.ts';
import { type BenchCase, compared, type Figure, figure } from '../case.ts';
import { sideBySide } from '../side-by-side.ts';

const PAGE = 4096;
const PAGES = 1024;
const CPUS: readonly CpuType[] = ['EPYC-v4', 'EPYC-Milan', 'EPYC-Genoa', 'EPYC-Rome'].map(parseCpuType);
const COUNTS: readonly number[] = [1, 2, 4, 8];

/** Writes contents that do not repeat into so many pages, and padding into the rest, as flash images have it. */
function contents(distinct: number): (bytes: Uint8Array) => void {
  return (bytes) => {
    bytes.fill(0xff);
    const noise = createHash('shake256', { outputLength: distinct * PAGE })
      .update('firmware')
      .digest();
    bytes.set(noise, bytes.length - noise.length);
  };
}

/** Measures a firmware file on shapes, from its bytes to the digests. */
function measure(bytes: Uint8Array, vcpus: readonly number[], cpus: readonly CpuType[]): readonly string[] {
  const firmware = parseFirmware(bytes);
  const firmwareDigest = measureFirmware(firmware, nativeSha384);
  const image = { vmm: 'qemu', firmware, firmwareDigest, boot: null, enforcing: [], guestFeatures: 1n } as const;
  return measureMatrix({ ...image, vcpus, cpus }, nativeSha384).map(({ digest }) => encodeHex(digest));
}

function hashPages(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += PAGE) hash('sha384', bytes.subarray(at, at + PAGE), 'buffer');
}

/** Runs the other program's script again and again in one interpreter, so that its own work is timed and not its start. */
const TIMED = `
import contextlib, io, json, os, runpy, sys, time
script, runs = sys.argv[1], int(sys.argv[2])
sys.path.insert(0, os.path.dirname(script))
sys.argv = [script] + sys.argv[3:]
times, printed = [], ''
for _ in range(runs):
    out = io.StringIO()
    start = time.perf_counter()
    with contextlib.redirect_stdout(out):
        try:
            runpy.run_path(script, run_name='__main__')
        except SystemExit as end:
            if end.code:
                raise
    times.append((time.perf_counter() - start) * 1e6)
    printed = out.getvalue()
print(json.dumps({'us': sorted(times)[len(times) // 2], 'printed': printed}))
`;

/** Times a whole process: the median of nine, in milliseconds. */
function timeProcess(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): number {
  const times = Array.from({ length: 9 }, () => {
    const start = process.hrtime.bigint();
    execFileSync(command, args, { env });
    return Number(process.hrtime.bigint() - start) / 1e6;
  });
  return times.toSorted((a, b) => a - b)[4] ?? Number.NaN;
}

/** Compares with the other program on one file; both must print the same digest, or there is nothing to compare. */
function compareWith(checkout: string, bytes: Uint8Array, us: Readonly<Record<'one' | 'matrix', number>>): Figure[] {
  const folder = mkdtempSync(join(tmpdir(), 'anchorhold-bench-'));
  try {
    const file = join(folder, 'firmware.fd');
    writeFileSync(file, bytes);
    const script = resolve(checkout, 'sev-snp-measure.py');
    const shape = ['--vcpus', '1', '--ovmf', file, '--guest-features', '0x1'];
    const theirs = ['--mode', 'snp', '--vcpu-type', 'EPYC-v4', ...shape];
    const output = execFileSync('python3', ['-c', TIMED, script, '15', ...theirs], { encoding: 'utf8' });
    const inner = JSON.parse(output) as { readonly us: number; readonly printed: string };
    const [expected = ''] = measure(bytes, [1], CPUS.slice(0, 1));
    if (!inner.printed.includes(expected)) {
      throw new Error(`sev-snp-measure prints ${inner.printed.trim()}, not ${expected}`);
    }
    const one = figure('sev-snp-measure, one digest', 'us', inner.us);
    const sixteen = figure('sev-snp-measure, 16 digests', 'us', inner.us * 16);
    // The interpreter itself, not what chooses one, and with its compiled files kept as ours are.
    const python = execFileSync('python3', ['-c', 'import sys; print(sys.executable)'], { encoding: 'utf8' }).trim();
    const { PYTHONDONTWRITEBYTECODE: _, ...kept } = process.env;
    const env = { ...kept, PYTHONPYCACHEPREFIX: folder };
    const process1 = figure('sev-snp-measure, one process', 'ms', timeProcess(python, [script, ...theirs], env));
    const process16 = figure('sev-snp-measure, 16 processes', 'ms', process1.value * 16);
    const command = resolve(import.meta.dirname, '../../bin/anchorhold');
    const matrix = ['--vcpus', COUNTS.join(','), '--cpu', CPUS.map(({ name }) => name).join(','), '--ovmf', file];
    const ours1 = timeProcess(command, ['measure', '--cpu', 'EPYC-v4', ...shape]);
    const ours16 = timeProcess(command, ['measure', ...matrix]);
    return [
      one,
      compared('one digest, against it', us.one, one),
      compared('matrix of 16 shapes, against it', us.matrix, sixteen),
      process1,
      compared('one process, against it', ours1, process1),
      compared('a process for 16 shapes, against it', ours16, process16),
    ];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export const launchDigest: BenchCase = {
  name: 'measure',
  about:
    'launch digests of a firmware of 4 MiB, against native SHA-384 over the same pages, and against sev-snp-measure',
  async run() {
    const full = firmwareImage({ pages: PAGES, write: contents(PAGES) });
    const padded = firmwareImage({ pages: PAGES, write: contents(Math.round(PAGES * 0.4)) });
    const us = await sideBySide({
      native: () => hashPages(full),
      one: () => measure(full, [1], CPUS.slice(0, 1)),
      matrix: () => measure(full, COUNTS, CPUS),
      padded: () => measure(padded, [1], CPUS.slice(0, 1)),
      paddedMatrix: () => measure(padded, COUNTS, CPUS),
    });
    const native = figure('native SHA-384 over 1024 pages', 'us', us.native);
    const one = compared('one digest', us.one, native);
    const figures = [
      native,
      one,
      compared('matrix of 16 shapes', us.matrix, one),
      compared('one digest, three fifths are padding', us.padded, one),
    ];
    const checkout = process.env['SEV_SNP_MEASURE'];
    if (checkout === undefined) {
      process.stderr.write('bench: measure: not compared with sev-snp-measure: SEV_SNP_MEASURE names no checkout\n');
      return figures;
    }
    return [...figures, ...compareWith(checkout, padded, { one: us.padded, matrix: us.paddedMatrix })];
  },
};
