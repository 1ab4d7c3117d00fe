/** Debian's Chromium without a screen, on one page of this machine under a strict content security policy, cut off from every other host. */
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { chromium } from 'playwright-core';

/** Where Debian's package puts it; ANCHORHOLD_CHROMIUM names another. */
const EXECUTABLE = process.env['ANCHORHOLD_CHROMIUM'] ?? '/usr/bin/chromium';

/** The browser, or null where there is none. */
export const CHROMIUM: string | null = existsSync(EXECUTABLE) ? EXECUTABLE : null;

/** Nothing but files of this origin, and no code from text. */
const CONTENT_SECURITY_POLICY = "default-src 'self'; script-src 'self'";

const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

const ANSWER_MS = 100_000;

export interface PageRun {
  /** What the page posted to /answer. */
  readonly answer: string;
  /** Messages on the console, errors that nobody caught, and requests that failed. */
  readonly complaints: readonly string[];
  readonly version: string;
}

/** Serves a script and its questions, opens the page, and waits for its answer. */
export async function runPage(executablePath: string, script: string, questions: string): Promise<PageRun> {
  const answered = Promise.withResolvers<string>();
  const files: Readonly<Record<string, readonly [type: string, body: string]>> = {
    '/': ['text/html', '<!doctype html><title>test</title><script type="module" src="/page.js"></script>'],
    '/page.js': ['text/javascript', script],
    '/questions': ['application/json', questions],
    '/favicon.ico': ['image/x-icon', ''],
  };
  const server = createServer((request, response) => {
    const [type, body] = files[request.url ?? ''] ?? ['text/plain', null];
    response.setHeader('content-security-policy', CONTENT_SECURITY_POLICY);
    response.setHeader('content-type', type);
    if (request.method === 'POST') {
      // All of it is read before it is answered: an answer in the middle would be a request that failed.
      void text(request)
        .then(answered.resolve, answered.reject)
        .finally(() => response.end());
      return;
    }
    if (body === null) response.statusCode = 404;
    response.end(body ?? '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const timer = setTimeout(() => answered.reject(new Error('the page did not answer')), ANSWER_MS);
  try {
    const browser = await chromium.launch({ executablePath, args: FLAGS, chromiumSandbox: false });
    try {
      const complaints: string[] = [];
      const page = await browser.newPage();
      page.on('console', (message) => complaints.push(message.text()));
      page.on('pageerror', ({ message }) => complaints.push(message));
      page.on('requestfailed', (request) => complaints.push(`${request.url()} failed`));
      await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
      const answer = await answered.promise;
      // What is cut off because the browser is closed now is no complaint.
      return { answer, complaints: [...complaints], version: browser.version() };
    } finally {
      await browser.close();
    }
  } finally {
    clearTimeout(timer);
    server.closeAllConnections();
    server.close();
  }
}
