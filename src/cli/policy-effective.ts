/** `anchorhold policy effective`: what several owners allow together, from their files or as a worker shows it after it was appraised. */
import { ConfigurationError, ERRORS } from '../errors.ts';
import type { CanonicalPolicy } from '../policy/canonical.ts';
import { combinePolicies } from '../policy/effective/effective.ts';
import { explainTogether } from '../policy/effective/explain-together.ts';
import { showEffective } from '../policy/effective/show-effective.ts';
import { renderDecision } from '../policy/explain.ts';
import type { OwnerPolicy } from '../policy/policy.ts';
import { type CliCommand, type CliInput, type CliIo, JSON_SWITCH, optionValue, optionValues } from './command.ts';
import { KDS_OPTIONS } from './kds-options.ts';
import { printable, writeJson, writeLine } from './output.ts';
import { openChannel } from './owner-worker.ts';
import { loadPolicy } from './policy.ts';
import { TRUST_OPTION } from './trust-option.ts';

interface Known {
  readonly policies: readonly CanonicalPolicy[];
  /** Owners in force whose policy this worker does not show to us. */
  readonly hidden: readonly string[];
  readonly simulated: boolean;
}

function usage(message: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
}

async function readFiles(files: readonly string[], io: CliIo): Promise<readonly OwnerPolicy[]> {
  const policies = await Promise.all(files.map((file) => loadPolicy(file, io)));
  const owners = policies.map(({ owner }) => owner);
  const twice = owners.find((owner, i) => owners.indexOf(owner) !== i);
  if (twice !== undefined) throw usage(`two of the files are of ${twice}: an owner has one policy in force`);
  return policies;
}

function readCallers(input: CliInput): ReadonlyMap<string, string> {
  return new Map(
    optionValues(input, 'as').map((pair) => {
      const [owner = '', names = '', ...rest] = pair.split('=');
      if (owner === '' || names === '' || rest.length > 0) throw usage(`--as ${printable(pair)}: write OWNER=CALLER`);
      return [owner, names] as const;
    }),
  );
}

/** Answers one question; a denial names the owner, the file and the line. */
function answer(policies: readonly OwnerPolicy[], text: string, input: CliInput, io: CliIo): number {
  const asked = { text, callers: readCallers(input), function: optionValue(input, 'function') };
  const decision = explainTogether(policies, asked, new Date());
  if (!decision.ok) throw usage(decision.why);
  const { decisions: _each, ...together } = decision.value;
  if (input.switches.has('json')) writeJson(io, { question: text, ...together });
  else for (const line of renderDecision(together).split('\n')) writeLine(io, printable(line));
  return together.code === null ? 0 : ERRORS[together.code].exit;
}

async function askWorker(url: string, input: CliInput, io: CliIo): Promise<Known> {
  await using channel = await openChannel(url, input, io);
  const shown = await channel.policies();
  return {
    policies: shown.flatMap(({ canonical }) => canonical ?? []),
    hidden: shown.filter(({ canonical }) => canonical === null).map(({ owner }) => owner),
    simulated: channel.appraisal.simulated,
  };
}

export const policyEffectiveCommand: CliCommand = {
  summary: 'say what several owners allow together',
  example: 'anchorhold policy effective hospital-a.yaml hospital-b.yaml',
  arguments: [{ name: 'file', summary: "the owners' policy files", required: false, repeatable: true }],
  options: [
    { name: 'worker', value: 'URL', summary: 'ask this worker for the policies in force instead', repeatable: false },
    { name: 'ask', value: 'QUESTION', summary: 'decide one question, such as "POST /risk-score"', repeatable: false },
    { name: 'as', value: 'OWNER=CALLER', summary: 'with --ask: who asks, as this owner names them', repeatable: true },
    { name: 'function', value: 'NAME', summary: 'with --ask: the function that wants out', repeatable: false },
    TRUST_OPTION,
    ...KDS_OPTIONS,
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const url = optionValue(input, 'worker');
    if ((url === null) === (input.positionals.length === 0)) throw usage('give policy files, or --worker URL');
    const ask = optionValue(input, 'ask');
    if (url !== null && ask !== null) throw usage('--ask is for files: only they have the lines that decide');
    const files = url === null ? await readFiles(input.positionals, io) : [];
    if (ask !== null) return answer(files, ask, input, io);
    const known =
      url === null
        ? { policies: files.map(({ canonical }) => canonical), hidden: [], simulated: false }
        : await askWorker(url, input, io);
    const functions = combinePolicies(known.policies);
    if (input.switches.has('json')) {
      writeJson(io, { simulated: known.simulated, hidden: known.hidden, functions });
      return 0;
    }
    if (known.simulated) writeLine(io, 'SIMULATED: this worker runs on a simulated AMD');
    for (const owner of known.hidden)
      writeLine(io, `${printable(owner)} does not show its policy: what follows holds only as far as it agrees`);
    io.stdout.write(showEffective(functions));
    return 0;
  },
};
