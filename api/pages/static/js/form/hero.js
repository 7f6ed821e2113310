// The top of the form. A first visitor sees an example, and can paint it with one click.

import { newKey } from "../lib/api.js";
import { h, toast } from "../lib/dom.js";
import { ASSETS } from "../lib/server.js";
import { readPicture } from "../pictures/files.js";
import { sampleFile, SAMPLES } from "../pictures/samples.js";
import { Draft } from "./draft.js";
import { send } from "./send.js";

/** Whether the user has hidden the example. */
const SEEN = "easel-example-seen";

const EXAMPLE = { content: "cat.jpg", style: "embers.jpg", settings: { preset: "fast", size: 256 } };

const heading = () => h("h1", { class: "headline" }, "Turn a photograph into a painting");

/** Put the heading alone in the place of the example. */
export function endExample(form) {
  localStorage.setItem(SEEN, "1");
  form.querySelector(".hero")?.replaceWith(heading());
}

/** Create the heading, with the example until the user hides it or comes back to a form that they have filled. */
export function hero() {
  if (localStorage.getItem(SEEN)) return heading();
  const picture = (name, alt, width, height) => h("img", { src: new URL(`figures/hero-${name}.webp`, ASSETS).href, alt, width: String(width), height: String(height) });
  const paint = h("button", { type: "button", class: "button primary", on: { click: () => paintExample(paint) } }, "Paint this example");
  const hide = h("button", { type: "button", class: "quiet", on: { click: () => endExample(band.parentElement) } }, "Hide the example");
  const band = h("section", { class: "hero", "aria-label": "Example" },
    h("div", { class: "hero-words" }, heading(),
      h("p", {}, "Choose a photograph and a painting. Easel paints the photograph anew, in the colours and strokes of the painting."),
      h("div", { class: "row" }, paint, hide)),
    h("div", { class: "hero-pictures" },
      h("figure", {}, picture("photo", "A photograph of a cat", 300, 200), h("figcaption", { class: "hint" }, "Photograph")),
      h("figure", {}, picture("painting", "A painting of a burning sky over water", 300, 240), h("figcaption", { class: "hint" }, "Painting")),
      h("figure", { class: "result" }, picture("result", "The cat, painted in long strokes of orange and red", 512, 341), h("figcaption", { class: "hint" }, "What Easel made of them"))));
  return band;
}

async function paintExample(button) {
  button.disabled = true;
  button.textContent = "Starting…";
  try {
    const draft = new Draft();
    const read = async (field) => readPicture(await sampleFile(SAMPLES[field].find(({ name }) => name === EXAMPLE[field])));
    draft.setPreset(EXAMPLE.settings.preset);
    draft.set("size", EXAMPLE.settings.size);
    draft.setContent(await read("content"));
    draft.setStyle(await read("style"));
    location.hash = `#/jobs/${(await send(draft, newKey())).id}`;
  } catch (error) {
    toast(error.message, { error: true });
  }
  button.disabled = false;
  button.textContent = "Paint this example";
}
