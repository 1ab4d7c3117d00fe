/** Runs in a container: a service that answers everybody, and says so on its output. */
import { createServer } from 'node:http';

createServer((request, response) => {
  process.stdout.write(`asked ${request.url}\n`);
  response.setHeader('content-type', 'text/plain');
  response.end('data');
}).listen(8080, () => process.stdout.write('listening\n'));
