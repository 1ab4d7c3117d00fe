/**
 * Reads interfaces written in WIT, as much of it as our own descriptions use, into the types of their functions; each when it is first asked for,
 * because a guest uses few of them and every process would begin with all. It reads what is compiled in and nothing else, so what it cannot read
 * is a fault of ours. [Component Model WIT.md]
 */
import { type Labelled, PRIMITIVES, type Primitive } from '../../component/syntax.ts';
import { type FunctionType, makeValueType, type Resource, type ValueType } from '../../component/value-type.ts';

/** The functions of an interface by their full names, such as `[method]pollable.block`. */
export type WitFunctions = ReadonlyMap<string, FunctionType>;

/** Interfaces by their names, without a version of 0.2. */
export interface Wit {
  /** All of them, in the order of their text. */
  readonly names: readonly string[];
  /** Gives the functions of one; undefined when there is none of this name. @throws TypeError when it cannot be read */
  functionsOf(name: string): WitFunctions | undefined;
}

type Named =
  | { readonly is: 'value'; readonly type: ValueType }
  | { readonly is: 'resource'; readonly resource: Resource };

interface Interface {
  readonly types: ReadonlyMap<string, Named>;
  readonly functions: WitFunctions;
}

/** Gives an interface that another one uses. */
type FindInterface = (name: string) => Interface | undefined;

const INTERFACES = /^interface (\S+) /gm;
const TOKEN = /->|[A-Za-z_][A-Za-z0-9-]*|@0\.3|[{}()<>,;:./=]/g;
const NAMES: ReadonlySet<string> = new Set(PRIMITIVES);

/** Reads one interface. */
class InterfaceReader implements Interface {
  readonly #find: FindInterface;
  readonly #tokens: readonly string[];
  #at = 0;
  readonly types = new Map<string, Named>();
  readonly functions = new Map<string, FunctionType>();

  constructor(text: string, find: FindInterface) {
    this.#find = find;
    this.#tokens = text.match(TOKEN) ?? [];
    this.#expect('interface');
    const name = this.#interfaceName();
    this.#expect('{');
    while (!this.#take('}')) this.#member(name);
    if (this.#at < this.#tokens.length) throw new TypeError(`the WIT goes on after ${name}`);
  }

  #next(): string {
    const token = this.#tokens[this.#at];
    if (token === undefined) throw new TypeError('the WIT ends early');
    this.#at += 1;
    return token;
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#at] !== token) return false;
    this.#at += 1;
    return true;
  }

  #expect(...tokens: readonly string[]): void {
    for (const token of tokens) {
      const found = this.#next();
      if (found !== token) throw new TypeError(`${found} stands in the WIT where ${token} must`);
    }
  }

