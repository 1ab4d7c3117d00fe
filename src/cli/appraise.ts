/**
 * `anchorhold appraise`: cases on stdin, verdicts on stdout, one JSON object per line, in order. A line that is not a case gets a message
 * on stderr and makes the exit code 1; the others still get their verdicts. The contract is attestation/conformance.ts.
 */
import { appraiseCase, parseCase } from '../attestation/conformance.ts';
import { createChainCache } from '../attestation/snp/chain-cache.ts';
import { parseUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError } from '../errors.ts';
import type { CliCommand } from './command.ts';
import { printable } from './output.ts';

const NEWLINE = 0x0a;

/** Splits bytes into lines; a line over the cap is given as null, and not kept in memory. */
async function* splitLines(
  input: AsyncIterable<Uint8Array | string>,
  maxBytes: number,
): AsyncGenerator<Uint8Array | null> {
  let parts: Uint8Array[] = [];
  let size = 0;
  const add = (part: Uint8Array): void => {
    size += part.length;
    if (size <= maxBytes) parts.push(Uint8Array.from(part));
    else parts = [];
  };
  const take = (): Uint8Array | null => {
    const line = size > maxBytes ? null : Buffer.concat(parts);
    parts = [];
    size = 0;
    return line;
  };
  for await (const chunk of input) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    let at = 0;
    for (let end = bytes.indexOf(NEWLINE); end !== -1; end = bytes.indexOf(NEWLINE, at)) {
      add(bytes.subarray(at, end));
      yield take();
      at = end + 1;
    }
    add(bytes.subarray(at));
  }
  if (size > 0) yield take();
}

/** Appraises each line of the input; returns 0 when every line got a verdict, otherwise 1. Blank lines are passed over. */
export async function appraiseLines(
  input: AsyncIterable<Uint8Array | string>,
  write: (line: string) => void,
  complain: (line: string) => void,
): Promise<number> {
  const cache = createChainCache();
  let number = 0;
  let exit = 0;
  for await (const bytes of splitLines(input, LIMITS.caseBytes)) {
    number++;
    const line = bytes === null ? null : parseUtf8(bytes);
    if (line?.trim() === '') continue;
    try {
      if (line === null) {
        const problem = bytes === null ? `is larger than ${LIMITS.caseBytes} bytes` : 'is not UTF-8';
        throw new ConfigurationError('ERR_CONFIGURATION_USAGE', `the case ${problem}`);
      }
      write(JSON.stringify(await appraiseCase(parseCase(line), cache)));
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      complain(`anchorhold: line ${number} is not a case: ${error.message}`);
      exit = 1;
    }
  }
  return exit;
}

/** The command. */
export const appraise: CliCommand = {
  summary: 'appraise conformance cases: one JSON object per line in, one verdict per line out',
  example: 'anchorhold appraise < cases.jsonl > verdicts.jsonl',
  arguments: [],
  options: [],
  passThrough: false,
  run: async (_input, io) =>
    await appraiseLines(
      io.stdin,
      (line) => io.stdout.write(`${line}\n`),
      (line) => io.stderr.write(`${printable(line)}\n`),
    ),
};
