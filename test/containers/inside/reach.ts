/** Runs in a container: tries to connect, and prints `open`, or what came instead. Arguments: address, port. */
import { connect } from 'node:net';

/** Packets that are dropped are answered by nobody, so somebody has to stop waiting. */
const PATIENCE_MS = 1500;

const [host = '', port = ''] = process.argv.slice(2);
const socket = connect({ host, port: Number(port), timeout: PATIENCE_MS });
function end(outcome: string): void {
  process.stdout.write(`${outcome}\n`);
  socket.destroy();
}
socket.once('connect', () => end('open'));
socket.once('timeout', () => end('nothing'));
socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