  /** Reads items up to a closing token, with commas between them. */
  #list<T>(close: string, item: () => T): readonly T[] {
    const items: T[] = [];
    while (!this.#take(close)) {
      items.push(item());
      if (!this.#take(',')) {
        this.#expect(close);
        break;
      }
    }
    return items;
  }

  #interfaceName(): string {
    const namespace = this.#next();
    this.#expect(':');
    const name = this.#next();
    this.#expect('/');
    const whole = `${namespace}:${name}/${this.#next()}`;
    return this.#take('@0.3') ? `${whole}@0.3` : whole;
  }

  #member(from: string): void {
    const word = this.#next();
    if (word === 'use') return this.#use();
    if (word === 'resource') return this.#resource(from);
    const name = this.#next();
    if (name === ':') {
      this.functions.set(word, this.#function([]));
      this.#expect(';');
    } else this.types.set(name, { is: 'value', type: this.#defined(word) });
  }

  #use(): void {
    const from = this.#interfaceName();
    this.#expect('.', '{');
    for (const name of this.#list('}', () => this.#next())) {
      const found = this.#find(from)?.types.get(name);
      if (found === undefined) throw new TypeError(`the WIT has no ${from}.${name}`);
      this.types.set(name, found);
    }
    this.#expect(';');
  }

  /** Reads the body of a `record`, `variant`, `enum`, `flags` or `type`. */
  #defined(form: string): ValueType {
    if (form === 'type') {
      this.#expect('=');
      const type = this.#type();
      this.#expect(';');
      return type;
    }
    this.#expect('{');
    if (form === 'record') return makeValueType({ kind: 'record', fields: this.#list('}', () => this.#field()) });
    if (form === 'variant') return makeValueType({ kind: 'variant', cases: this.#list('}', () => this.#case()) });
    if (form !== 'enum' && form !== 'flags') throw new TypeError(`${form} is no form of the WIT`);
    return makeValueType({ kind: form, labels: this.#list('}', () => this.#next()) });
  }

  #field(): Labelled<ValueType> {
    const label = this.#next();
    this.#expect(':');
    return [label, this.#type()];
  }

  #case(): Labelled<ValueType | null> {
    const label = this.#next();
    if (!this.#take('(')) return [label, null];
    const type = this.#type();
    this.#expect(')');
    return [label, type];
  }

  #resource(from: string): void {
    const name = this.#next();
    const resource: Resource = { of: 'host', interface: from, name };
    this.types.set(name, { is: 'resource', resource });
    if (this.#take(';')) return;
    this.#expect('{');
    while (!this.#take('}')) {
      const member = this.#next();
      if (member === 'constructor') {
        const { params } = this.#signature([]);
        const result = makeValueType({ kind: 'own', resource });
        this.functions.set(`[constructor]${name}`, { params, result, isAsync: false });
      } else {
        this.#expect(':');
        const isStatic = this.#take('static');
        const self: Labelled<ValueType>[] = isStatic ? [] : [['self', makeValueType({ kind: 'borrow', resource })]];
        this.functions.set(`[${isStatic ? 'static' : 'method'}]${name}.${member}`, this.#function(self));
      }
      this.#expect(';');
    }
  }

  #function(self: readonly Labelled<ValueType>[]): FunctionType {
    const isAsync = this.#take('async');
    this.#expect('func');
    return { ...this.#signature(self), isAsync };
  }

  #signature(self: readonly Labelled<ValueType>[]): Omit<FunctionType, 'isAsync'> {
    this.#expect('(');
    const params = [...self, ...this.#list(')', () => this.#field())];
    return { params, result: this.#take('->') ? this.#type() : null };
  }

  #type(): ValueType {
    const word = this.#next();
    if (NAMES.has(word)) return makeValueType({ kind: word as Primitive });
    if (word === 'result') return this.#result();
    if (word === 'borrow') {
      this.#expect('<');
      const name = this.#next();
      this.#expect('>');
      const found = this.types.get(name);
      if (found?.is !== 'resource') throw new TypeError(`${name} is no resource of the WIT`);
      return makeValueType({ kind: 'borrow', resource: found.resource });
    }
    if (word === 'list' || word === 'option' || word === 'tuple') {
      this.#expect('<');
      if (word === 'tuple') return makeValueType({ kind: 'tuple', elements: this.#list('>', () => this.#type()) });
      const element = this.#type();
      this.#expect('>');
      return makeValueType({ kind: word, element });
    }
    if (word === 'stream' || word === 'future') {
      this.#expect('<');
      const element = this.#type();
      this.#expect('>');
      return makeValueType({ kind: word, element });
    }
    const found = this.types.get(word);
    if (found === undefined) throw new TypeError(`the WIT names ${word} before it says what it is`);
    return found.is === 'value' ? found.type : makeValueType({ kind: 'own', resource: found.resource });
  }

  #result(): ValueType {
    if (!this.#take('<')) return makeValueType({ kind: 'result', ok: null, err: null });
    const ok = this.#take('_') ? null : this.#type();
    const err = this.#take(',') ? this.#type() : null;
    this.#expect('>');
    return makeValueType({ kind: 'result', ok, err });
  }
}

/** Takes the text of interfaces, each of which begins a line of its own. */
export function openWit(text: string): Wit {
  const starts = [...text.matchAll(INTERFACES)];
  const texts = new Map(starts.map((start, i) => [start[1] ?? '', text.slice(start.index, starts[i + 1]?.index)]));
  const known = new Map<string, Interface>();
  function find(name: string): Interface | undefined {
    const own = texts.get(name);
    const found = known.get(name) ?? (own === undefined ? undefined : new InterfaceReader(own, find));
    if (found !== undefined) known.set(name, found);
    return found;
  }
  return { names: [...texts.keys()], functionsOf: (name) => find(name)?.functions };
}
