// A server of your own between the browser and Easel, which keeps the API key. Node 20, no packages.
//
//   EASEL_URL=http://127.0.0.1:8000 EASEL_KEY=... PORT=3000 node proxy.mjs
//
// In Express: app.post("/paintings", (request, response) => forward(request, response, "/jobs")),
// without a body parser before it, and the same for the others.

import { createServer } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

const easel = process.env.EASEL_URL ?? "http://127.0.0.1:8000";
const key = process.env.EASEL_KEY;

const JOB = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const routes = [
  ["POST", /^\/paintings$/, () => "/jobs"],
  ["GET", new RegExp(`^/paintings/(${JOB})$`), (id) => `/jobs/${id}`],
  ["GET", new RegExp(`^/paintings/(${JOB})/picture$`), (id) => `/jobs/${id}/result`],
  ["GET", new RegExp(`^/paintings/(${JOB})/events$`), (id) => `/jobs/${id}/events`],
];

const sent = ["content-type", "content-length", "if-none-match", "idempotency-key", "last-event-id"];
const returned = ["content-type", "etag", "retry-after", "cache-control", "x-request-id"];

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

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url, "http://here");
  const found = routes.find(([method, path]) => method === request.method && path.test(pathname));
  if (!found) {
    response.writeHead(404).end();
    return;
  }
  try {
    await forward(request, response, found[2](found[1].exec(pathname)[1]));
  } catch (error) {
    if (response.headersSent || response.destroyed) response.destroy();
    else response.writeHead(502).end(`Easel cannot be reached: ${error.message}\n`);
  }
});

server.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
