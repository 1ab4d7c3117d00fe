/**
 * Where the instances of one function come from. `fresh`: each call has one that no call had before it, made ahead of time where that is
 * possible. `pooled`: calls follow each other in the same few. Knows nothing of what an instance is; one call at a time is in its hands.
 */

export interface InstanceSupply<Instance> {
  /** Gives an instance that is nobody else's; throws what making one throws. */
  take(): Instance;
  /** Takes an instance back after its call; one that is not `sound` (a trap, an exit, a deadline) is never used again. */
  giveBack(instance: Instance, sound: boolean): void;
}

export interface InstanceMaker<Instance> {
  readonly make: () => Instance;
  readonly close: (instance: Instance, sound: boolean) => void;
  /** Runs something when the process has nothing more urgent to do. */
  readonly later: (run: () => void) => void;
}

/** Opens a supply of instances that are used once; `ahead` of them are made before anybody asks, off the way of a request. */
export function openFreshSupply<Instance>(
  { make, close, later }: InstanceMaker<Instance>,
  ahead: number,
): InstanceSupply<Instance> {
  const made: Instance[] = [];
  let refilling = false;

  /** Makes one at a time, so that requests that arrive meanwhile get their turn in between. */
  function refill(): void {
    if (refilling || made.length >= ahead) return;
    refilling = true;
    later(() => {
      refilling = false;
      try {
        made.push(make());
      } catch {
        // Whoever asks next makes one, and is told why it cannot be made.
        return;
      }
      refill();
    });
  }

  refill();
  return {
    take() {
      const instance = made.pop() ?? make();
      refill();
      return instance;
    },
    giveBack: close,
  };
}

/** Opens a supply of instances that are used again and again, each for one call at a time; at most `maxIdle` wait for a call. */
export function openPooledSupply<Instance extends object>(
  { make, close }: InstanceMaker<Instance>,
  { maxCalls, maxIdle }: { readonly maxCalls: number; readonly maxIdle: number },
): InstanceSupply<Instance> {
  const idle: Instance[] = [];
  const calls = new WeakMap<Instance, number>();
  return {
    take: () => idle.pop() ?? make(),
    giveBack(instance, sound) {
      const before = calls.get(instance) ?? 0;
      calls.set(instance, before + 1);
      if (sound && before + 1 < maxCalls && idle.length < maxIdle) idle.push(instance);
      else close(instance, sound);
    },
  };
}
