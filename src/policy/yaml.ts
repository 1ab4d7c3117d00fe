/**
 * The subset of YAML 1.2 that an owner's file may use, as a tree of text, lists and maps with positions. The one door to yaml.
 * Every scalar is text: what it means is decided by its place, so that `no`, `1e3` and `0o7` are never something else than they look.
 * Refused: duplicate keys, anchors, aliases, merge keys, tags, directives, `?` keys, several documents, tabs, characters that cannot
 * be seen, and more bytes, depth, nodes or text in one place than base/limits.ts allows. [YAML 1.2.2]
 */
import {
  Composer,
  type CST,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type ParsedNode,
  Parser,
  type Scalar,
  type YAMLMap,
} from 'yaml';
import { encodeUtf8, parseUtf8 } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import type { PolicyCode } from '../error-table.ts';
import type { Position } from './policy.ts';
import { PolicyFileError } from './policy-file-error.ts';
import { lowerFirst, quote } from './reading.ts';

export interface TextNode {
  readonly kind: 'text';
  readonly at: Position;
  readonly text: string;
  /** Whether it stands there without quotes. */
  readonly plain: boolean;
}
export interface ListNode {
  readonly kind: 'list';
  readonly at: Position;
  readonly items: readonly YamlNode[];
}
export interface MapNode {
  readonly kind: 'map';
  readonly at: Position;
  readonly entries: readonly { readonly key: TextNode; readonly value: YamlNode }[];
}
export type YamlNode = TextNode | ListNode | MapNode;

/** What can be seen: no control characters but line ends, a carriage return only before one, none that hide text or turn its direction. [Unicode TR36 "Trojan Source"] */
// oxlint-disable-next-line no-control-regex
const UNSEEN = /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029\p{Cf}\p{Cs}\p{Co}]|\r(?!\n)/u;
/** What the lexer says between the pieces of text: document, end of flow, scalar. */
const MARKS: readonly string[] = ['\u0002', '\u0018', '\u001f'];
const NODE_BEGINNINGS: readonly string[] = ['\u001f', '"', "'", '[', '{', '-', '?'];

/** What the parser may meet outside of values, by the name it has there, and what to write instead. */
const REFUSED_TOKENS: Readonly<Record<string, string>> = {
  anchor: 'anchors (&) are not allowed: write the value out',
  alias: 'aliases (*) are not allowed: write the value out, in quotes if it begins with *',
  tag: 'tags (!) are not allowed: every value is text',
  directive: 'directives (%) are not allowed',
  'explicit-key-ind': 'keys with ? are not allowed: write `key: value`',
};

/** Holds the file while it is read, so that each step can name a position. */
class Source {
  readonly #lines = new LineCounter();
  readonly #file: string;
  constructor(file: string, text: string) {
    this.#file = file;
    this.#lines.addNewLine(0);
    for (const { index } of text.matchAll(/\n/g)) this.#lines.addNewLine(index + 1);
  }
  at(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.#file, line, column: col };
  }
  fail(offset: number, code: PolicyCode, what: string, cause?: unknown): PolicyFileError {
    return new PolicyFileError({ code, at: this.at(offset), what }, [], { cause });
  }
}

/**
 * Reads one document whose top is a map.
 * @throws PolicyError ERR_POLICY_SYNTAX or ERR_POLICY_LIMIT
 */
export function parseYaml(input: string | Uint8Array, file: string): MapNode {
  const bytes = typeof input === 'string' ? encodeUtf8(input) : input;
  const unread = new Source(file, '');
  if (bytes.length > LIMITS.policyBytes)
    throw unread.fail(0, 'ERR_POLICY_LIMIT', `the file has ${bytes.length} bytes, more than ${LIMITS.policyBytes}`);
  const decoded = parseUtf8(bytes);
  if (decoded === null) throw unread.fail(0, 'ERR_POLICY_SYNTAX', 'the file is not UTF-8 text');
  // Some editors put a byte order mark in front; it says nothing.
  const text = decoded.replace(/^\ufeff/, '');
  const source = new Source(file, text);
  checkVisible(text, source);
  try {
    const tokens = tokenize(text, source);
    checkTokens(tokens, source);
    return compose(tokens, source);
  } catch (error) {
    if (error instanceof PolicyFileError) throw error;
    throw source.fail(0, 'ERR_POLICY_SYNTAX', 'the file cannot be read as YAML', error);
  }
}

