// A job's events as they happen. EventSource cannot send a key, so this reads the stream itself.

import { call, Problem } from "../lib/api.js";

/** Nothing heard for so long means that the connection is lost; a comment comes every 15 s. */
const SILENCE_MS = 40_000;
const LONGEST_WAIT_MS = 10_000;

/** Splits text as it arrives into events: `{event, data, id}`. */
export class EventParser {
  #rest = "";
  #event = { event: "message", data: [] };

  /** The events that are complete with this text. */
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
 * Follow a job until it is done: yields `{event, job}`, and `{event: "lost", seconds}` and
 * `{event: "back"}` as the connection goes and comes.
 */
export async function* follow(id, signal) {
  let last = "";
  let failures = 0;
  while (!signal.aborted) {
    try {
      for await (const { event, data, id: seen } of stream(id, last, signal)) {
        if (failures) yield { event: "back" };
        failures = 0;
        last = seen ?? last;
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
    const wait = Math.min(LONGEST_WAIT_MS, 500 * 2 ** Math.min(failures, 6));
    if (failures > 1) yield { event: "lost", seconds: Math.round(wait / 1000) };
    await pause(wait, signal);
  }
}

async function* stream(id, last, signal) {
  const silence = new AbortController();
  let timer = 0;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => silence.abort(), SILENCE_MS);
  };
  heard();
  try {
    const response = await call(`jobs/${id}/events`, {
      headers: { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) },
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
      heard();
      yield* parser.feed(value);
    }
  } finally {
    clearTimeout(timer);
    silence.abort();
  }
}

/** Wait, but no longer than until the network is back. */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    const stop = () => { clearTimeout(timer); resolve(); };
    window.addEventListener("online", stop, { once: true, signal });
    signal.addEventListener("abort", stop, { once: true });
  });
}
