/** How items of a stream or future lie in a guest's memory: read and written as the values of a call are. [Component Model CanonicalABI.md, Buffer State] */
import { makeLoad } from '../load.ts';
import { makeStore } from '../store.ts';
import type { ValueType } from '../value-type.ts';
import type { Codec } from './copy-buffer.ts';

/** Makes what copies items of a type. */
export function makeCodec(element: ValueType | null): Codec {
  if (element === null) {
    return { size: 0, align: 1, load: (_, __, count) => Array.from({ length: count }), store: () => undefined };
  }
  if (element.kind === 'u8') {
    return {
      size: 1,
      align: 1,
      load: (cx, pointer, count) => cx.memory.bytes(pointer, count).slice(),
      store: (cx, pointer, items) => cx.memory.bytes(pointer, items.length).set(items as Uint8Array),
    };
  }
  const { size, align } = element;
  const [load, store] = [makeLoad(element), makeStore(element)];
  return {
    size,
    align,
    load: (cx, pointer, count) => Array.from({ length: count }, (_, i) => load(cx, pointer + i * size)),
    store: (cx, pointer, items) => {
      for (const [i, item] of items.entries()) store(cx, pointer + i * size, item);
    },
  };
}
