// One click from a finished picture to a variation of it, which is a new job of the same pictures.

import { Draft } from "../form/draft.js";
import { fill } from "../form/reuse.js";
import { send } from "../form/send.js";
import { newKey } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { server } from "../lib/server.js";

/** A change of the strength, and the factor for a style weight, which replaces the strength if it is set. */
const [STEP, FACTOR] = [0.15, 2];

const LARGER = 1.5;

/** The variations of a job: a label, and the settings that differ. */
function variationsOf({ params }) {
  const { strength, style_weight: weight, size, color } = params;
  const style = (sign) => (weight ? { style_weight: weight * FACTOR ** sign } : { strength: Math.min(1, Math.max(0, Number((strength + sign * STEP).toFixed(2)))) });
  const larger = Math.min(server.max_size, Math.round(size * LARGER));
  return [
    ["Stronger", style(1), !weight && strength >= 1],
    ["Weaker", style(-1), !weight && strength <= 0],
    ["Larger", { size: larger }, larger <= size],
    color === "content" ? ["Painting’s colours", { color: "style" }, false] : ["Photo’s colours", { color: "content" }, false],
  ].filter(([, , same]) => !same);
}

/** Buttons for the variations. `button(text, action, look)` makes a button that reports errors. */
export function variations(job, stored, button) {
  const paint = async (settings) => {
    const draft = new Draft();
    await fill(draft, job.params, stored);
    for (const [name, value] of Object.entries(settings)) draft.set(name, value);
    location.hash = `#/jobs/${(await send(draft, newKey())).id}`;
  };
  return h("section", { class: "variations", "aria-label": "Variations" }, h("h2", { class: "label" }, "Paint it again"),
    h("div", { class: "row" }, variationsOf(job).map(([label, settings]) => button(label, () => paint(settings)))));
}
