/** A child that does not keep to the protocol, in the way its argument says. It sits where a function's process would. */
import { Socket } from 'node:net';
import { encodeFrame, type Frame, openFrameReader } from '../../../src/enclave/sandbox/frame.ts';
import { FRAME, parseEgressAnswer, writeEgressHead } from '../../../src/enclave/sandbox/messages.ts';

const how = process.argv[2] ?? '';
const pipe = new Socket({ fd: 3, readable: true, writable: true });
const read = openFrameReader(1024);
const ready = (): boolean => pipe.write(encodeFrame(FRAME.ready, 0, {}));

function flood(): void {
  for (let i = 0; i < 64; i++) process.stdout.write('x'.repeat(65_536));
  setTimeout(() => process.exit(1), 20);
}

/** Asks three times at once, and answers with the errors that it got, in the order of the numbers. */
function askForMuch(call: number): void {
  const request = {
    method: 'GET',
    scheme: 'https',
    authority: 'a.test',
    path: '/',
    headers: [],
    body: new Uint8Array(0),
  };
  for (const number of [1, 2, 3]) pipe.write(encodeFrame(FRAME.egress, call, writeEgressHead(number, request)));
}
const answers: string[] = [];
function takeAnswer(frame: Frame): void {
  const parsed = parseEgressAnswer(frame.head, frame.body);
  if (parsed !== null && 'error' in parsed.answer) answers[parsed.number - 1] = parsed.answer.error;
  if (Object.keys(answers).length < 3) return;
  const body = new TextEncoder().encode(answers.join(' '));
  pipe.write(encodeFrame(FRAME.answer, frame.call, { status: 200, headers: [] }, body));
}

/** Asks without end and takes no answer. */
function askForEver(call: number): void {
  pipe.pause();
  const request = {
    method: 'GET',
    scheme: 'https',
    authority: 'a.test',
    path: '/',
    headers: [],
    body: new Uint8Array(0),
  };
  let number = 0;
  const many = (): Buffer =>
    Buffer.concat(
      Array.from({ length: 500 }, () => encodeFrame(FRAME.egress, call, writeEgressHead(++number, request))),
    );
  const more = (): void => void pipe.write(many(), more);
  more();
}
const answerOf = (call: number): Uint8Array => encodeFrame(FRAME.answer, call, { status: 200, headers: [] });

/** Writes without end as fast as the other side takes it. */
function writeForEver(stream: NodeJS.WritableStream, piece: Uint8Array): void {
  const more = (): void => void stream.write(piece, more);
  more();
}

const AT_START: Readonly<Record<string, () => unknown>> = {
  'dies at start': () => process.exit(3),
  'is silent': () => undefined,
  'garbage at start': () => pipe.write('HTTP/1.1 200 OK\r\n\r\n'),
  'dies when ready': () => pipe.write(encodeFrame(FRAME.ready, 0, {}), () => process.exit(1)),
  refuses: () => pipe.write(encodeFrame(FRAME.refused, 0, { text: 'no' })),
};

const AT_CALL: Readonly<Record<string, (call: number) => unknown>> = {
  garbage: () => pipe.write('A'.repeat(64)),
  'a huge length': () => pipe.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff)),
  'ready twice': ready,
  'an unknown call': (call) => pipe.write(encodeFrame(FRAME.trap, call + 1, { text: '' })),
  'the wrong kind of answer': (call) =>
    pipe.write(encodeFrame(FRAME.exit, call, { code: 0, stdoutBytes: 0, stderrBytes: 0, treeBytes: [] })),
  'a frame of the gate': (call) => pipe.write(encodeFrame(FRAME.call, call, {})),
  'bad CBOR': () => pipe.write(Uint8Array.of(0, 0, 0, 11, FRAME.answer, 0, 0, 0, 1, 0, 0, 0, 2, 0xbf, 0xff)),
  'logs twice': (call) => {
    for (const text of ['one', 'two']) pipe.write(encodeFrame(FRAME.log, call, { text }));
  },
  'a lookup without a name': (call) => pipe.write(encodeFrame(FRAME.lookup, call, { number: 1 })),
  'a connection to a name': (call) =>
    pipe.write(encodeFrame(FRAME.connect, call, { number: 1, address: 'db.example.com', port: 1 })),
  'one number for two connections': (call) => {
    for (const port of [1, 2]) {
      pipe.write(encodeFrame(FRAME.connect, call, { number: 1, address: '192.0.2.1', port }));
    }
  },
  'bytes of no connection': (call) => pipe.write(encodeFrame(FRAME.piece, call, 7, Uint8Array.of(1))),
  'asks for much at once': askForMuch,
  'asks for ever and does not read': askForEver,
  'asks and dies': (call) => {
    askForMuch(call);
    setTimeout(() => process.exit(1), 200);
  },
  answers: (call) => pipe.write(answerOf(call)),
  // In one piece, so that the next call finds the child gone already.
  'answers twice': (call) => pipe.write(Buffer.concat([answerOf(call), answerOf(call)])),
  dies: () => process.exit(1),
  'closes the pipe': () => pipe.end(),
  'floods its output': flood,
  'floods its errors for ever': () => writeForEver(process.stderr, Buffer.alloc(65_536, 'y')),
  'never reads': () => pipe.pause(),
  'sends half a frame and ends': (call) => pipe.write(answerOf(call).subarray(0, 20), () => process.exit(0)),
  'sends half a frame and no more': (call) => pipe.write(answerOf(call).subarray(0, 20)),
  'sends single bytes of a frame that is too large': () => writeForEver(pipe, Uint8Array.of(0)),
  'answers and ends': (call) => pipe.write(answerOf(call), () => process.exit(0)),
  'answers, then sends frames for ever': (call) => {
    pipe.write(answerOf(call));
    writeForEver(pipe, encodeFrame(FRAME.log, call, { text: 'x' }));
  },
  'logs for ever': (call) => writeForEver(pipe, encodeFrame(FRAME.log, call, { text: 'x'.repeat(512) })),
  'exhausts its heap': () => {
    const kept: unknown[] = [];
    for (;;) kept.push(Array.from({ length: 1000 }, () => ({})));
  },
};

pipe.on('data', (chunk: Buffer) => {
  for (const frame of read(chunk) ?? []) {
    if (frame.type === FRAME.load) (AT_START[how] ?? ready)();
    else if (frame.type === FRAME.egressAnswer) takeAnswer(frame);
    else AT_CALL[how]?.(frame.call);
  }
});
pipe.on('close', () => process.exit(0));
