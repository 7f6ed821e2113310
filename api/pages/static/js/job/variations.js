// One click from a finished picture to a variation of it: a new job of the same pictures, which the server has.

import { newKey, postForm } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { server } from "../lib/server.js";
import { recall, remember } from "../lib/storage.js";

/** A change of the strength, and the factor for a style weight, which replaces the strength if it is set. */
const [STEP, FACTOR] = [0.15, 2];

const LARGER = 1.5;

/** Begins at the photograph again, because a picture in other colours is a poor start. The others go on from the result. */
const ANEW = { init: "content" };

/** The variations of a job: a label, and the settings that differ. */
function variationsOf({ params }) {
  const { strength, style_weight: weight, size, color } = params;
  const style = (sign) => (weight ? { style_weight: weight * FACTOR ** sign } : { strength: Math.min(1, Math.max(0, Number((strength + sign * STEP).toFixed(2)))) });
  const larger = Math.min(server.max_size, Math.round(size * LARGER));
  return [
    ["Stronger", style(1), !weight && strength >= 1],
    ["Weaker", style(-1), !weight && strength <= 0],
    ["Larger", { size: larger }, larger <= size],
    color === "content" ? ["Painting’s colours", { color: "style", ...ANEW }, false] : ["Photo’s colours", { color: "content", ...ANEW }, false],
  ].filter(([, , same]) => !same);
}

/** Post a job that continues another one with other settings, and copy what this browser has stored of that one. */
async function continueJob(id, settings) {
  const form = new FormData();
  for (const [name, value] of Object.entries({ continue_from: id, ...settings })) form.append(name, String(value));
  const job = await postForm("jobs", form, () => {}, { "Idempotency-Key": newKey() });
  const { content, styles, regions, detail, thumbnail } = (await recall(id)) ?? {};
  if (content) await remember(job.id, { content, styles, regions, detail, thumbnail });
  return job;
}

/** Buttons for the variations. `button(text, action, look)` makes a button that reports errors. */
export function variations(job, button) {
  const paint = async (settings) => { location.hash = `#/jobs/${(await continueJob(job.id, settings)).id}`; };
  return h("section", { class: "variations", "aria-label": "Variations" }, h("h2", { class: "label" }, "Paint it again"),
    h("div", { class: "row" }, variationsOf(job).map(([label, settings]) => button(label, () => paint(settings)))));
}
