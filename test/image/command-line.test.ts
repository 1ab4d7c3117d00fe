/** The measured command lines: the production one closes what it must, binds the configuration once, and is not that of the debug image. */
import { describe, expect, it } from 'vitest';
import { parseConfigDemand } from '../../src/enclave/image/config-demand.ts';
import { claimConsole } from '../../src/enclave/lockdown/console.ts';
import { DEBUG_COMMAND_LINE, PRODUCTION_COMMAND_LINE, productionCommandLine } from '../../src/image/command-line.ts';

const words = (line: string): readonly string[] => line.split(' ');

describe('the command line of the image', () => {
  it.each([
    'lockdown=integrity',
    'module.sig_enforce=1',
    'panic=1',
    'oops=panic',
    'quiet',
    'init_on_alloc=1',
    'init_on_free=1',
    'ia32_emulation=0',
    'random.trust_bootloader=0',
    'console=null',
  ])('says %s, once', (parameter) => {
    const [name = ''] = parameter.split('=');
    expect(words(PRODUCTION_COMMAND_LINE).filter((word) => word === name || word.startsWith(`${name}=`))).toEqual([
      parameter,
    ]);
  });

  it('names where the digest of the configuration is, as the worker reads it', () => {
    const digest = `sha256:${'ab'.repeat(32)}` as const;
    expect(parseConfigDemand(PRODUCTION_COMMAND_LINE)).toBe('host-data');
    expect(parseConfigDemand(productionCommandLine(digest))).toEqual({ digest: new Uint8Array(32).fill(0xab) });
  });

  it('leaves no console and no shell, and that of the debug image says so of itself', () => {
    const claim = (line: string, consoles: string): string =>
      claimConsole({ readFile: (path) => (path === '/proc/cmdline' ? line : consoles) });
    expect(claim(PRODUCTION_COMMAND_LINE, '')).toBe('none');
    expect(PRODUCTION_COMMAND_LINE).not.toContain('debug');
    expect(claim(DEBUG_COMMAND_LINE, 'ttyS0   -W- (EC p a)    4:64\n')).toBe('ttyS0');
    expect(DEBUG_COMMAND_LINE).toContain('anchorhold.debug=1');
    expect(words(DEBUG_COMMAND_LINE)).not.toContain('console=null');
  });
});
