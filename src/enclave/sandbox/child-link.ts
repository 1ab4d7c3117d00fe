/**
 * The gate's end of one child process: writes frames, reads frames, drains what the child prints, and kills it. It judges nothing but
 * the form of frames; a child that breaks the form is dead at once.
 */
import type { ConfinedProcess } from './confined-process.ts';
import { type Frame, openFrameReader } from './frame.ts';
import { openFrameWriter } from './frame-writer.ts';

/** What is known when a child is gone: it broke the form, was killed on purpose, or ended by itself. */
export type ChildEnd = 'malformed' | 'killed' | 'ended';

export interface ChildLink {
  /** Its process; undefined when none could be made, or is not known yet. */
  readonly pid: number | undefined;
  send(frame: Uint8Array): void;
  /** Sends a frame; resolves when the child's end has taken it, or will never. */
  deliver(frame: Uint8Array): Promise<void>;
  /** Kills the child and tells `onEnd`; does nothing when it is already gone. */
  kill(end: ChildEnd): void;
  /** Resolves when the process no longer exists. */
  readonly gone: Promise<void>;
}

export interface ChildEvents {
  /** Gives false when the frame is nothing that this child may say now; the child is then killed as malformed. */
  readonly onFrame: (frame: Frame) => boolean;
  /** Is called once. */
  readonly onEnd: (end: ChildEnd) => void;
  /** Gets what the child prints, a line at a time, printable, and only the first 16 KiB. */
  readonly onPrint: (line: string) => void;
}

const PRINTED_BYTES = 16 * 1024;
/** Frames of one child that are taken before others have their turn: a millisecond or two. */
const FRAMES_PER_TURN = 64;
/** What one read gives at most; with less, nothing more is there yet. */
const WHOLE_READ = 64 * 1024;

/** Children that the gate takes with it when it ends; one listener for all, however many functions there are. */
const EXISTING = new Set<ConfinedProcess>();
process.once('exit', () => {
  for (const child of EXISTING) child.kill();
});

function drain({ output }: ConfinedProcess, onPrint: (line: string) => void): void {
  let left = PRINTED_BYTES;
  for (const stream of output) {
    stream.on('data', (chunk: Buffer) => {
      const text = chunk.subarray(0, left).toString();
      left -= Math.min(left, chunk.length);
      for (const line of text.split('\n')) if (line.length > 0) onPrint(line.replace(/[^\x20-\x7e]/g, '?'));
    });
    stream.on('error', () => undefined);
  }
}

/** Opens the link to a child that was just spawned; frames over `maxBytes` are malformed. */
export function openChildLink(child: ConfinedProcess, maxBytes: number, events: ChildEvents): ChildLink {
  const { pipe } = child;
  const read = openFrameReader(maxBytes);
  const writer = pipe === undefined ? null : openFrameWriter(pipe);
  let over = false;
  const { promise: gone, resolve: isGone } = Promise.withResolvers<void>();
  EXISTING.add(child);

  function kill(end: ChildEnd): void {
    if (over) return;
    over = true;
    // First, so that a child which sees its pipe close has no moment of its own.
    child.kill();
    pipe?.destroy();
    events.onEnd(end);
  }
  function leave(): void {
    EXISTING.delete(child);
    isGone();
    kill('ended');
  }

  /** Frames that were read and not taken yet. */
  let waiting: readonly Frame[] = [];

  /** Takes some frames, and the rest when the others had their turn: a child that floods must not keep the gate to itself. */
  function take(): void {
    const now = waiting.slice(0, FRAMES_PER_TURN);
    waiting = waiting.slice(FRAMES_PER_TURN);
    for (const frame of now) if (!over && !events.onFrame(frame)) return kill('malformed');
    if (over || pipe === undefined) return;
    if (waiting.length > 0) setImmediate(take);
    // Who does not take answers may not ask on: they would pile up here.
    else if (!pipe.writableNeedDrain) pipe.resume();
  }

  drain(child, events.onPrint);
  pipe?.on('data', (chunk: Uint8Array) => {
    const frames = read(chunk);
    if (frames === null) return kill('malformed');
    if (frames.length <= FRAMES_PER_TURN && chunk.length < WHOLE_READ) {
      for (const frame of frames) if (!over && !events.onFrame(frame)) return kill('malformed');
      if (!over && pipe.writableNeedDrain) pipe.pause();
      return;
    }
    pipe.pause();
    waiting = frames;
    setImmediate(take);
  });
  pipe?.on('drain', () => {
    if (waiting.length === 0) pipe.resume();
  });
  // The child's end is what its exit says; a pipe that fails before it only makes sure that there is one.
  pipe?.on('error', () => kill('ended'));
  pipe?.on('end', () => kill('ended'));
  void child.ended.then(leave);

  return {
    get pid() {
      return child.pid;
    },
    send(frame) {
      if (!over) writer?.send(frame);
    },
    async deliver(frame) {
      if (!over) await writer?.deliver(frame);
    },
    kill,
    gone,
  };
}
