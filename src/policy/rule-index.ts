/**
 * Rules by what they name, so that a decision looks only at those that can match: paths part by part, hosts by their name or by all but the
 * first label, callers by name. Made once for a list of rules; what is found is what a walk through the list would find, in its order.
 */
import { isCoveredByRest, isCoveredByWildcard } from './path.ts';
import type { PathPattern } from './policy.ts';

/** A rule, and where it stands in its list. */
interface Entry<T> {
  readonly rule: T;
  readonly order: number;
}

function inOrder<T>(found: readonly Entry<T>[]): readonly T[] {
  const sorted = found.length < 2 ? found : found.toSorted((a, b) => a.order - b.order);
  return sorted.map(({ rule }) => rule);
}

interface PathNode<T> {
  readonly named: Map<string, PathNode<T>>;
  any: PathNode<T> | null;
  /** Patterns that end here. */
  readonly ends: Entry<T>[];
  /** Patterns that take any rest from here. */
  readonly rests: Entry<T>[];
}

const newNode = <T>(): PathNode<T> => ({ named: new Map(), any: null, ends: [], rests: [] });

function nextNode<T>(node: PathNode<T>, name: string): PathNode<T> {
  const next = (name === '*' ? node.any : node.named.get(name)) ?? newNode<T>();
  if (name === '*') node.any = next;
  else node.named.set(name, next);
  return next;
}

/** Path patterns as a tree of their parts. */
class PathTree<T> {
  readonly #root: PathNode<T> = newNode();

  add({ segments }: PathPattern, entry: Entry<T>): void {
    const isOpen = segments.at(-1) === '**';
    const node = (isOpen ? segments.slice(0, -1) : segments).reduce(nextNode<T>, this.#root);
    (isOpen ? node.rests : node.ends).push(entry);
  }

  /** Gives the entries whose pattern names the path; at most as many steps as there are parts in all patterns. */
  find(segments: readonly string[]): readonly Entry<T>[] {
    const found: Entry<T>[] = [];
    let nodes: PathNode<T>[] = [this.#root];
    for (const [i, segment] of segments.entries()) {
      const isWild = isCoveredByWildcard(segment);
      const isRest = isCoveredByRest(segments, i);
      const next: PathNode<T>[] = [];
      for (const { named, any, rests } of nodes) {
        const node = named.get(segment);
        if (node !== undefined) next.push(node);
        if (isWild && any !== null) next.push(any);
        if (isRest) found.push(...rests);
      }
      nodes = next;
    }
    for (const { ends } of nodes) found.push(...ends);
    return found;
  }
}

/** Gives the value of a key, made when it is not there. */
function getOrMake<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const value = map.get(key) ?? make();
  map.set(key, value);
  return value;
}

/** Rules by a group of their own (a method, an origin) and their path. */
export class PathIndex<T extends { readonly path: PathPattern }> {
  readonly #trees = new Map<string, PathTree<T>>();

  constructor(rules: readonly T[], group: (rule: T) => string) {
    for (const [order, rule] of rules.entries())
      getOrMake(this.#trees, group(rule), () => new PathTree<T>()).add(rule.path, { rule, order });
  }

  /** Gives the rules of any of the groups that name the path. */
  find(groups: readonly string[], segments: readonly string[]): readonly T[] {
    return inOrder(groups.flatMap((group) => this.#trees.get(group)?.find(segments) ?? []));
  }
}

/** Rules by keys, of which each has any number: the names of its callers, its host. */
export class KeyIndex<T> {
  readonly #entries = new Map<string, Entry<T>[]>();

  constructor(rules: readonly T[], keys: (rule: T) => readonly string[]) {
    for (const [order, rule] of rules.entries()) {
      const entry = { rule, order };
      for (const key of new Set(keys(rule))) getOrMake(this.#entries, key, () => []).push(entry);
    }
  }

  /** Gives the rules that have any of the keys. */
  find(keys: Iterable<string>): readonly T[] {
    const found = [...keys].map((key) => this.#entries.get(key) ?? []);
    return inOrder([...new Set(found.flat())]);
  }
}

/** Names in the order of a list, so that those of a set can be had in it without a walk through the list. */
export class NameOrder {
  readonly #places: ReadonlyMap<string, number>;

  constructor(names: readonly string[]) {
    this.#places = new Map(names.map((name, place) => [name, place]));
  }

  has(name: string): boolean {
    return this.#places.has(name);
  }

  /** Gives those names of a set that are listed, in the order of the list. */
  pick(names: ReadonlySet<string>): readonly string[] {
    const place = (name: string): number => this.#places.get(name) ?? 0;
    return [...names].filter((name) => this.has(name)).sort((a, b) => place(a) - place(b));
  }
}

/** Makes something of an object once, and remembers it as long as the object lives. */
export function oncePer<K extends object, V>(make: (key: K) => V): (key: K) => V {
  const made = new WeakMap<K, V>();
  return (key) => {
    const value = made.get(key) ?? make(key);
    made.set(key, value);
    return value;
  };
}
