/** Holds docs/trust.md to the code, both ways: checks, presets, floors, roots and fields. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { STAGES } from '../../src/appraisal.ts';
import { CHECKS } from '../../src/attestation/check-table.ts';
import { LOCKDOWN_PRESETS } from '../../src/attestation/lockdown.ts';
import { PRESETS } from '../../src/attestation/requirements.ts';
import { FLOORS } from '../../src/attestation/snp/floors.ts';
import { AMD_ROOTS } from '../../src/attestation/snp/roots.ts';
import { ERRORS } from '../../src/errors.ts';

const page = readFileSync(join(import.meta.dirname, '../../docs/trust.md'), 'utf8');
const hex = (level: number | null): string => (level === null ? '-' : `0x${level.toString(16).padStart(2, '0')}`);

/** The rows of the tables under a heading, as cells. */
function rowsUnder(heading: string): readonly (readonly string[])[] {
  const [, section = ''] = page.split(new RegExp(`^${heading}$`, 'm'));
  const [own = ''] = section.split(/^#{2,3} /m);
  const lines = own.split('\n').filter((line) => line.startsWith('| '));
  return lines.slice(1).map((line) =>
    line
      .slice(2, -2)
      .split(' | ')
      .map((cell) => cell.trim()),
  );
}

describe('docs/trust.md', () => {
  it.each(STAGES)('lists the checks of stage %s as they are', (stage) => {
    const heading = `### ${stage}`;
    const own = Object.entries(CHECKS).filter(([, c]) => c.stage === stage);
    expect(own.length).toBeGreaterThan(1);
    expect(rowsUnder(heading)).toEqual(own.map(([id, c]) => [`\`${id}\``, `\`${c.code}\``, c.meaning, c.citation]));
  });

  it.each(Object.entries(PRESETS))('spells the preset %s out', (name, machine) => {
    const block = new RegExp(`^### ${name}\\n+\`\`\`json\\n([\\s\\S]*?)\`\`\``, 'm').exec(page)?.[1] ?? 'null';
    expect(JSON.parse(block)).toEqual(machine);
  });

  it.each(Object.entries(LOCKDOWN_PRESETS))('spells the preset %s for lockdown out', (name, demands) => {
    const block =
      new RegExp(`^### ${name} for lockdown\\n+\`\`\`json\\n([\\s\\S]*?)\`\`\``, 'm').exec(page)?.[1] ?? 'null';
    expect(JSON.parse(block)).toEqual(demands);
  });

  it('explains every lockdown claim with its strict value, and no other', () => {
    const rows = rowsUnder('### lockdown').flatMap(([names = '', , strict = '']) =>
      [...names.matchAll(/`(\w+)`/g)].map((m) => [m[1], strict.replaceAll('`', '').split(' or ')]),
    );
    const demands = Object.entries(LOCKDOWN_PRESETS['strict-2026-11']);
    expect(rows).toHaveLength(demands.length);
    const values = demands.map(([name, demand]) => [name, [demand].flat()]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(values));
  });

  it('lists every floor', () => {
    const expected = Object.entries(FLOORS).flatMap(([table, rows]) =>
      rows.map(({ name, cpuid, floor, source, readIn }) => [
        table,
        name,
        ...[cpuid.family, cpuid.model, cpuid.stepping].map(hex),
        ...[floor.fmc, floor.bootloader, floor.tee, floor.snp, floor.microcode].map(hex),
        readIn,
        source,
      ]),
    );
    expect(rowsUnder('## Floor tables')).toEqual(expected);
  });

  it('lists every root', () => {
    expect(rowsUnder('## Roots')).toEqual(Object.entries(AMD_ROOTS).map(([line, pin]) => [line, `\`${pin}\``]));
  });

  it('explains every field of `machine`, and no other', () => {
    const named = rowsUnder('### machine').flatMap(([fields = '']) =>
      [...fields.matchAll(/`(\w+)`/g)].map((m) => m[1] ?? ''),
    );
    expect(named.toSorted()).toEqual(Object.keys(PRESETS['strict-2026-11']).sort());
    const { guestPolicy, platform } = PRESETS['strict-2026-11'];
    for (const bit of [...Object.keys(guestPolicy), ...Object.keys(platform)]) expect(page).toContain(`\`${bit}\``);
  });
});

describe('the table of checks', () => {
  it('gives each stage codes of its own family', () => {
    const families = new Map(
      STAGES.map((stage) => [
        stage,
        new Set(
          Object.values(CHECKS)
            .filter((c) => c.stage === stage)
            .map((c) => ERRORS[c.code].family),
        ),
      ]),
    );
    for (const [stage, family] of families) {
      const expected =
        { code: 'InvalidEnclaveCodeError', isolation: 'NotIsolatedEnclaveError' }[stage as string] ??
        'NotAnEnclaveError';
      expect([stage, [...family]]).toEqual([stage, [expected]]);
    }
  });

  it('has its rows in the order of the stages', () => {
    const order = Object.values(CHECKS).map((c) => STAGES.indexOf(c.stage));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
  });
});
