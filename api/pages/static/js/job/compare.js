// Two to four finished pictures side by side, with the settings that differ.

import { asText } from "../form/schema.js";
import { getBlob, getJson } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { label } from "../lib/words.js";

export const MAX_COMPARED = 4;

/** The view of the jobs with these ids, separated by commas. */
export class CompareView {
  #abort = new AbortController();
  #urls = [];

  constructor(ids) {
    document.title = "Compare · Easel";
    this.note = h("p", { class: "hint", role: "status" }, "Loading…");
    this.row = h("div", { class: "compared" });
    this.element = h("section", { class: "view", "aria-label": "Compare" }, h("h1", { class: "headline" }, "Compare"), this.note, this.row,
      h("p", {}, h("a", { href: "#/pictures" }, "Back to your pictures")));
    this.#load([...new Set(ids.split(","))].slice(0, MAX_COMPARED));
  }

  leave() {
    this.#abort.abort();
    this.#urls.forEach((url) => URL.revokeObjectURL(url));
  }

  async #load(ids) {
    const { signal } = this.#abort;
    try {
      const jobs = await Promise.all(ids.map((id) => getJson(`jobs/${id}`, { signal })));
      const names = differing(jobs.map(({ params }) => params));
      this.row.style.setProperty("--count", String(jobs.length));
      this.row.replaceChildren(...jobs.map((job) => this.#figure(job, names)));
      this.note.textContent = names.length ? "Each picture has the settings that differ from the others." : "These pictures have the same settings.";
    } catch (error) {
      if (!signal.aborted) this.note.textContent = error.message;
    }
  }

  #figure(job, names) {
    const picture = h("img", { alt: `Picture with ${describe(job.params, names) || "the same settings"}` });
    this.#show(job, picture);
    const settings = names.flatMap((name) => [h("dt", {}, label(name)), h("dd", {}, asText(job.params[name]) || "automatic")]);
    return h("figure", {}, h("a", { href: `#/jobs/${job.id}` }, picture), h("figcaption", {}, h("dl", { class: "facts" }, settings)));
  }

  async #show(job, picture) {
    const source = job.status === "succeeded" ? "result?display=true" : "preview";
    try {
      picture.src = URL.createObjectURL(await getBlob(`jobs/${job.id}/${source}`, { signal: this.#abort.signal }));
      this.#urls.push(picture.src);
    } catch (error) {
      if (!this.#abort.signal.aborted) picture.replaceWith(h("p", { class: "no-preview" }, error.message));
    }
  }
}

/** The names of the parameters that are not the same everywhere. */
export function differing(all) {
  return Object.keys(all[0]).filter((name) => all.some((params) => asText(params[name]) !== asText(all[0][name])));
}

/** Some parameters in words: "strength 0.8, size 256". */
export function describe(params, names) {
  return names.map((name) => `${label(name).toLowerCase()} ${asText(params[name]) || "automatic"}`).join(", ");
}
