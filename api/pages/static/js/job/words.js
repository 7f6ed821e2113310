// What the page says about a job, in words.

import { asText } from "../form/schema.js";
import { h } from "../lib/dom.js";
import { duration, label } from "../lib/words.js";

/** How long a queued job waits. */
export function queuedNote({ queue_position: position, estimated_start_at: start, waiting }) {
  if (waiting && waiting.reason !== "behind_others") return `Waiting: ${waiting.detail}.`;
  const ahead = position > 0 ? `${position} ${position === 1 ? "picture" : "pictures"} before yours.` : "Yours is next.";
  const wait = start ? (new Date(start) - Date.now()) / 1000 : 0;
  return wait > 1 ? `${ahead} Starts in about ${duration(wait)}.` : ahead;
}

/** How far a running job is. */
export function runningNote({ fraction, scale, scales, width, height, eta_seconds: eta }) {
  const remaining = eta == null ? "" : ` About ${duration(Math.max(1, eta))} left.`;
  const stage = scales > 1 ? `Size ${scale + 1} of ${scales}, ${width} × ${height}` : `${width} × ${height}`;
  return `${Math.floor(fraction * 100)} %. ${stage}.${remaining}`;
}

/** How a job ended, with its warnings. */
export function endNote(job) {
  return [ENDINGS[job.status](job), ...(job.warnings ?? []).map((warning) => `Note: ${warning}.`)].join(" ");
}

const ENDINGS = {
  succeeded: ({ progress, metrics }) => `Finished in ${duration(metrics.run_seconds ?? metrics.optimize_seconds)}. ${progress.width} × ${progress.height} pixels.`,
  failed: ({ error }) => `${error?.message ?? "The picture could not be painted."}${error?.retryable ? " Try again." : ""}`,
  canceled: () => "Cancelled before it was finished.",
};

/** The measurements of a finished job, and all of its settings. */
export function facts({ metrics, params, expires_at: end }) {
  const measured = [
    ["Time in queue", metrics.queued_seconds, duration],
    ["Device", metrics.device],
    ["Steps in all sizes", metrics.steps],
    ["Available until", end && new Date(end).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" })],
  ].filter(([, value]) => value != null);
  const settings = Object.entries(params).filter(([, value]) => value != null && asText(value) !== "")
    .map(([name, value]) => [label(name), asText(value).replaceAll(",", ", ")]);
  return h("div", {}, list(measured), h("details", { class: "drawer" }, h("summary", {}, "All settings"), list(settings)));
}

const list = (rows) => h("dl", { class: "facts" }, rows.flatMap(([name, value, format]) => [h("dt", {}, name), h("dd", {}, format ? format(value) : String(value))]));
