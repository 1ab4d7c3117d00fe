/**
 * The canonical functions that copy: read and write of streams and futures, and how a copy is given up. One that cannot end at once says
 * `blocked`, or makes its guest wait where the guest asked for that. [Component Model CanonicalABI.md, canon {stream,future}.{read,write}]
 */
import type { AbiContext, InstanceState } from '../call-context.ts';
import { GuestTrap } from '../trap.ts';
import { type Codec, GuestBuffer } from './copy-buffer.ts';
import { type EndType, endAt, type GuestEnd } from './guest-end.ts';
import { COPY, type CopyEnd } from './shared.ts';
import { checkMayBlock, waitOnOne } from './wait.ts';
import { EVENT, type GuestEvent } from './waitable.ts';

/** What a canonical function answers when its guest will be told later. */
export const BLOCKED: number = 0xffff_ffff | 0;

function codeOf({ kind, side }: EndType): number {
  if (kind === 'stream') return side === 'read' ? EVENT.streamRead : EVENT.streamWrite;
  return side === 'read' ? EVENT.futureRead : EVENT.futureWrite;
}

/** Makes what tells a guest how a copy went; it is worked out when the guest asks, because more may have been copied by then. */
function describe(end: GuestEnd, index: number, type: EndType, buffer: GuestBuffer, how: CopyEnd): GuestEvent {
  const isFuture = type.kind === 'future';
  end.progress = how === COPY.dropped || (isFuture && how === COPY.completed) ? 'done' : 'idle';
  return [codeOf(type), index, isFuture ? how : how | (buffer.done << 4)];
}

const payloadOf = ([, , payload]: GuestEvent): number => payload | 0;

/** Gives the answer of a copy that may have ended; otherwise waits, or says that it will be told later. */
function answer(end: GuestEnd, isAsync: boolean): number | Promise<number> {
  if (end.hasEvent) return payloadOf(end.takeEvent());
  if (isAsync) return BLOCKED;
  checkMayBlock(end.state);
  return waitOnOne(end).then(payloadOf);
}

/** Starts a copy of `count` items between a guest's memory and one of its ends. */
export function copy(
  cx: AbiContext,
  type: EndType,
  codec: Codec,
  isAsync: boolean,
  [index, pointer, count]: readonly [index: number, pointer: number, count: number],
): number | Promise<number> {
  const end = endAt(cx.state, index, type);
  if (end.progress !== 'idle') throw new GuestTrap('an end copies already, or is done');
  if (end.isInSet && !isAsync) throw new GuestTrap('an end is waited for twice');
  const buffer = new GuestBuffer(cx, codec, pointer, count);
  end.progress = 'copying';
  end.shared.start(
    {
      side: type.side,
      buffer,
      progressed: (release) =>
        end.setEvent(() => {
          release();
          return describe(end, index, type, buffer, COPY.completed);
        }),
      ended: (how) => end.setEvent(() => describe(end, index, type, buffer, how)),
    },
    type.element,
  );
  return answer(end, isAsync);
}

/** Gives a copy up that its guest started, at once; what was copied by then stays copied. So it does not matter whether a set holds the end. */
export function cancelCopy(
  state: InstanceState,
  type: EndType,
  isAsync: boolean,
  index: number,
): number | Promise<number> {
  const end = endAt(state, index, type);
  if (end.progress !== 'copying' || end.hasSyncWaiter) throw new GuestTrap('there is no copy to give up');
  end.progress = 'cancelling';
  if (!end.hasEvent) end.shared.cancel();
  return answer(end, isAsync);
}
