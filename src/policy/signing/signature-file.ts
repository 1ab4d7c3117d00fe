/**
 * The file `F.sig` beside a policy: the statement that was signed, and the signatures of as many owners' keys as have signed it so far.
 * JSON, so that each signer adds one line. Reads and writes; whose signatures count is in threshold.ts.
 */
import { object, oneOf, readJson } from '../../attestation/json-reader.ts';
import { readSignatures } from '../../attestation/signature-list.ts';
import { LIMITS } from '../../base/limits.ts';
import { readInForm } from './in-form.ts';
import { type PolicyStatement, readPolicyStatement } from './statement.ts';

const FORMAT = 'anchorhold-signatures/1';

export interface SignatureFile {
  readonly statement: PolicyStatement;
  readonly signatures: readonly string[];
}

const file = object({
  anchorhold: oneOf(FORMAT),
  statement: (value: unknown): PolicyStatement => readPolicyStatement(value),
  signatures: readSignatures,
});

/**
 * Parses a signature file.
 * @throws PolicyError ERR_POLICY_STATEMENT
 */
export function parseSignatureFile(content: string): SignatureFile {
  const { statement, signatures } = readInForm('the signatures cannot be read', () =>
    readJson(content, LIMITS.signatureFileBytes, 'the signature file', file),
  );
  return { statement, signatures };
}

/** Writes a signature file, one signature a line. */
export function formatSignatureFile({ statement, signatures }: SignatureFile): string {
  return `${JSON.stringify({ anchorhold: FORMAT, statement, signatures }, null, 2)}\n`;
}
