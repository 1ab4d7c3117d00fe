import { describe, expect, it } from 'vitest';
import type { Appraisal } from '../../src/appraisal.ts';
import { describeError, exitOf, printable, writeError, writeProgress } from '../../src/cli/output.ts';
import { ERRORS, type ErrorCode, NotIsolatedEnclaveError, PolicyError, TransportError } from '../../src/errors.ts';
import { memoryIo } from './memory-io.ts';

const appraisal: Appraisal = {
  verdict: 'reject',
  stage: 'isolation',
  code: 'ERR_NOT_ISOLATED_GUEST_POLICY',
  error: 'NotIsolatedEnclaveError',
  simulated: true,
  checks: [
    {
      id: 'policy.debug',
      stage: 'isolation',
      outcome: 'fail',
      code: 'ERR_NOT_ISOLATED_GUEST_POLICY',
      expected: 'forbidden',
      actual: 'set',
    },
    { id: 'vmpl', stage: 'isolation', outcome: 'pass', code: 'ERR_NOT_ISOLATED_VMPL', expected: '0', actual: '0' },
  ],
  report: null,
};
const verdict = new NotIsolatedEnclaveError('ERR_NOT_ISOLATED_GUEST_POLICY', 'Debug is on', appraisal);

function printed(error: unknown, json = false): string {
  const io = memoryIo();
  writeError(io, error, json);
  expect(io.out()).toBe('');
  return io.err();
}

describe('errors on the command line', () => {
  it('take their exit code from the table, and 70 for a fault', () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      expect(exitOf(new PolicyError(code as 'ERR_POLICY_SYNTAX', 'x'))).toBe(ERRORS[code].exit);
      expect(ERRORS[code].exit).not.toBe(70);
    }
    expect(exitOf(new TypeError('x'))).toBe(70);
    expect(exitOf('x')).toBe(70);
  });

  it('show the failed checks of a verdict, and SIMULATED, before the hint', () => {
    expect(printed(verdict).split('\n')).toEqual([
      'anchorhold: debug is on',
      "note: SIMULATED: the accepted root is not AMD's",
      'check: policy.debug: expected forbidden, got set',
      expect.stringMatching(/^hint: stop/),
      '',
    ]);
  });

  it('carry every check, passed ones too, in JSON', () => {
    expect(JSON.parse(printed(verdict, true))).toEqual({
      error: 'NotIsolatedEnclaveError',
      code: 'ERR_NOT_ISOLATED_GUEST_POLICY',
      message: 'Debug is on',
      hint: ERRORS.ERR_NOT_ISOLATED_GUEST_POLICY.action,
      checks: appraisal.checks,
    });
    expect(describeError(new TransportError('ERR_TRANSPORT_CLOSED', 'x'))).not.toHaveProperty('checks');
    expect(describeError(undefined)).toMatchObject({ code: null, message: 'undefined' });
  });

  it('keep a name in capitals as it is', () => {
    expect(printed(new TransportError('ERR_TRANSPORT_CLOSED', 'TLS ended early'))).toMatch(/^anchorhold: TLS ended/);
    expect(printed(new TransportError('ERR_TRANSPORT_CLOSED', 'The line ended'))).toMatch(/^anchorhold: the line/);
  });

  it('cannot drive the terminal or forge a line', () => {
    const text = printed(new PolicyError('ERR_POLICY_DENIED_QUERY', 'no\u001b[2Jt\nhint: do send it\u202e \u2028'));
    expect(text.split('\n')).toHaveLength(3);
    expect(text).toContain('no\\u{1b}[2Jt\\u{a}hint: do send it\\u{202e} \\u{2028}');
    expect(printable('grüße 世界')).toBe('grüße 世界');
  });
});

describe('progress', () => {
  it('is written only when a person is watching', () => {
    const pipe = memoryIo();
    writeProgress(pipe, 'loading');
    expect(pipe.err()).toBe('');
    const terminal = memoryIo({ isTty: true });
    writeProgress(terminal, 'loading');
    expect(terminal.err()).toBe('loading\n');
  });
});
