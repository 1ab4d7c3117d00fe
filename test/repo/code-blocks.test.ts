/** Runs every code block of the documents through the claim that takes it. */
import { afterAll, describe, expect, it } from 'vitest';
import { CLAIMS, closeBlockWorker } from './block-claims.ts';
import { allBlocks, claimOf, extractBlocks } from './code-blocks.ts';
import { missingLines } from './tutorial.ts';

const blocks = allBlocks();

afterAll(closeBlockWorker);

describe('the extractor', () => {
  it('finds blocks with their language and line', () => {
    const found = extractBlocks('x.md', 'a\n```ts\none\n```\n\n````text\n```\ntwo\n````\n');
    expect(found).toEqual([
      { file: 'x.md', line: 2, language: 'ts', text: 'one\n' },
      { file: 'x.md', line: 6, language: 'text', text: '```\ntwo\n' },
    ]);
  });

  it('refuses a block that never ends', () => {
    expect(() => extractBlocks('x.md', '```ts\none\n')).toThrow('not closed');
  });

  it('refuses a block that two claims take, and finds none for a language nobody knows', () => {
    const block = { file: 'x.md', line: 1, language: 'cobol', text: '' };
    const claim = { name: 'any', takes: () => true, check: () => undefined };
    expect(() => claimOf(block, [claim, claim])).toThrow('any and any');
    expect(claimOf(block, CLAIMS)).toBeNull();
  });
});

describe('the output that the tutorial shows', () => {
  it('is looked for line by line, whole lines only', () => {
    expect(missingLines('a … c\nd\n', 'x\na b c\nd\n')).toEqual([]);
    expect(missingLines('a … c\nd\n', 'a b\nc\ndd\n')).toEqual(['a … c', 'd']);
  });
});

describe('the claims', () => {
  it.each([
    ['ts', 'a type that does not fit', "const x: number = 'a';\nconsole.log(x);\n"],
    ['ts', 'an import that no user has', "import { sha256 } from '../src/base/digest.ts';\nconsole.log(sha256);\n"],
    ['ts', 'a name that the package does not export', "import { nothing } from 'anchorhold';\nconsole.log(nothing);\n"],
    ['sh', 'an unknown target', 'make everything\n'],
    ['sh', 'an unknown program', 'curl https://localhost\n'],
    ['sh', 'an unknown command', 'bin/anchorhold frobnicate\n'],
    ['yaml', 'an unknown key', 'querys: []\n'],
    ['json', 'a configuration with a missing field', '{ "anchorhold": "anchorhold-worker/1" }\n'],
    [
      'json',
      'a problem with another status',
      '{ "type": "about:blank", "code": "ERR_POLICY_CALLER", "status": 200 }\n',
    ],
  ])('refuse %s with %s', async (language, _name, text) => {
    const block = { file: 'x.md', line: 1, language, text };
    const claim = claimOf(block, CLAIMS);
    expect(claim).not.toBeNull();
    await expect((async () => claim?.check(block))()).rejects.toThrow();
  });
});

describe('every code block of the documents', () => {
  it('was seen', () => {
    expect(blocks.length).toBeGreaterThan(10);
    expect(new Set(blocks.filter(({ file }) => file === 'README.md').map(({ language }) => language))).toEqual(
      new Set(['text', 'sh', 'ts', 'yaml']),
    );
  });

  it.each(blocks.map((block) => [`${block.file}:${block.line} (${block.language})`, block] as const))(
    '%s does what it says',
    // The first block of the tutorial waits for all of it.
    { timeout: 240_000 },
    async (_name, block) => {
      const claim = claimOf(block, CLAIMS);
      if (claim === null) throw new Error(`nobody tests this block: add a claim to test/repo/block-claims.ts`);
      await claim.check(block);
    },
  );
});
