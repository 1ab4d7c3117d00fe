/**
 * From QEMU's start to the first verified answer: the production image with the test module, emulated, one vCPU, 384 MB. Needs what
 * `make test-boot` installs and builds. Times of the wall, so they are this machine's and its neighbours'.
 */
import { bootAttestedMachine } from '../../test/boot/attested-machine.ts';
import { lackOf } from '../../test/boot/needs.ts';
import { type BenchCase, figure, median } from '../case.ts';

const TURNS = 5;
const PROMISED_MS = 15_000;

export const boot: BenchCase = {
  name: 'boot',
  about: `from the start of an emulated machine to its first verified answer, ${TURNS} times`,
  async run() {
    const lack = lackOf(['image', 'qemu', 'programs']);
    if (lack !== null) return lack;
    const [listening, answered]: [number[], number[]] = [[], []];
    for (let turn = 0; turn < TURNS; turn++) {
      await using machine = await bootAttestedMachine('host');
      listening.push(machine.listeningMs);
      answered.push(machine.answeredMs);
    }
    return [
      figure('worker listens, p50', 'ms', median(listening)),
      figure('first verified answer, p50', 'ms', median(answered), PROMISED_MS),
      figure('first verified answer, max', 'ms', Math.max(...answered), PROMISED_MS),
    ];
  },
};
