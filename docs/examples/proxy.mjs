// A proxy between the browser and Easel, which adds the API key. Needs Node 20 and no packages.
//
//   EASEL_SERVER=http://127.0.0.1:8000 EASEL_API_KEY=... PORT=3000 node proxy.mjs
//
// The page calls the proxy like Easel itself, so the links of a job lead through the proxy, too.
// In Express: import { handle } from "./proxy.mjs" and app.use(handle), without a body parser before it.

import { createServer } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { pathToFileURL } from "node:url";

const easel = process.env.EASEL_SERVER ?? "http://127.0.0.1:8000";
const key = process.env.EASEL_API_KEY;

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

/** Forward a request and stream its response, without buffering either in memory. */
async function forward(request, response, path) {
  const headers = Object.fromEntries(
    sent.filter((name) => name in request.headers).map((name) => [name, request.headers[name]]),
  );
  if (key) headers.authorization = `Bearer ${key}`;
  const closed = new AbortController();
  response.on("close", () => closed.abort());
  const body = request.method === "POST" ? Readable.toWeb(request) : undefined;
  const upstream = await fetch(easel + path, {
    method: request.method, headers, body, duplex: "half", signal: closed.signal,
  });
  for (const name of returned) {
    if (upstream.headers.has(name)) response.setHeader(name, upstream.headers.get(name));
  }
  response.writeHead(upstream.status);
  if (upstream.body) await pipeline(Readable.fromWeb(upstream.body), response);
  else response.end();
}

/** Respond to a request of the page. */
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
    else response.writeHead(502).end(`Cannot reach Easel: ${error.message}\n`);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const server = createServer(handle);
  server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
    console.log(`http://127.0.0.1:${server.address().port}`);
  });
}
