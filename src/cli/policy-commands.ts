/** The commands of `anchorhold policy` as the command line knows them: what each takes; policy.ts has what each does. */
import { type CliArgument, type CliCommand, type CliInput, type CliIo, JSON_SWITCH, optionValue } from './command.ts';
import {
  type PolicyInput,
  policyCheck,
  policyDiff,
  policyDigest,
  policyExplain,
  policyShow,
  policyTest,
} from './policy.ts';

const FILE: CliArgument = { name: 'file', summary: "the owner's policy file", required: true, repeatable: false };

function policyInput(input: CliInput): PolicyInput {
  return { file: input.positionals[0] ?? '', json: input.switches.has('json') };
}

/** Makes a command that takes a policy file and nothing else. */
function fileCommand(
  summary: string,
  example: string,
  run: (input: PolicyInput, io: CliIo) => Promise<number>,
): CliCommand {
  return {
    summary,
    example,
    arguments: [FILE],
    options: [JSON_SWITCH],
    passThrough: false,
    run: (input, io) => run(policyInput(input), io),
  };
}

export const policyCheckCommand: CliCommand = fileCommand(
  'check an owner policy, and show each problem with its line',
  'anchorhold policy check hospital-a.yaml',
  policyCheck,
);

export const policyExplainCommand: CliCommand = {
  summary: 'say whether a policy allows a query or a connection, and why',
  example: 'anchorhold policy explain hospital-a.yaml "POST /risk-score as analysts"',
  arguments: [
    FILE,
    {
      name: 'question',
      summary: '"POST /risk-score as analysts", or "GET https://host/path" or "tcp://host:port" for a way out',
      required: true,
      repeatable: false,
    },
  ],
  options: [
    { name: 'at', value: 'INSTANT', summary: 'decide for this RFC 3339 instant instead of now', repeatable: false },
    JSON_SWITCH,
  ],
  passThrough: false,
  run: (input, io) =>
    policyExplain({ ...policyInput(input), question: input.positionals[1] ?? '', at: optionValue(input, 'at') }, io),
};

export const policyShowCommand: CliCommand = fileCommand(
  'read a policy back in plain English',
  'anchorhold policy show hospital-a.yaml',
  policyShow,
);

export const policyTestCommand: CliCommand = fileCommand(
  'run the tests that stand in a policy',
  'anchorhold policy test hospital-a.yaml',
  policyTest,
);

export const policyDigestCommand: CliCommand = fileCommand(
  'print the digest that trust files and claims name',
  'anchorhold policy digest hospital-a.yaml',
  policyDigest,
);

export const policyDiffCommand: CliCommand = {
  summary: 'say what a new version of a policy opens and what it closes',
  example: 'anchorhold policy diff hospital-a.yaml hospital-a-8.yaml',
  arguments: [
    { name: 'old', summary: 'the policy as it was', required: true, repeatable: false },
    { name: 'new', summary: 'the policy as it is to be', required: true, repeatable: false },
  ],
  options: [JSON_SWITCH],
  passThrough: false,
  run: (input, io) => policyDiff({ ...policyInput(input), newer: input.positionals[1] ?? '' }, io),
};
