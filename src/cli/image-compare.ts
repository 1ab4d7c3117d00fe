/** `anchorhold image compare`: says in words what differs between two images, the likeliest cause first. */
import { resolve } from 'node:path';
import { compareImages } from '../image/compare.ts';
import { readImage } from '../image/read-image.ts';
import { type CliCommand, JSON_SWITCH } from './command.ts';
import { printable, writeJson, writeLine } from './output.ts';

/** Exit code for images that are not the same. */
const EXIT_DIFFERENT = 1;

/** Consequences follow from the first cause; a page of them helps nobody. */
const MAX_SHOWN = 20;

export const imageCompare: CliCommand = {
  summary: 'say in words what differs between two images, the likeliest cause first',
  example: 'anchorhold image compare image published-image',
  arguments: [
    { name: 'first', summary: 'folder of an image', required: true, repeatable: false },
    { name: 'second', summary: 'folder of another', required: true, repeatable: false },
  ],
  options: [JSON_SWITCH],
  passThrough: false,
  async run(input, io) {
    const [first = '', second = ''] = input.positionals.map((path) => resolve(io.cwd, path));
    const differences = compareImages(await readImage(first), await readImage(second));
    if (input.switches.has('json')) writeJson(io, { same: differences.length === 0, differences });
    else {
      if (differences.length === 0) writeLine(io, 'the images are the same, bit by bit');
      for (const difference of differences.slice(0, MAX_SHOWN)) writeLine(io, printable(difference));
      const more = differences.length - MAX_SHOWN;
      if (more > 0) writeLine(io, `and ${more} more, which --json lists`);
    }
    return differences.length === 0 ? 0 : EXIT_DIFFERENT;
  },
};
