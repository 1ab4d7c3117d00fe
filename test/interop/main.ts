/**
 * Compares our simulated AMD and our verdicts with verifiers of other people: google/go-sev-guest from Debian, and openssl. Prints a table,
 * and fails when an outcome is another than it should be, when fewer cases ran than there are, or when a verifier cannot be had.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { sharedAmd } from '../testing/shared-amd.ts';
import { obtainPackages, UnavailableError } from './debian.ts';
import { compareWithGo } from './go-comparison.ts';
import { buildGoSevGuest } from './go-sev-guest.ts';
import { conclude } from './ledger.ts';
import { openOpenssl } from './openssl.ts';
import { compareWithOpenssl } from './openssl-comparison.ts';
import { issueAll } from './our-cases.ts';
import { judgeTheirs } from './own-verdict.ts';

const FOLDER = resolve(import.meta.dirname, '../../node_modules/.cache/anchorhold/interop');

const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(0)} s`;
const scratch = mkdtempSync(join(tmpdir(), 'anchorhold-interop-'));
try {
  const openssl = openOpenssl(scratch);
  if (openssl === null) throw new UnavailableError('there is no openssl on this machine: install it');
  print(openssl.version);
  let at = performance.now();
  const packages = obtainPackages(join(FOLDER, 'packages'));
  const named = packages.versions.filter((version) => /go-sev-guest|golang-[\d.]+-go|librust-sev-dev/.test(version));
  print(`${named.join(', ')} (${(packages.downloaded / 1e6).toFixed(0)} MB downloaded, ${seconds(at)})`);
  at = performance.now();
  const go = buildGoSevGuest(packages.root, join(FOLDER, 'build'));
  print(`built in ${seconds(at)}`);
  at = performance.now();
  const amd = await sharedAmd();
  const cases = await issueAll(amd);
  await compareWithGo(go, amd, cases);
  await compareWithOpenssl(openssl, amd, cases, go.amd);
  await judgeTheirs(go, openssl);
  print(`compared in ${seconds(at)}\n`);
  process.exitCode = conclude(print) ? 0 : 1;
} catch (error) {
  if (!(error instanceof UnavailableError)) throw error;
  process.stderr.write(`interop: cannot compare: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true });
}
