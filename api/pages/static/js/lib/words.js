// Numbers, times and names, formatted for people.

/** Format seconds: "12 s", "3 min 5 s", "2 h 10 min". */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
  return `${Math.floor(whole / 3600)} h ${Math.round((whole % 3600) / 60)} min`;
}

/** Format a file size: "20 MB", "512 KB". */
export function bytes(count) {
  if (count >= 2 ** 20) return `${Number((count / 2 ** 20).toFixed(1))} MB`;
  return `${Math.ceil(count / 1024)} KB`;
}

/** Format a number with at most three significant digits. */
export const number = (value) => String(Number(Number(value).toPrecision(3)));

/** Labels that are clearer than the name of the parameter. */
const LABELS = {
  color: "Colours",
  format: "File format",
  init: "Start from",
  init_image: "Initial image",
  optimizer: "Optimiser",
  tv_weight: "Smoothing",
  webhook_url: "Webhook URL",
};

/** The label of a parameter, also of one that this page does not know. */
export function label(name) {
  const words = name.replaceAll("_", " ");
  return LABELS[name] ?? words[0].toUpperCase() + words.slice(1);
}

/** Format a past time: relative within a day, otherwise the date. */
export function since(moment) {
  const seconds = (Date.now() - moment.getTime()) / 1000;
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return moment.toLocaleDateString(undefined, { day: "numeric", month: "short" });
}

/** The label of each job status. */
export const STATUS = {
  queued: "Queued",
  running: "Painting",
  succeeded: "Finished",
  failed: "Failed",
  canceled: "Cancelled",
};
