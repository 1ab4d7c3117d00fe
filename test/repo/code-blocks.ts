/**
 * Every code block of the documents, and the registry that says how each kind is tested. A block that no claim takes fails: what a reader
 * copies must work.
 */
import { filesLike, readText } from './tree.ts';

export interface CodeBlock {
  readonly file: string;
  /** Line of the opening fence, from 1. */
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

/** One way to test blocks: `takes` says which, `check` throws when the block does not hold. */
export interface BlockClaim {
  readonly name: string;
  takes(block: CodeBlock): boolean;
  check(block: CodeBlock): void | Promise<void>;
}

/** Finds the fenced blocks of one page. */
export function extractBlocks(file: string, markdown: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let open: { fence: string; language: string; line: number; lines: string[] } | null = null;
  markdown.split('\n').forEach((text, i) => {
    const fence = /^\s*(```+)\s*(\S*)/.exec(text);
    if (open === null) {
      if (fence !== null) open = { fence: fence[1] ?? '', language: fence[2] ?? '', line: i + 1, lines: [] };
    } else if (fence !== null && fence[2] === '' && fence[1] === open.fence) {
      blocks.push({ file, line: open.line, language: open.language, text: `${open.lines.join('\n')}\n` });
      open = null;
    } else {
      open.lines.push(text);
    }
  });
  if (open !== null) throw new Error(`${file}: a code block is not closed`);
  return blocks;
}

/** Reads the blocks of every page. */
export function allBlocks(): readonly CodeBlock[] {
  return filesLike(/\.md$/).flatMap((file) => extractBlocks(file, readText(file)));
}

/** Finds the one claim that takes a block; null when none does, an error when several do. */
export function claimOf(block: CodeBlock, claims: readonly BlockClaim[]): BlockClaim | null {
  const taking = claims.filter((claim) => claim.takes(block));
  if (taking.length > 1) {
    throw new Error(`${block.file}:${block.line}: taken by ${taking.map((claim) => claim.name).join(' and ')}`);
  }
  return taking[0] ?? null;
}
