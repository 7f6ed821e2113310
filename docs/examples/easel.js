// Create a picture from a browser: fetch posts the job, and an EventSource follows it.
//
//   import { paint } from "./easel.js";
//   img.src = await paint("http://127.0.0.1:8000", { content, style, size: 256 }, showProgress);
//
// `content` and `style` are files of an <input type="file">. The server must allow the origin of
// the page: EASEL_CORS_ORIGINS=https://example.com

/** Create a picture. Resolves with its URL, which an <img> can show. */
export async function paint(easel, { content, style, ...parameters }, onProgress = () => {}) {
  const form = new FormData();
  for (const [name, value] of Object.entries(parameters)) form.append(name, value);
  form.append("content", content);
  for (const each of [style].flat()) form.append("style", each);

  const posted = await fetch(`${easel}/jobs`, {
    method: "POST",
    body: form,
    headers: { "Idempotency-Key": crypto.randomUUID() },
  });
  const job = await read(posted);

  const ended = await follow(easel, job, onProgress);
  if (ended.status !== "succeeded") throw new Error(ended.error?.message ?? ended.status);

  // A signed link, because an <img> cannot send an API key.
  const links = await read(await fetch(at(easel, job.links.signed)));
  return at(easel, links.result);
}

/** The URL of a link. Links begin with the path of Easel's URL, if it has one. */
const at = (easel, link) => new URL(link, easel).href;

/** Return the JSON of a response. An error is a problem document, or the page of a proxy. */
async function read(response) {
  const document = await response.json().catch(() => ({ detail: `${response.status} ${response.statusText}` }));
  if (!response.ok) throw new Error(document.detail); // document.errors lists the invalid fields
  return document;
}

/** Wait until the job is done. An EventSource reconnects by itself and misses no event. */
function follow(easel, job, onProgress) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(at(easel, job.links.events));
    events.addEventListener("progress", (event) => onProgress(JSON.parse(event.data).progress));
    events.addEventListener("error", () => {
      // After an error response an EventSource gives up, so read the job instead.
      if (events.readyState === EventSource.CLOSED) pollAgain(easel, job, onProgress).then(resolve, reject);
    });
    for (const name of ["succeeded", "failed", "canceled"]) {
      events.addEventListener(name, (event) => {
        events.close();
        resolve(JSON.parse(event.data));
      });
    }
  });
}

/** Read the job, and follow it again if it is not done. */
async function pollAgain(easel, job, onProgress) {
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const response = await fetch(at(easel, job.links.self));
  if (![429, 502, 503, 504].includes(response.status)) {
    const current = await read(response);
    if (current.done) return current;
  }
  return follow(easel, job, onProgress);
}
