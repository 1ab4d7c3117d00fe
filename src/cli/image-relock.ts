/** `anchorhold image relock`: pins the packages of the image anew, in the newest versions, for a person to review. */
import { DEBIAN_KEYRING, type Signature } from '../image/debian-index.ts';
import { nameOf } from '../image/inputs.ts';
import { type ImageLock, writeImageLock } from '../image/lock.ts';
import { listNpmPackages } from '../image/npm-lock.ts';
import { PACKAGE_FOLDER } from '../image/package-folder.ts';
import { relock } from '../image/relock.ts';
import { writeWholeFile } from '../io/files.ts';
import { type CliCommand, JSON_SWITCH } from './command.ts';
import { LOCK_OPTION, lockPath, openCache, openSource, readLock, SOURCE_OPTIONS } from './image-options.ts';
import { writeJson, writeLine, writeProgress } from './output.ts';

const KEEP = 'keep-versions';

const SIGNATURES: Readonly<Record<Signature, string>> = {
  verified: 'signed by Debian',
  unchecked: "NOT CHECKED: this machine has no gpgv, or no keys of Debian's (package debian-archive-keyring)",
};

/** Says what a new lock has that the old one has not. */
function changes(before: ImageLock, after: ImageLock): readonly string[] {
  const [old, now] = [before, after].map(({ packages, npm }) => new Set([...packages, ...npm].map(nameOf)));
  return [
    ...[...(old ?? [])].filter((name) => now?.has(name) === false).map((name) => `- ${name}`),
    ...[...(now ?? [])].filter((name) => old?.has(name) === false).map((name) => `+ ${name}`),
  ];
}

export const imageRelock: CliCommand = {
  summary: 'pin the packages of the image anew, in the newest versions, for a person to review',
  example: 'anchorhold image relock --lock image.lock.json',
  arguments: [],
  options: [
    LOCK_OPTION,
    {
      name: KEEP,
      value: null,
      summary: "keep the versions of Debian's packages, and pin only the files that are listed now",
      repeatable: false,
    },
    ...SOURCE_OPTIONS,
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const before = await readLock(input, io);
    // A lock without packages of npm, such as that of the boot test, is to have none.
    const npm = before.npm.length === 0 ? [] : ((await listNpmPackages(PACKAGE_FOLDER)) ?? before.npm);
    const { lock, signatures } = await relock({
      lock: before,
      npm,
      keepVersions: input.switches.has(KEEP),
      keyring: DEBIAN_KEYRING,
      now: new Date(),
      cache: openCache(input, io),
      mirror: openSource(input, before),
      progress: (line) => writeProgress(io, line),
    });
    const changed = changes(before, lock);
    const path = lockPath(input, io);
    await writeWholeFile(path, writeImageLock(lock));
    if (input.switches.has('json')) writeJson(io, { path, changed, signatures: Object.fromEntries(signatures) });
    else {
      for (const [suite, signature] of signatures) writeLine(io, `${suite}: ${SIGNATURES[signature]}`);
      for (const line of changed) writeLine(io, line);
      writeLine(io, `wrote ${path}`);
    }
    return 0;
  },
};
