/** Runs in a container: asks the worker one query and prints what came of it as JSON. Arguments: trust file, key, path, body. */
import { readFileSync } from 'node:fs';
import { EnclaveError, keyCredential, SecureSession } from '../../../src/index.ts';

const [trust = '', key = '', path = '', body = ''] = process.argv.slice(2);

async function ask(): Promise<object> {
  await using session = new SecureSession(undefined, {
    trust,
    credential: keyCredential({ privateKeyPem: readFileSync(key, 'utf8') }),
  });
  const answer = await session.post(path, body);
  return { status: answer.status, body: await answer.text() };
}

const outcome = await ask().catch((error: unknown) => {
  if (error instanceof EnclaveError) return { code: error.code };
  throw error;
});
process.stdout.write(`${JSON.stringify(outcome)}\n`);
