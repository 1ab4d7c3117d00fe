/** The server that a worker is compared with: plain node:https that reads the body and says hello, or sends it back from /echo. Prints its port as JSON. */
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

const { certPem, keyPem } = JSON.parse(process.argv[2] ?? '') as { certPem: string; keyPem: string };

const server = createServer({ cert: certPem, key: keyPem, minVersion: 'TLSv1.3' }, (request, response) => {
  if (request.url === '/echo') {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    request.pipe(response);
    return;
  }
  request.resume();
  request.once('end', () => {
    response.writeHead(200, { 'content-type': 'text/plain' });
    response.end('hello\n');
  });
});

server.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ port: (server.address() as AddressInfo).port }));
});
