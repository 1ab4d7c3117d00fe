/** Both directions of a connection as streams of WASI 0.2: whoever drops one says that this direction is over. [WASI 0.2.12 wasi:sockets/tcp] */
import type { Connection } from '../net/outside.ts';
import type { ByteSink, ByteSource } from './byte-stream.ts';
import { InputStream, OutputStream } from './io.ts';

class SocketInput extends InputStream {
  readonly #end: () => void;
  constructor(source: ByteSource) {
    super(source);
    this.#end = () => source.cancel();
  }
  [Symbol.dispose](): void {
    this.#end();
  }
}

class SocketOutput extends OutputStream {
  readonly #end: () => void;
  constructor(sink: ByteSink) {
    super(sink);
    this.#end = () => sink.end();
  }
  [Symbol.dispose](): void {
    this.#end();
  }
}

/** Makes the two streams of a connection. */
export function openSocketStreams({ source, sink }: Connection): readonly [InputStream, OutputStream] {
  return [new SocketInput(source), new SocketOutput(sink)];
}
