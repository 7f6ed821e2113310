// A server of your own between the browser and Easel, which keeps the API key. Node 20, no packages.
//
//   EASEL_URL=http://127.0.0.1:8000 EASEL_KEY=... PORT=3000 node proxy.mjs
//
// The page calls it as it would call Easel, so that a job's links lead through it, too.
// In Express: import { handle } from "./proxy.mjs", and app.use(handle), with no body parser before it.

import { createServer } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pathToFileURL } from "node:url";

const easel = process.env.EASEL_URL ?? "http://127.0.0.1:8000";
const key = process.env.EASEL_KEY;

const JOB = "/jobs/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const allowed = [
  ["POST", /^\/jobs$/],
  ["GET", new RegExp(`^${JOB}(/result|/preview|/events)?$`)],
  ["POST", new RegExp(`^${JOB}/cancel$`)],
];

const sent = ["content-type", "content-length", "if-none-match", "idempotency-key", "last-event-id",
  "prefer"];
const returned = ["content-type", "content-disposition", "location", "etag", "retry-after", "cache-control",
  "x-request-id"];

/** Pass a request on, and its answer back, without holding either in memory. */
async function forward(request, response, path) {
  const headers = Object.fromEntries(
    sent.filter((name) => name in request.headers).map((name) => [name, request.headers[name]]),
  );
  if (key) headers.authorization = `Bearer ${key}`;
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  const body = request.method === "POST" ? Readable.toWeb(request) : undefined;
  const answer = await fetch(easel + path, {
    method: request.method, headers, body, duplex: "half", signal: gone.signal,
  });
  for (const name of returned) {
    if (answer.headers.has(name)) response.setHeader(name, answer.headers.get(name));
  }
  response.writeHead(answer.status);
  if (answer.body) await pipeline(Readable.fromWeb(answer.body), response);
  else response.end();
}

/** Answer a request of the page. */
export async function handle(request, response) {
  const { pathname, search } = new URL(request.url, "http://here");
  if (!allowed.some(([method, path]) => method === request.method && path.test(pathname))) {
    response.writeHead(404).end();
    return;
  }
  try {
    await forward(request, response, pathname + search);
  } catch (error) {
    if (response.headersSent || response.destroyed) response.destroy();
    else response.writeHead(502).end(`Easel cannot be reached: ${error.message}\n`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const server = createServer(handle);
  server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
    console.log(`http://127.0.0.1:${server.address().port}`);
  });
}
