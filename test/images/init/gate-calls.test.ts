/** What the gate's list of system calls leaves it: all that a worker does, tried with real sockets and files, and nothing of what it must not. */
import { spawn } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, describe, expect } from 'vitest';
import { alternativeNames, issue, issueAuthority } from '../../fixtures/certificates.ts';
import { skipUnless } from '../../skips.ts';
import { HAS_COMPILER, openWorkshop } from './compile.ts';

const test = skipUnless(HAS_COMPILER, 'no C compiler is here');
const workshop = openWorkshop();
const folder = mkdtempSync(join(tmpdir(), 'anchorhold-gate-'));
afterAll(() => {
  workshop.remove();
  rmSync(folder, { recursive: true });
});

const SOURCE = `
import { once } from 'node:events';
import { Resolver } from 'node:dns/promises';
import { createSocket } from 'node:dgram';
import { createServer, get } from 'node:https';
import { createServer as listen, connect } from 'node:net';
import { execFileSync, fork, spawn } from 'node:child_process';
import { generateKeyPairSync, pbkdf2, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, rmdirSync, writeFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { Worker } from 'node:worker_threads';
const [folder] = process.argv.slice(2);
const results = {};
const attempt = async (name, f) => { try { results[name] = (await f()) ?? 'works'; } catch (e) { results[name] = e.code ?? e.message; } };
const failure = (child) => new Promise((resolve, reject) => { child.on('error', reject); child.on('exit', () => resolve('ran')); });

await attempt('TLS', async () => {
  const server = createServer({ key: readFileSync(folder + '/key.pem'), cert: readFileSync(folder + '/cert.pem') }, (q, s) => s.end('x'.repeat(300000)));
  server.listen(0, '::');
  await once(server, 'listening');
  const [answer] = await once(get({ port: server.address().port, host: '127.0.0.1', ca: readFileSync(folder + '/ca.pem'), servername: 'a.test' }), 'response');
  let size = 0;
  const { authorized } = answer.socket;
  for await (const chunk of answer) size += chunk.length;
  server.close();
  return size === 300000 && authorized ? 'works' : 'broken';
});
await attempt('DNS', async () => {
  const server = createSocket('udp4');
  server.on('message', (m, from) => { const a = Buffer.from(m); a[2] |= 0x80; server.send(a, from.port, from.address); });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const resolver = new Resolver({ timeout: 2000, tries: 1 });
  resolver.setServers(['127.0.0.1:' + server.address().port]);
  const code = await resolver.resolve4('a.test.').catch((e) => e.code);
  server.close();
  return code === 'ENODATA' ? 'works' : code;
});
await attempt('a local socket', async () => {
  const server = listen((s) => s.end('x')).listen(folder + '/s');
  await once(server, 'listening');
  const line = connect(folder + '/s');
  await once(line, 'data');
  server.close();
});
await attempt('threads', async () => { await once(new Worker('1', { eval: true }), 'exit'); await new Promise((r) => pbkdf2('a', 'b', 1, 8, 'sha256', r)); });
await attempt('keys', () => { generateKeyPairSync('ed25519'); randomBytes(32); });
await attempt('groups', () => { mkdirSync(folder + '/g'); writeFileSync(folder + '/g/f', '1', { flag: 'a' }); rmSync(folder + '/g/f'); rmdirSync(folder + '/g'); });
await attempt('files', () => { writeFileSync(folder + '/a', '1'); renameSync(folder + '/a', folder + '/b'); rmSync(folder + '/b'); });
await attempt('timers', () => new Promise((r) => setTimeout(r, 5)));
await attempt('a program', () => execFileSync('/bin/true'));
await attempt('a child', () => failure(spawn('/bin/true')));
await attempt('a fork', () => failure(fork(folder + '/none.js')));
await attempt('the kernel', () => networkInterfaces());
console.log(JSON.stringify(results));
process.exit(0);
`;

describe('the system calls of the gate', () => {
  test('are enough for what a worker does, and start no program', async () => {
    const authority = issueAuthority('a');
    const server = issue([['CN', 'a.test']], authority, { extensions: [alternativeNames({ dNSName: 'a.test' })] });
    writeFileSync(join(folder, 'ca.pem'), authority.pem);
    writeFileSync(join(folder, 'cert.pem'), server.pem);
    writeFileSync(join(folder, 'key.pem'), server.privateKeyPem);
    const script = join(folder, 'gate.mjs');
    writeFileSync(script, SOURCE);
    const sources = ['confinement.c', 'seccomp.c', join(import.meta.dirname, 'gate-run.c')];
    const program = workshop.compile('gate-run', sources, []);
    const gate = spawn(program, [realpathSync(process.execPath), '--disable-sigusr1', script, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const works = ['TLS', 'DNS', 'a local socket', 'threads', 'keys', 'groups', 'files', 'timers'];
    expect(JSON.parse((await buffer(gate.stdout)).toString())).toEqual({
      ...Object.fromEntries(works.map((name) => [name, 'works'])),
      'a program': 'ENOSYS',
      'a child': 'ENOSYS',
      'a fork': 'ENOSYS',
      'the kernel': 'ERR_SYSTEM_ERROR',
    });
  });
});
