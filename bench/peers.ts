/** The peers that `make bench-peers` installs, and how each serves a hello; what is not there is skipped by name. */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import type { PemPair } from '../examples/hospital/credentials.ts';
import { type Server, startServer, urlOfPort } from './server.ts';

const PACKAGES = join(import.meta.dirname, 'peers/node_modules');
const JCO = join(PACKAGES, '@bytecodealliance/jco/dist/jco.js');
const WORKERD = join(PACKAGES, '@cloudflare/workerd-linux-64/bin/workerd');
const CEDAR = join(PACKAGES, '@cedar-policy/cedar-wasm/nodejs/cedar_wasm.js');
const FILES: Readonly<Record<'jco' | 'workerd' | 'cedar', string>> = { jco: JCO, workerd: WORKERD, cedar: CEDAR };

/** Gives a peer's program; null when it is not installed. */
export function findPeer(name: keyof typeof FILES): string | null {
  const file = FILES[name];
  return existsSync(file) ? file : null;
}

/** Says why a peer is missing. */
export const NO_PEER: string = 'it is not installed: run make bench-peers';

/** Finds a port for a server that has to be told one. */
async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts `jco serve` on a component, over plain HTTP: it has no TLS. One instance answers all requests. */
export async function startJco(jco: string, file: string): Promise<Server> {
  const port = await findFreePort();
  const args = [jco, 'serve', file, '--host', '127.0.0.1', '--port', String(port)];
  return await startServer(process.execPath, args, (line) =>
    line.includes('listening') ? `http://127.0.0.1:${port}` : null,
  );
}

const WORKERD_HELLO = `addEventListener('fetch', (event) => {
  event.respondWith(new Response('hello\\n', { headers: { 'content-type': 'text/plain' } }));
});`;

function writeWorkerdConfig(script: string): string {
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "hello", worker = (serviceWorkerScript = embed "${script}", compatibilityDate = "2026-01-01"))],
  sockets = [(
    name = "https", address = "127.0.0.1:0", service = "hello",
    https = (tlsOptions = (
      minVersion = tls1Dot3, keypair = (privateKey = embed "key.pem", certificateChain = embed "certificate.pem")
    ))
  )]
);
`;
}

/** Starts workerd with a hello in JavaScript, over TLS. */
export async function startWorkerd(workerd: string, home: string, pair: PemPair): Promise<Server> {
  await writeFile(join(home, 'hello.js'), WORKERD_HELLO);
  await writeFile(join(home, 'key.pem'), pair.keyPem);
  await writeFile(join(home, 'certificate.pem'), pair.certPem);
  await writeFile(join(home, 'hello.capnp'), writeWorkerdConfig('hello.js'));
  const args = ['serve', join(home, 'hello.capnp'), '--control-fd=1'];
  return await startServer(workerd, args, urlOfPort);
}
