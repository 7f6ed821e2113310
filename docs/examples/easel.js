// Paint a picture from a browser: fetch posts the job, an EventSource follows it.
//
//   import { paint } from "./easel.js";
//   img.src = await paint("http://127.0.0.1:8000", { content, style, size: 256 }, showProgress);
//
// `content` and `style` are files of an <input type="file">. The server must let the page in:
// EASEL_CORS_ORIGINS=https://where.the.page.is

/** The address of the painted picture, which an <img> can show. */
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
  const job = await posted.json();
  if (!posted.ok) throw new Error(job.detail); // a problem document; job.errors names the fields

  const ended = await follow(easel, job, onProgress);
  if (ended.status !== "succeeded") throw new Error(ended.error?.message ?? ended.status);

  // A signed link: an <img> sends no API key.
  const links = await (await fetch(easel + job.links.signed)).json();
  return easel + links.result;
}

/** The job once it is done. An EventSource connects again by itself, and misses nothing. */
function follow(easel, job, onProgress) {
  return new Promise((resolve, reject) => {
    const events = new EventSource(easel + job.links.events);
    events.addEventListener("progress", (event) => onProgress(JSON.parse(event.data).progress));
    events.addEventListener("error", () => {
      // Unless an answer was an error: then it has given up, and the job says how it stands.
      if (events.readyState === EventSource.CLOSED) askAgain(easel, job, onProgress).then(resolve, reject);
    });
    for (const name of ["succeeded", "failed", "canceled"]) {
      events.addEventListener(name, (event) => {
        events.close();
        resolve(JSON.parse(event.data));
      });
    }
  });
}

/** The job once it is done, where the stream of its events has ended too soon. */
async function askAgain(easel, job, onProgress) {
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const answer = await fetch(easel + job.links.self);
  const now = await answer.json();
  if (!answer.ok && ![429, 503].includes(answer.status)) throw new Error(now.detail);
  if (answer.ok && now.done) return now;
  return follow(easel, job, onProgress);
}
