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
  'the wrong kind of answer': (call) => pipe.write(encodeFrame(FRAME.exit, call, { code: 0, stderrBytes: 0 })),
  'a frame of the gate': (call) => pipe.write(encodeFrame(FRAME.call, call, {})),
  'bad CBOR': () => pipe.write(Uint8Array.of(0, 0, 0, 11, FRAME.answer, 0, 0, 0, 1, 0, 0, 0, 2, 0xbf, 0xff)),
  'logs twice': (call) => {
    for (const text of ['one', 'two']) pipe.write(encodeFrame(FRAME.log, call, { text }));
  },
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
};

pipe.on('data', (chunk: Buffer) => {
  for (const frame of read(chunk) ?? []) {
    if (frame.type === FRAME.load) (AT_START[how] ?? ready)();
    else if (frame.type === FRAME.egressAnswer) takeAnswer(frame);
    else AT_CALL[how]?.(frame.call);
  }
});
pipe.on('close', () => process.exit(0));
