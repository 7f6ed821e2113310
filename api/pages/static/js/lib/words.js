// Numbers and names as people say them.

/** "12 s", "3 min 5 s", "2 h 10 min". */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
  return `${Math.floor(whole / 3600)} h ${Math.round((whole % 3600) / 60)} min`;
}

/** "20 MB", "512 KB". */
export function bytes(count) {
  if (count >= 2 ** 20) return `${Number((count / 2 ** 20).toFixed(1))} MB`;
  return `${Math.ceil(count / 1024)} KB`;
}

/** At most three digits that matter. */
export const number = (value) => String(Number(Number(value).toPrecision(3)));

/** Names that say more than the parameter's own. */
const LABELS = {
  color: "Colours",
  format: "File format",
  init: "Start from",
  init_image: "Picture to start from",
  optimizer: "Optimiser",
  style_weight: "Balance (style weight)",
  tv_weight: "Smoothing",
  webhook_url: "Webhook address",
};

/** "style_layer_weights" as a label: any parameter there may ever be has one. */
export function label(name) {
  const words = name.replaceAll("_", " ");
  return LABELS[name] ?? words[0].toUpperCase() + words.slice(1);
}

/** How long ago, or on which day. */
export function since(moment) {
  const seconds = (Date.now() - moment.getTime()) / 1000;
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return moment.toLocaleDateString(undefined, { day: "numeric", month: "short" });
}

/** What a person would say of each state. */
export const STATUS = {
  queued: "In the queue",
  running: "Painting",
  succeeded: "Finished",
  failed: "Failed",
  canceled: "Called off",
};
