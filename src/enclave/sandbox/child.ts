/**
 * The function's own process: checks that it is locked down, loads one bundle from the pipe, and answers calls. Everything in here is
 * untrusted for the gate: it holds no secret, and what it says is read as if a stranger had said it.
 */
import { Socket } from 'node:net';
import { LIMITS } from '../../base/limits.ts';
import { parseBundle } from './bundle.ts';
import { encodeFrame, type Frame, openFrameReader } from './frame.ts';
import { type Guest, openGuest } from './guest.ts';
import type { CancelHandle } from './guest-call.ts';
import { findOpenDoor, removeSignals } from './lockdown.ts';
import {
  FRAME,
  parseCommandHead,
  parseEgressAnswer,
  parseRequestHead,
  writeEgressHead,
  writeResponseHead,
} from './messages.ts';
import type { AskOutside, EgressAnswer } from './sandbox.ts';

/** The gate is trusted, so what it sends is only capped by what a bundle can weigh. */
const INBOUND_BYTES = 4 * LIMITS.functionBytes;

const pipe = new Socket({ fd: 3, readable: true, writable: true });
const read = openFrameReader(INBOUND_BYTES);
/** Outgoing requests that wait for the gate, by call and number. */
const waiting = new Map<string, (answer: EgressAnswer) => void>();
/** Calls that are not over, and how to end each. */
const running = new Map<number, CancelHandle & { wasCancelled: boolean }>();
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

/** Makes the egress of one call; after the call's end nothing more is sent in its name. */
function openEgress(call: number): { egress: AskOutside; end: () => void } {
  let next = 0;
  let open = true;
  const egress: AskOutside = (request) => {
    if (!open) return Promise.resolve({ error: 'internal-error' });
    next += 1;
    const { promise, resolve } = Promise.withResolvers<EgressAnswer>();
    waiting.set(`${call}/${next}`, resolve);
    send(FRAME.egress, call, writeEgressHead(next, request), request.body);
    return promise;
  };
  const end = (): void => {
    open = false;
    for (const key of [...waiting.keys()].filter((k) => k.startsWith(`${call}/`))) waiting.delete(key);
  };
  return { egress, end };
}

async function answer(frame: Frame, called: Guest, handle: CancelHandle): Promise<void> {
  const { call, head, body } = frame;
  const command = parseCommandHead(head, body);
  if (command !== null) {
    const { code, stdout, stderr } = await called.command(command, handle);
    send(FRAME.exit, call, { code, stderrBytes: stderr.length }, Buffer.concat([stdout, stderr]));
    return;
  }
  const request = parseRequestHead(head, body);
  if (request === null) throw new TypeError('not a call');
  const { egress, end } = openEgress(call);
  try {
    const response = await called.query(request, egress, (text) => send(FRAME.log, call, { text }), handle);
    end();
    send(FRAME.answer, call, writeResponseHead(response), response.body);
  } finally {
    end();
  }
}

/** Answers one call; one that was cancelled is over without an answer, once its instance is dropped. */
async function run(frame: Frame, called: Guest): Promise<void> {
  const { call } = frame;
  const handle = { cancel: (): void => undefined, wasCancelled: false };
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
    if (parsed !== null) waiting.get(`${frame.call}/${parsed.number}`)?.(parsed.answer);
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