function checkVisible(text: string, source: Source): void {
  const unseen = UNSEEN.exec(text);
  if (unseen === null) return;
  const [character] = unseen;
  const name = `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
  const what =
    character === '\t' ? 'tabs are not allowed: use spaces' : `character ${name} is not allowed: it cannot be seen`;
  throw source.fail(unseen.index, 'ERR_POLICY_SYNTAX', what);
}

/** Cuts the text into tokens, and stops at the depth and node caps before anything is built from them. */
function tokenize(text: string, source: Source): CST.Token[] {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let offset = 0;
  let depth = 0;
  let nodes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme === '[' || lexeme === '{') depth++;
    if (lexeme === ']' || lexeme === '}') depth--;
    // Plain and block scalars are announced by a mark, quoted ones begin with their quote, collections with their indicator.
    if (NODE_BEGINNINGS.includes(lexeme.charAt(0))) nodes++;
    if (depth > LIMITS.policyDepth)
      throw source.fail(offset, 'ERR_POLICY_LIMIT', `nested deeper than ${LIMITS.policyDepth} levels`);
    if (nodes > LIMITS.policyNodes)
      throw source.fail(offset, 'ERR_POLICY_LIMIT', `more than ${LIMITS.policyNodes} values`);
    for (const token of parser.next(lexeme)) {
      // The first fault ends it: a file of nothing but faults is otherwise the slowest of all.
      if (token.type === 'error') throw source.fail(token.offset, 'ERR_POLICY_SYNTAX', lowerFirst(token.message));
      tokens.push(token);
    }
    if (!MARKS.includes(lexeme)) offset += lexeme.length;
  }
  tokens.push(...parser.end());
  return tokens;
}

/** Walks the tokens without recursion, and refuses what the subset leaves out, at the place where it stands. */
function checkTokens(tokens: readonly CST.Token[], source: Source): void {
  const open: { readonly token: CST.Token; readonly depth: number }[] = [];
  for (const token of tokens) open.push({ token, depth: 0 });
  open.reverse();
  let documents = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    const refused = REFUSED_TOKENS[token.type];
    if (refused !== undefined) throw source.fail(token.offset, 'ERR_POLICY_SYNTAX', refused);
    if (token.type === 'document' && ++documents > 1)
      throw source.fail(token.offset, 'ERR_POLICY_SYNTAX', 'a second document begins here: one file holds one policy');
    if (depth > LIMITS.policyDepth)
      throw source.fail(token.offset, 'ERR_POLICY_LIMIT', `nested deeper than ${LIMITS.policyDepth} levels`);
    const inside: CST.Token[] = [];
    if ('start' in token && Array.isArray(token.start)) inside.push(...token.start);
    if ('value' in token && token.value !== undefined) inside.push(token.value);
    if ('items' in token)
      for (const item of token.items) {
        inside.push(...item.start);
        if (item.key != null) inside.push(item.key);
        if (item.sep !== undefined) inside.push(...item.sep);
        if (item.value !== undefined) inside.push(item.value);
      }
    for (const child of inside.reverse()) open.push({ token: child, depth: 'items' in token ? depth + 1 : depth });
  }
}

function compose(tokens: readonly CST.Token[], source: Source): MapNode {
  const composer = new Composer({ version: '1.2', schema: 'failsafe', uniqueKeys: false });
  const [document] = [...composer.compose(tokens)];
  const problem = document?.errors[0] ?? document?.warnings[0];
  if (problem !== undefined)
    throw source.fail(problem.pos[0], 'ERR_POLICY_SYNTAX', lowerFirst(problem.message), problem);
  const top = document?.contents;
  if (!isMap(top))
    throw source.fail(
      0,
      'ERR_POLICY_SYNTAX',
      'the file is empty or not a map: begin with `anchorhold: owner-policy/1`',
    );
  return toMap(top, source);
}

/** Turns what yaml gives into our tree; `from` is where to point when a value is missing. */
function toNode(value: ParsedNode | null, from: Position, source: Source): YamlNode {
  if (value === null) return { kind: 'text', at: from, text: '', plain: true };
  const at = source.at(value.range[0]);
  if (isScalar(value)) return { kind: 'text', at, text: checkText(value, source), plain: value.type === 'PLAIN' };
  if (isSeq(value)) return { kind: 'list', at, items: value.items.map((item) => toNode(item, at, source)) };
  if (isMap(value)) return toMap(value, source);
  throw source.fail(value.range[0], 'ERR_POLICY_SYNTAX', 'aliases are not allowed: write the value out');
}

function checkText({ value, range: [offset] }: Scalar.Parsed, source: Source): string {
  const text = String(value);
  if (encodeUtf8(text).length > LIMITS.policyScalarBytes)
    throw source.fail(offset, 'ERR_POLICY_LIMIT', `a text of more than ${LIMITS.policyScalarBytes} bytes`);
  // Escapes in quotes can bring back what was refused above.
  if (UNSEEN.test(text))
    throw source.fail(offset, 'ERR_POLICY_SYNTAX', `${quote(text)} holds a character that cannot be seen`);
  return text;
}

function toMap({ items, range: [offset] }: YAMLMap.Parsed, source: Source): MapNode {
  const at = source.at(offset);
  const seen = new Map<string, Position>();
  const entries = items.map((pair) => {
    const [keyOffset] = pair.key.range;
    const key = toNode(pair.key, at, source);
    if (key.kind !== 'text')
      throw source.fail(keyOffset, 'ERR_POLICY_SYNTAX', 'a key must be a word, not a list or map');
    if (key.text === '<<' && key.plain)
      throw source.fail(keyOffset, 'ERR_POLICY_SYNTAX', 'merge keys (<<) are not allowed: write the values out');
    const before = seen.get(key.text);
    if (before !== undefined)
      throw source.fail(
        keyOffset,
        'ERR_POLICY_SYNTAX',
        `key ${quote(key.text)} stands here a second time; the first is on line ${before.line}`,
      );
    seen.set(key.text, key.at);
    return { key, value: toNode(pair.value, key.at, source) };
  });
  return { kind: 'map', at, entries };
}
