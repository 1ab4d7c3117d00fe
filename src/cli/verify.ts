/** `anchorhold verify`: appraise a worker, or a report in a file, and explain each check. */
import { resolve } from 'node:path';
import type { Appraisal, Check, Stage } from '../appraisal.ts';
import { SecureSession } from '../client/secure-session.ts';
import { InvalidEnclaveCodeError, NotAnEnclaveError, NotIsolatedEnclaveError } from '../errors.ts';
import { type CliCommand, type CliIo, JSON_SWITCH, optionValue } from './command.ts';
import { exitOf, printable, writeError, writeJson, writeLine } from './output.ts';

const CLAIMS: readonly { readonly title: string; readonly stages: readonly Stage[] }[] = [
  {
    title: 'genuine: an AMD machine that is alive and holds this connection',
    stages: ['parse', 'chain', 'binding', 'signature', 'channel'],
  },
  { title: 'code: the image and the functions you accept', stages: ['code'] },
  { title: 'isolated: as you and the data owners demand', stages: ['isolation'] },
];

const MARKS: Readonly<Record<Check['outcome'], string>> = { pass: 'ok  ', fail: 'FAIL', skipped: 'skip' };

function explain(io: CliIo, appraisal: Appraisal): void {
  for (const { title, stages } of CLAIMS) {
    const checks = appraisal.checks.filter((check) => stages.includes(check.stage));
    writeLine(io, title);
    if (checks.length === 0) writeLine(io, '  (not reached)');
    for (const { id, outcome, expected, actual } of checks) {
      writeLine(io, printable(`  ${MARKS[outcome]} ${id}: expected ${expected}; found ${actual}`));
    }
  }
  if (appraisal.simulated)
    writeLine(io, "SIMULATED: the accepted root is not AMD's; this proves nothing about hardware");
  writeLine(io, `verdict: ${appraisal.verdict}${appraisal.code === null ? '' : ` (${appraisal.code})`}`);
}

export const verify: CliCommand = {
  summary: 'appraise a worker and explain each check',
  example: 'anchorhold verify https://localhost:8443 --trust anchorhold.trust.json',
  arguments: [{ name: 'url', summary: "the worker's https:// address", required: true, repeatable: false }],
  options: [
    { name: 'trust', value: 'FILE', summary: 'trust file (default: anchorhold.trust.json)', repeatable: false },
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const trust = resolve(io.cwd, optionValue(input, 'trust') ?? 'anchorhold.trust.json');
    await using session = new SecureSession(input.positionals[0] ?? '', { trust });
    const json = input.switches.has('json');
    try {
      const appraisal = await session.attest();
      if (json) writeJson(io, appraisal);
      else explain(io, appraisal);
      return 0;
    } catch (error) {
      const verdict =
        error instanceof NotAnEnclaveError ||
        error instanceof InvalidEnclaveCodeError ||
        error instanceof NotIsolatedEnclaveError;
      if (!verdict) throw error;
      if (json) writeJson(io, error.appraisal);
      else explain(io, error.appraisal);
      writeError(io, error, json);
      return exitOf(error);
    }
  },
};
