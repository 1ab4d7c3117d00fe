/**
 * What a process of its own costs before it does anything: the plain server, which sends 100 bytes to a child over a pipe for each request
 * and answers when as many come back. With `child` as argument it is that child. Prints its port as JSON.
 */
import { spawn } from 'node:child_process';
import { createServer } from 'node:https';
import { type AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

const MESSAGE = new Uint8Array(100);
const PIPE_FD = 3;

function echo(): void {
  const pipe = new Socket({ fd: PIPE_FD, readable: true, writable: true });
  pipe.on('data', (bytes) => pipe.write(bytes));
  pipe.on('close', () => process.exit(0));
}

function serve({ certPem, keyPem }: { readonly certPem: string; readonly keyPem: string }): void {
  const child = spawn(process.execPath, [import.meta.filename, 'child'], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  const pipe = child.stdio[PIPE_FD] as Duplex;
  const waiting: (() => void)[] = [];
  let back = 0;
  pipe.on('data', (bytes: Uint8Array) => {
    for (back += bytes.length; back >= MESSAGE.length; back -= MESSAGE.length) waiting.shift()?.();
  });
  const server = createServer({ cert: certPem, key: keyPem, minVersion: 'TLSv1.3' }, (request, response) => {
    request.resume();
    request.once('end', () => {
      waiting.push(() => {
        response.writeHead(200, { 'content-type': 'text/plain' });
        response.end('hello\n');
      });
      pipe.write(MESSAGE);
    });
  });
  server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: (server.address() as AddressInfo).port })));
}

const [argument = ''] = process.argv.slice(2);
if (argument === 'child') echo();
else serve(JSON.parse(argument) as Parameters<typeof serve>[0]);
