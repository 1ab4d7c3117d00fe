/** The commands of `anchorhold data` and `anchorhold secret` as the command line knows them: what each takes; vault.ts has what each does. */
import { type CliArgument, type CliCommand, type CliOption, JSON_SWITCH } from './command.ts';
import { KDS_OPTIONS } from './kds-options.ts';
import { OWNER_KEY_OPTIONS } from './owner-keys.ts';
import { OWNER_WORKER_OPTIONS } from './owner-worker.ts';
import { TRUST_OPTION } from './trust-option.ts';
import { dataList, dataPut, forgetNamed, secretPut } from './vault.ts';

const argument = (name: string, summary: string): CliArgument => ({ name, summary, required: true, repeatable: false });
const URL_ARGUMENT = argument('url', "the worker's https:// address");

const OWNER: CliOption = {
  name: 'owner',
  value: 'NAME',
  summary: 'whose it is (default: the only owner whom the worker has)',
  repeatable: false,
};
const SIGNED: readonly CliOption[] = [OWNER, ...OWNER_KEY_OPTIONS, ...OWNER_WORKER_OPTIONS];

export const dataPutCommand: CliCommand = {
  summary: 'seal a file to an attested worker, for the functions that its owner lists',
  example: 'anchorhold data put https://localhost:8443 patients.csv --as patients --key owner.key',
  arguments: [URL_ARGUMENT, argument('file', 'the file to load')],
  options: [
    { name: 'as', value: 'NAME', summary: 'the name of the data in the policy (required)', repeatable: false },
    ...SIGNED,
  ],
  passThrough: false,
  run: dataPut,
};

export const dataForgetCommand: CliCommand = {
  summary: 'have a worker forget data that was loaded',
  example: 'anchorhold data forget https://localhost:8443 patients --key owner.key',
  arguments: [URL_ARGUMENT, argument('name', 'the name of the data in the policy')],
  options: SIGNED,
  passThrough: false,
  run: (input, io) => forgetNamed('data', input, io),
};

export const dataListCommand: CliCommand = {
  summary: 'say which data and secrets of the policies in force a worker holds',
  example: 'anchorhold data list https://localhost:8443',
  arguments: [URL_ARGUMENT],
  options: [TRUST_OPTION, ...KDS_OPTIONS, JSON_SWITCH],
  passThrough: false,
  run: dataList,
};

export const secretPutCommand: CliCommand = {
  summary: 'seal a secret from stdin or a file to an attested worker, for the gate to put into requests',
  example: 'anchorhold secret put https://localhost:8443 lookup-token --key owner.key < token.txt',
  arguments: [URL_ARGUMENT, argument('name', 'the name of the secret in the policy')],
  options: [
    { name: 'file', value: 'FILE', summary: 'read the secret from here instead of stdin', repeatable: false },
    ...SIGNED,
  ],
  passThrough: false,
  run: secretPut,
};

export const secretForgetCommand: CliCommand = {
  summary: 'have a worker forget a secret',
  example: 'anchorhold secret forget https://localhost:8443 lookup-token --key owner.key',
  arguments: [URL_ARGUMENT, argument('name', 'the name of the secret in the policy')],
  options: SIGNED,
  passThrough: false,
  run: (input, io) => forgetNamed('secret', input, io),
};
