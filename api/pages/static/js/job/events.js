// The event stream of a job. EventSource cannot send an API key, so this module parses the stream.

import { call, Problem } from "../lib/api.js";

/** The connection counts as lost after this silence. The server sends a comment every 15 s. */
const SILENCE_MS = 40_000;
const MAX_RETRY_MS = 10_000;

/** An incremental parser of Server-Sent Events. */
class EventParser {
  #rest = "";
  #event = { event: "message", data: [] };

  /** Parse the next chunk, and yield the events that it completes: `{event, data, id}`. */
  *feed(text) {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        const { data, ...rest } = this.#event;
        if (data.length) yield { ...rest, data: data.join("\n") };
        this.#event = { event: "message", data: [] };
        continue;
      }
      const colon = line.indexOf(":");
      if (colon === 0) continue; // a comment
      const field = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
      if (field === "data") this.#event.data.push(value);
      else if (field === "event" || field === "id") this.#event[field] = value;
    }
  }
}

/**
 * Follow a job until it is done. Yields `{event, job}` for each event of the job, `{event: "lost", seconds}`
 * before a retry, and `{event: "reconnected"}`.
 */
export async function* follow(id, signal) {
  let lastId = "";
  let failures = 0;
  while (!signal.aborted) {
    try {
      for await (const { event, data, id: eventId } of stream(id, lastId, signal)) {
        if (failures) yield { event: "reconnected" };
        failures = 0;
        lastId = eventId ?? lastId;
        if (event === "open") continue;
        const job = JSON.parse(data);
        yield { event, job };
        if (job.done) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Problem && error.status < 500 && error.status !== 429) throw error;
    }
    if (signal.aborted) return;
    failures += 1;
    const wait = Math.min(MAX_RETRY_MS, 500 * 2 ** Math.min(failures, 6));
    if (failures > 1) yield { event: "lost", seconds: Math.round(wait / 1000) };
    await pause(wait, signal);
  }
}

async function* stream(id, lastId, signal) {
  const silence = new AbortController();
  let timer = 0;
  const restartTimer = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  restartTimer();
  try {
    const response = await call(`jobs/${id}/events`, {
      headers: { Accept: "text/event-stream", ...(lastId && { "Last-Event-ID": lastId }) },
      signal: AbortSignal.any([signal, silence.signal]),
      cache: "no-store",
    });
    yield { event: "open" };
    if (response.status === 204) return;
    const parser = new EventParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      restartTimer();
      yield* parser.feed(value);
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

/** Wait, but retry at once when the browser is online again. */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    const stop = () => { clearTimeout(timer); resolve(); };
    window.addEventListener("online", stop, { once: true, signal });
    signal.addEventListener("abort", stop, { once: true });
  });
}
