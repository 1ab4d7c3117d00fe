/**
 * The function's own process: checks that it is locked down, loads one bundle from the pipe, and answers calls. Everything in here is
 * untrusted for the gate: it holds no secret, and what it says is read as if a stranger had said it.
 */
import { Socket } from 'node:net';
import { LIMITS } from '../../base/limits.ts';
import { parseBundle } from './bundle.ts';
import { type ChildCall, openChildCall } from './child-call.ts';
import { encodeFrame, type Frame, openFrameReader } from './frame.ts';
import { type Guest, openGuest } from './guest.ts';
import { findOpenDoor, removeSignals } from './lockdown.ts';
import {
  FRAME,
  parseBodyMessage,
  parseCommandHead,
  parseEgressAnswer,
  parseRequestHead,
  writeResponseHead,
} from './messages.ts';

/** The gate is trusted, so what it sends is only capped by what a bundle can weigh. */
const INBOUND_BYTES = 4 * LIMITS.functionBytes;

const pipe = new Socket({ fd: 3, readable: true, writable: true });
const read = openFrameReader(INBOUND_BYTES);
const calls = new Map<number, ChildCall>();
let guest: Guest | null = null;

function send(...parts: Parameters<typeof encodeFrame>): void {
  pipe.write(encodeFrame(...parts));
}

const textOf = (e: unknown): string => (e instanceof Error ? e.message : String(e)).slice(0, 512);

async function load(frame: Frame): Promise<void> {
  removeSignals();
  const door = findOpenDoor();
  if (door !== null) throw new TypeError(`this process is not locked down: ${door}`);
  const parsed = parseBundle(frame);
  if (parsed === null) throw new TypeError('not a bundle');
  guest = await openGuest(parsed.bundle, parsed.outputBytes);
  send(FRAME.ready, 0, {});
}

async function answer(frame: Frame, running: Guest): Promise<void> {
  const { call, head, body } = frame;
  const command = parseCommandHead(head, body);
  if (command !== null) {
    const { code, stdout, stderr } = await running.command(command);
    send(FRAME.exit, call, { code, stderrBytes: stderr.length }, Buffer.concat([stdout, stderr]));
    return;
  }
  const request = parseRequestHead(head, body);
  if (request === null) throw new TypeError('not a call');
  const open = openChildCall(call, (bytes) => pipe.write(bytes));
  calls.set(call, open);
  try {
    const response = await running.query(open.requestOf(request), open.host);
    open.end();
    if (response !== null) send(FRAME.answer, call, writeResponseHead(response), response.body as Uint8Array);
  } finally {
    open.end();
    calls.delete(call);
  }
}

function take(frame: Frame): void {
  if (frame.type === FRAME.load && guest === null) {
    load(frame).catch((e: unknown) => send(FRAME.refused, 0, { text: textOf(e) }));
  } else if (frame.type === FRAME.call && guest !== null) {
    answer(frame, guest).catch((e: unknown) => send(FRAME.trap, frame.call, { text: textOf(e) }));
  } else if (frame.type === FRAME.egressAnswer) {
    const parsed = parseEgressAnswer(frame.head, frame.body);
    if (parsed !== null) calls.get(frame.call)?.takeEgress(parsed.number, parsed.answer);
  } else if (frame.type === FRAME.stop) {
    calls.get(frame.call)?.stop();
  } else {
    const message = parseBodyMessage(frame);
    if (message !== null) calls.get(frame.call)?.takeBody(message);
  }
}

// Glue may leave a promise of a dropped instance behind; that is its call's end, not the process's.
process.on('unhandledRejection', () => undefined);
pipe.on('data', (chunk: Buffer) => {
  const frames = read(chunk);
  if (frames === null) process.exit(1);
  for (const frame of frames) take(frame);
});
pipe.on('close', () => process.exit(0));
