/**
 * Reads interfaces written in WIT, as much of it as our own descriptions use, into the types of their functions. It reads what is compiled
 * in and nothing else, so what it cannot read is a fault of ours. [Component Model WIT.md]
 */
import { type Labelled, PRIMITIVES, type Primitive } from '../../component/syntax.ts';
import { type FunctionType, makeValueType, type Resource, type ValueType } from '../../component/value-type.ts';

/** The functions of an interface by their full names, such as `[method]pollable.block`. */
export type WitFunctions = ReadonlyMap<string, FunctionType>;

type Named =
  | { readonly is: 'value'; readonly type: ValueType }
  | { readonly is: 'resource'; readonly resource: Resource };

const TOKEN = /->|[A-Za-z_][A-Za-z0-9-]*|@0\.3|[{}()<>,;:./=]/g;
const NAMES: ReadonlySet<string> = new Set(PRIMITIVES);

class WitReader {
  readonly #tokens: readonly string[];
  #at = 0;
  /** Types by interface and name. */
  readonly #types = new Map<string, Map<string, Named>>();
  readonly interfaces = new Map<string, Map<string, FunctionType>>();

  constructor(text: string) {
    this.#tokens = text.match(TOKEN) ?? [];
  }

  read(): void {
    while (this.#at < this.#tokens.length) this.#interface();
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

  #interface(): void {
    this.#expect('interface');
    const name = this.#interfaceName();
    this.#expect('{');
    const types = new Map<string, Named>();
    const functions = new Map<string, FunctionType>();
    this.#types.set(name, types);
    this.interfaces.set(name, functions);
    while (!this.#take('}')) this.#member(name, types, functions);
  }

  #member(from: string, types: Map<string, Named>, functions: Map<string, FunctionType>): void {
    const word = this.#next();
    if (word === 'use') return this.#use(types);
    if (word === 'resource') return this.#resource(from, types, functions);
    const name = this.#next();
    if (name === ':') {
      functions.set(word, this.#function([], types));
      this.#expect(';');
    } else types.set(name, { is: 'value', type: this.#defined(word, types) });
  }

  #use(types: Map<string, Named>): void {
    const from = this.#interfaceName();
    this.#expect('.', '{');
    for (const name of this.#list('}', () => this.#next())) types.set(name, this.#named(from, name));
    this.#expect(';');
  }

  #named(from: string, name: string): Named {
    const found = this.#types.get(from)?.get(name);
    if (found === undefined) throw new TypeError(`the WIT has no ${from}.${name}`);
    return found;
  }

  /** Reads the body of a `record`, `variant`, `enum`, `flags` or `type`. */
  #defined(form: string, types: Map<string, Named>): ValueType {
    if (form === 'type') {
      this.#expect('=');
      const type = this.#type(types);
      this.#expect(';');
      return type;
    }
    this.#expect('{');
    if (form === 'record') return makeValueType({ kind: 'record', fields: this.#list('}', () => this.#field(types)) });
    if (form === 'variant') return makeValueType({ kind: 'variant', cases: this.#list('}', () => this.#case(types)) });
    if (form !== 'enum' && form !== 'flags') throw new TypeError(`${form} is no form of the WIT`);
    return makeValueType({ kind: form, labels: this.#list('}', () => this.#next()) });
  }

  #field(types: Map<string, Named>): Labelled<ValueType> {
    const label = this.#next();
    this.#expect(':');
    return [label, this.#type(types)];
  }

  #case(types: Map<string, Named>): Labelled<ValueType | null> {
    const label = this.#next();
    if (!this.#take('(')) return [label, null];
    const type = this.#type(types);
    this.#expect(')');
    return [label, type];
  }

  #resource(from: string, types: Map<string, Named>, functions: Map<string, FunctionType>): void {
    const name = this.#next();
    const resource: Resource = { of: 'host', interface: from, name };
    types.set(name, { is: 'resource', resource });
    if (this.#take(';')) return;
    this.#expect('{');
    while (!this.#take('}')) {
      const member = this.#next();
      if (member === 'constructor') {
        const { params } = this.#signature([], types);
        const result = makeValueType({ kind: 'own', resource });
        functions.set(`[constructor]${name}`, { params, result, isAsync: false });
      } else {
        this.#expect(':');
        const isStatic = this.#take('static');
        const self: Labelled<ValueType>[] = isStatic ? [] : [['self', makeValueType({ kind: 'borrow', resource })]];
        functions.set(`[${isStatic ? 'static' : 'method'}]${name}.${member}`, this.#function(self, types));
      }
      this.#expect(';');
    }
  }

  #function(self: readonly Labelled<ValueType>[], types: Map<string, Named>): FunctionType {
    const isAsync = this.#take('async');
    this.#expect('func');
    return { ...this.#signature(self, types), isAsync };
  }

  #signature(self: readonly Labelled<ValueType>[], types: Map<string, Named>): Omit<FunctionType, 'isAsync'> {
    this.#expect('(');
    const params = [...self, ...this.#list(')', () => this.#field(types))];
    return { params, result: this.#take('->') ? this.#type(types) : null };
  }

  #type(types: Map<string, Named>): ValueType {
    const word = this.#next();
    if (NAMES.has(word)) return makeValueType({ kind: word as Primitive });
    if (word === 'result') return this.#result(types);
    if (word === 'borrow') {
      this.#expect('<');
      const name = this.#next();
      this.#expect('>');
      const found = types.get(name);
      if (found?.is !== 'resource') throw new TypeError(`${name} is no resource of the WIT`);
      return makeValueType({ kind: 'borrow', resource: found.resource });
    }
    if (word === 'list' || word === 'option' || word === 'tuple') {
      this.#expect('<');
      if (word === 'tuple') return makeValueType({ kind: 'tuple', elements: this.#list('>', () => this.#type(types)) });
      const element = this.#type(types);
      this.#expect('>');
      return makeValueType({ kind: word, element });
    }
    if (word === 'stream' || word === 'future') {
      this.#expect('<');
      const element = this.#type(types);
      this.#expect('>');
      return makeValueType({ kind: word, element });
    }
    const found = types.get(word);
    if (found === undefined) throw new TypeError(`the WIT names ${word} before it says what it is`);
    return found.is === 'value' ? found.type : makeValueType({ kind: 'own', resource: found.resource });
  }

  #result(types: Map<string, Named>): ValueType {
    if (!this.#take('<')) return makeValueType({ kind: 'result', ok: null, err: null });
    const ok = this.#take('_') ? null : this.#type(types);
    const err = this.#take(',') ? this.#type(types) : null;
    this.#expect('>');
    return makeValueType({ kind: 'result', ok, err });
  }
}

/** Reads interfaces, the used before the using. */
export function parseWit(text: string): ReadonlyMap<string, WitFunctions> {
  const reader = new WitReader(text);
  reader.read();
  return reader.interfaces;
}
