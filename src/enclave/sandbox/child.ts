/**
 * The function's own process: checks that it is locked down, loads one bundle from the pipe, and answers calls. Everything in here is
 * untrusted for the gate: it holds no secret, and what it says is read as if a stranger had said it.
 */
import { Socket } from 'node:net';
import { LIMITS } from '../../base/limits.ts';
import { NumberTable } from '../../base/number-table.ts';
import { parseBundle } from './bundle.ts';
import { type ChildCall, openChildCall } from './child-call.ts';
import { parseCommand, writeExit } from './command-messages.ts';
import { encodeFrame, type Frame, openFrameReader } from './frame.ts';
import { openFrameWriter } from './frame-writer.ts';
import { type Guest, openGuest } from './guest.ts';
import type { CancelHandle } from './guest-call.ts';
import { findOpenDoor, removeSignals } from './lockdown.ts';
import { FRAME, parseBodyMessage, parseEgressAnswer, parseRequestHead, writeResponseHead } from './messages.ts';
import { parseConnectAnswer, parseLookupAnswer } from './socket-messages.ts';

/** The gate is trusted, so what it sends is only capped by what a bundle can weigh. */
const INBOUND_BYTES = 4 * LIMITS.functionBytes;

const pipe = new Socket({ fd: 3, readable: true, writable: true });
const read = openFrameReader(INBOUND_BYTES);
/** A call that is not over, and how to end it; `open` is there for one that can have bodies and egress. */
interface RunningCall extends CancelHandle {
  wasCancelled: boolean;
  open: ChildCall | null;
}

const running = new NumberTable<RunningCall>();
let guest: Guest | null = null;

const writer = openFrameWriter(pipe);

function send(...parts: Parameters<typeof encodeFrame>): void {
  writer.send(encodeFrame(...parts));
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

async function answer(frame: Frame, called: Guest, handle: RunningCall): Promise<void> {
  const { call, head, body } = frame;
  const command = parseCommand(head, body);
  const request = command === null ? parseRequestHead(head, body) : null;
  const open = openChildCall(call, writer.send);
  handle.open = open;
  try {
    if (command !== null) {
      const exit = writeExit(await called.command(command, open.host, handle));
      open.end();
      send(FRAME.exit, call, exit.head, exit.body);
      return;
    }
    if (request === null) throw new TypeError('not a call');
    const response = await called.query(open.requestOf(request), open.host, handle);
    open.end();
    if (response !== null) send(FRAME.answer, call, writeResponseHead(response), response.body as Uint8Array);
  } finally {
    open.end();
  }
}

/** Answers one call; one that was cancelled is over without an answer, once its instance is dropped. */
async function run(frame: Frame, called: Guest): Promise<void> {
  const { call } = frame;
  const handle: RunningCall = { cancel: () => undefined, wasCancelled: false, open: null };
  running.set(call, handle);
  try {
    await answer(frame, called, handle);
  } catch (e) {
    if (handle.wasCancelled) send(FRAME.cancelled, call, {});
    else send(FRAME.trap, call, { text: textOf(e) });
  } finally {
    running.delete(call);
  }
}

/** Ends a call at the gate's word, which comes while a guest waits; one that computes is not heard of until the gate kills this process. */
function cancel(call: number): void {
  const handle = running.get(call);
  if (handle === undefined) return;
  handle.wasCancelled = true;
  handle.cancel();
}

function take(frame: Frame): void {
  if (frame.type === FRAME.load && guest === null) {
    load(frame).catch((e: unknown) => send(FRAME.refused, 0, { text: textOf(e) }));
  } else if (frame.type === FRAME.call && guest !== null) {
    void run(frame, guest);
  } else if (frame.type === FRAME.cancel) {
    cancel(frame.call);
  } else if (frame.type === FRAME.egressAnswer) {
    const parsed = parseEgressAnswer(frame.head, frame.body);
    if (parsed !== null) running.get(frame.call)?.open?.takeEgress(parsed.number, parsed.answer);
  } else if (frame.type === FRAME.lookupAnswer) {
    const parsed = parseLookupAnswer(frame.head);
    if (parsed !== null) running.get(frame.call)?.open?.sockets.takeLookup(parsed);
  } else if (frame.type === FRAME.connectAnswer) {
    const parsed = parseConnectAnswer(frame.head);
    if (parsed !== null) running.get(frame.call)?.open?.sockets.takeConnect(parsed);
  } else {
    const message = parseBodyMessage(frame);
    if (message !== null) running.get(frame.call)?.open?.takeBody(message);
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
