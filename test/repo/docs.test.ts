/** Holds the documents to the code: generated pages are fresh, codes exist, links lead somewhere, the drawn rooms are the real ones. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/base/limits.ts';
import { ERRORS } from '../../src/error-table.ts';
import { limitReasons, PAGES } from '../../tools/write-docs.ts';
import { filesLike, ROOT, readText } from './tree.ts';

const pages = filesLike(/\.md$/);
/** Text of a page without its code blocks. */
const prose = (page: string) => readText(page).replace(/^(```+)[^\n]*\n[\s\S]*?^\1\s*$/gm, '');

/** The anchor of a heading, as common renderers make it. */
function anchorOf(heading: string): string {
  return heading
    .replaceAll('`', '')
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

describe('the documents', () => {
  it('were seen at all', () => {
    for (const page of ['README.md', 'SECURITY.md', 'LIMITATIONS.md', 'CONTRIBUTING.md', 'CHANGELOG.md']) {
      expect(pages).toContain(page);
    }
    expect(pages.filter((page) => page.startsWith('docs/')).length).toBeGreaterThan(8);
  });

  it.each([...PAGES.keys()])('%s is what `make docs` writes', (page) => {
    expect(readText(page)).toBe(PAGES.get(page)?.());
  });

  it('name each error code that exists, and none that does not', () => {
    const listed = [...readText('docs/errors.md').matchAll(/^\| `(ERR_\w+)` \|/gm)].map((m) => m[1] ?? '');
    expect(listed.toSorted()).toEqual(Object.keys(ERRORS).sort());
    const named = pages.flatMap((page) =>
      [...readText(page).matchAll(/\bERR_[A-Z_]*[A-Z]\b/g)].map((m) => ({ page, code: m[0] })),
    );
    expect(named.filter(({ code }) => !(code in ERRORS))).toEqual([]);
  });

  it('give a reason for each cap', () => {
    const reasons = limitReasons();
    expect(Object.keys(LIMITS).filter((name) => !reasons.get(name as keyof typeof LIMITS))).toEqual([]);
  });

  it('have links that lead somewhere', () => {
    const links = pages.flatMap((page) =>
      [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].map((m) => ({ page, link: m[1] ?? '' })),
    );
    const inner = links.filter(({ link }) => !/^[a-z]+:/.test(link));
    expect(inner.length).toBeGreaterThan(20);
    const broken = inner.filter(({ page, link }) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(ROOT, target))) return true;
      if (anchor === undefined || statSync(join(ROOT, target)).isDirectory()) return false;
      return ![...prose(target).matchAll(/^#+ (.+)$/gm)].some((m) => anchorOf(m[1] ?? '') === anchor);
    });
    expect(broken).toEqual([]);
  });

  it('name only files and folders of src that exist', () => {
    const named = pages
      .filter((page) => page !== 'CHANGELOG.md')
      .flatMap((page) => [...readText(page).matchAll(/\bsrc\/[\w./-]*\w/g)].map((m) => ({ page, path: m[0] })));
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter(({ path }) => !existsSync(join(ROOT, path)))).toEqual([]);
  });
});

describe('docs/architecture.md', () => {
  const drawing = /```text\nsrc\/\n([\s\S]*?)```/.exec(readText('docs/architecture.md'))?.[1] ?? '';
  const drawn = [...drawing.matchAll(/^ {2}(\S+)/gm)].map((m) => m[1] ?? '');

  it('draws the rooms that src/ has, and no others', () => {
    const real = readdirSync(join(ROOT, 'src'), { withFileTypes: true }).map((e) =>
      e.isDirectory() ? `${e.name}/` : e.name,
    );
    expect(drawn.length).toBeGreaterThan(8);
    expect(drawn.toSorted()).toEqual(real.sort());
  });
});

describe('decision records', () => {
  const records = filesLike(/^docs\/decisions\/.*\.md$/);

  it('are numbered without gaps and have the same parts', () => {
    expect(records.length).toBeGreaterThan(4);
    records.forEach((record, i) => {
      expect(record).toMatch(new RegExp(`/${String(i + 1).padStart(4, '0')}-[a-z0-9-]+\\.md$`));
      const headings = [...readText(record).matchAll(/^## (.+)$/gm)].map((m) => m[1]);
      expect([record, headings]).toEqual([record, ['Question', 'Decision', 'Why', 'What it costs']]);
    });
  });
});
