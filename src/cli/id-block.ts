/**
 * `anchorhold id-block`: signs a launch digest and a guest policy with the owner's key, in the two forms that a host hands to the
 * firmware. It measures nothing; `anchorhold measure` gives the digest.
 */
import { createPrivateKey } from 'node:crypto';
import { resolve } from 'node:path';
import { encodeIdAuth, signIdBlock, verifyIdAuth } from '../attestation/measurement/id-auth.ts';
import { encodeIdBlock } from '../attestation/measurement/id-block.ts';
import { type IdSigner, idKeyDigest, openIdSigner } from '../attestation/measurement/id-key.ts';
import { encodeBase64, encodeHex, parseHex } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { ConfigurationError, SecretError } from '../errors.ts';
import { readTextFile } from '../io/files.ts';
import { type CliCommand, type CliInput, type CliIo, JSON_SWITCH, optionValue } from './command.ts';
import { writeJson, writeLine } from './output.ts';

function usage(message: string): ConfigurationError {
  return new ConfigurationError('ERR_CONFIGURATION_USAGE', message);
}

/** Reads an option of so many bytes in hex. */
function readHex(input: CliInput, name: string, size: number, absent: Uint8Array | null): Uint8Array {
  const text = optionValue(input, name);
  const bytes = text === null ? absent : parseHex(text.toLowerCase(), size);
  if (bytes === null) throw usage(`--${name} ${text ?? 'is missing'}: write ${size * 2} hex digits`);
  return bytes;
}

/** Reads an option that is a number of at most so many bits. */
function readNumber(input: CliInput, name: string, bits: number, absent: string | null): bigint {
  const text = optionValue(input, name) ?? absent;
  const value = text !== null && /^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(text) ? BigInt(text) : null;
  if (value === null || value !== BigInt.asUintN(bits, value)) {
    throw usage(`--${name} ${text ?? 'is missing'}: write a number of at most ${bits} bits such as 0x30000`);
  }
  return value;
}

/** The bit of a guest policy that must be one, or no machine starts with it. [SNP-ABI 1.58 GUEST_POLICY] */
const ALWAYS_ONE = 1n << 17n;

function readGuestPolicy(input: CliInput): bigint {
  const policy = readNumber(input, 'guest-policy', 64, null);
  if ((policy & ALWAYS_ONE) === 0n) {
    throw usage(
      `--guest-policy 0x${policy.toString(16)}: bit 17 must be one, as in 0x30000; no machine starts without it`,
    );
  }
  return policy;
}

/** Opens a private key in PEM; what openssl writes by default is taken too. */
async function openKey(path: string, io: CliIo): Promise<IdSigner> {
  const pem = await readTextFile(resolve(io.cwd, path), LIMITS.configurationBytes);
  let pkcs8: Uint8Array<ArrayBuffer>;
  try {
    pkcs8 = Uint8Array.from(createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' }));
  } catch (cause) {
    const what = `${path} holds no private key in PEM that can be read without a passphrase`;
    throw new SecretError('ERR_SECRET_UNREADABLE', what, { cause });
  }
  try {
    return await openIdSigner(pkcs8);
  } catch (cause) {
    throw new SecretError('ERR_SECRET_UNREADABLE', `${path} holds no private key on P-384 (secp384r1)`, { cause });
  }
}

export const idBlock: CliCommand = {
  summary: 'sign the launch digest of an image, so that the firmware starts nothing else',
  example: 'anchorhold id-block --digest "$DIGEST" --guest-policy 0x30000 --id-key id.pem --author-key author.pem',
  arguments: [],
  options: [
    { name: 'digest', value: 'HEX', summary: 'launch digest, as `measure` prints it (required)', repeatable: false },
    {
      name: 'guest-policy',
      value: 'BITS',
      summary: "guest policy of the launch, the same as the host's, such as 0x30000 (required)",
      repeatable: false,
    },
    { name: 'id-key', value: 'FILE', summary: 'private key on P-384, PEM, that signs (required)', repeatable: false },
    {
      name: 'author-key',
      value: 'FILE',
      summary: 'key that vouches for the ID key (default: none)',
      repeatable: false,
    },
    { name: 'guest-svn', value: 'NUMBER', summary: 'security version of the guest (default: 0)', repeatable: false },
    { name: 'family-id', value: 'HEX', summary: '16 bytes of your own (default: zeros)', repeatable: false },
    { name: 'image-id', value: 'HEX', summary: '16 bytes of your own (default: zeros)', repeatable: false },
    JSON_SWITCH,
  ],
  passThrough: false,
  async run(input, io) {
    const block = {
      launchDigest: readHex(input, 'digest', 48, null),
      familyId: readHex(input, 'family-id', 16, new Uint8Array(16)),
      imageId: readHex(input, 'image-id', 16, new Uint8Array(16)),
      guestSvn: Number(readNumber(input, 'guest-svn', 32, '0')),
      guestPolicy: readGuestPolicy(input),
    };
    const [keyPath, authorPath] = [optionValue(input, 'id-key'), optionValue(input, 'author-key')];
    if (keyPath === null) throw usage('--id-key is missing: name the file of the key that signs');
    const idKey = await openKey(keyPath, io);
    const author = authorPath === null ? null : await openKey(authorPath, io);
    const auth = await signIdBlock(block, idKey, author);
    const digests = { idKey: idKeyDigest(idKey.spki), author: author === null ? null : idKeyDigest(author.spki) };
    // A signature that is wrong would show only when the machine does not start.
    await verifyIdAuth(block, auth, digests);
    const signed = {
      idBlock: encodeBase64(encodeIdBlock(block)),
      idAuth: encodeBase64(encodeIdAuth(auth)),
      idKeyDigest: encodeHex(digests.idKey),
      authorKeyDigest: digests.author === null ? null : encodeHex(digests.author),
    };
    if (input.switches.has('json')) writeJson(io, signed);
    else {
      writeLine(io, `id-block=${signed.idBlock}`);
      writeLine(io, `id-auth=${signed.idAuth}`);
      writeLine(io, `idKeyDigest=${signed.idKeyDigest}`);
      writeLine(io, `authorKeyDigest=${signed.authorKeyDigest ?? 'none'}`);
    }
    return 0;
  },
};
