/** The doctor on this very machine, whatever it has: the exit code follows the lines, and only a given service is asked. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { doctor } from '../../src/cli/doctor.ts';
import type { DoctorLine } from '../../src/image/doctor/examine.ts';
import { openMachineView } from '../../src/image/doctor/machine-view.ts';
import { codeOf } from '../policy/signing/keys.ts';
import { memoryIo } from './memory-io.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'anchorhold-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

interface Report {
  readonly role: string;
  readonly ok: boolean;
  readonly lines: readonly DoctorLine[];
}

async function examine(
  positionals: readonly string[],
  options: Readonly<Record<string, string>> = {},
  switches: readonly string[] = ['json'],
): Promise<{ readonly exit: number; readonly out: string }> {
  const io = memoryIo({ cwd: folder });
  const values = new Map(Object.entries(options).map(([name, value]) => [name, [value]]));
  const exit = await doctor.run({ positionals, values, switches: new Set(switches) }, io);
  return { exit, out: io.out() };
}

describe('anchorhold doctor', () => {
  it.each(['host', 'guest'])('ends with 1 exactly when something is missing on a %s', async (role) => {
    const { exit, out } = await examine([role]);
    const report = JSON.parse(out) as Report;
    expect(report.role).toBe(role);
    expect(report.lines.length).toBeGreaterThan(6);
    expect(report.ok).toBe(report.lines.every(({ state }) => state !== 'missing'));
    expect(exit).toBe(report.ok ? 0 : 1);
  });

  it('says the same for people: each sentence, and what to do', async () => {
    const report = JSON.parse((await examine(['host'])).out) as Report;
    const { out } = await examine(['host'], {}, []);
    for (const { says, hint } of report.lines) {
      expect(out).toContain(says);
      expect(out).toContain(hint ?? '');
    }
  });

  it('knows a firmware by its bytes, not by its name', async () => {
    writeFileSync(join(folder, 'OVMF.amdsev.fd'), 'other');
    const { out } = await examine(['host'], { firmware: 'OVMF.amdsev.fd' });
    const line = (JSON.parse(out) as Report).lines.find(({ id }) => id === 'firmware');
    expect(line).toMatchObject({ state: 'missing', says: expect.stringContaining('is not known') });
  });

  it('asks a certificate service only where one is given', async () => {
    const asked: string[] = [];
    const server = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.writeHead(200).end('x');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      const kds = async (switches: readonly string[], options = {}): Promise<string | undefined> =>
        (JSON.parse((await examine(['host'], options, ['json', ...switches])).out) as Report).lines.find(
          ({ id }) => id === 'kds',
        )?.state;
      expect(await kds([])).toBe('unknown');
      expect(asked).toEqual([]);
      expect(await kds(['kds'], { 'kds-url': url })).toBe('ok');
      expect(asked).toEqual(['/vcek/v1/Genoa/cert_chain']);
    } finally {
      server.close();
    }
    expect(await (await openMachineView('none', url)).kds?.answers()).toBe(false);
  });

  it('refuses another role, and a mirror that is not to be asked', async () => {
    expect(await codeOf(() => examine(['worker']))).toBe('ERR_CONFIGURATION_USAGE');
    expect(await codeOf(() => examine(['host'], { 'kds-url': 'https://kds.example' }))).toBe('ERR_CONFIGURATION_USAGE');
    expect(await codeOf(() => examine(['host'], { 'kds-url': 'ftp://kds.example' }, ['kds']))).toBe(
      'ERR_CONFIGURATION_USAGE',
    );
  });
});
