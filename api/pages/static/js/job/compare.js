// Two to four pictures side by side, with what differs. They may still be painted.

import { reopen } from "../form/reuse.js";
import { asText } from "../form/schema.js";
import { send } from "../form/send.js";
import { getBlob, getJson, newKey } from "../lib/api.js";
import { h, toast } from "../lib/dom.js";
import { recall } from "../lib/storage.js";
import { label, STATUS } from "../lib/words.js";
import { titleOf } from "../pictures/samples.js";

/** How often an unfinished picture is looked at. */
const POLL_MS = 1200;

export const MAX_COMPARED = 4;

/** The view of the jobs with these ids, separated by commas. */
export class CompareView {
  #abort = new AbortController();
  #urls = [];

  constructor(ids, draft) {
    this.draft = draft;
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

  #url(blob) {
    const url = URL.createObjectURL(blob);
    this.#urls.push(url);
    return url;
  }

  async #load(ids) {
    const { signal } = this.#abort;
    try {
      const jobs = await Promise.all(ids.map((id) => getJson(`jobs/${id}`, { signal })));
      const stored = await Promise.all(ids.map(recall));
      const names = differing(jobs.map(({ params }) => params));
      const paintings = stored.map((each) => (each?.styles ?? []).map(({ file }) => titleOf(file)).join(", "));
      const differ = new Set(paintings).size > 1;
      this.row.style.setProperty("--count", String(jobs.length));
      this.row.replaceChildren(...jobs.map((job, index) => this.#figure(job, names, differ ? paintings[index] : "", stored[index])));
      this.note.textContent = names.length || differ ? "Each picture has the settings that differ from the others." : "These pictures have the same settings.";
    } catch (error) {
      if (!signal.aborted) this.note.textContent = error.message;
    }
  }

  #figure(job, names, painting, stored) {
    const described = [painting, describe(job.params, names)].filter(Boolean).join(", ") || "the same settings";
    const place = h("div", { class: "compared-picture" });
    place.style.setProperty("--ratio", String((job.progress?.width ?? 3) / (job.progress?.height ?? 2)));
    const state = h("span", { class: "hint", role: "status" });
    const large = stored?.large && h("button", { type: "button", class: "button", disabled: true, on: { click: () => this.#paintLarge(large, stored) } }, "Make this one large");
    const settings = names.flatMap((name) => [h("dt", {}, label(name)), h("dd", {}, asText(job.params[name]) || "automatic")]);
    if (painting) settings.unshift(h("dt", {}, "Painting"), h("dd", {}, painting));
    if (stored?.thumbnail && !job.done) place.append(h("img", { class: "waiting", src: this.#url(stored.thumbnail), alt: "" }));
    this.#follow(job, { place, state, large, described });
    return h("figure", {}, h("a", { href: `#/jobs/${job.id}`, "aria-label": `Picture with ${described}` }, place), h("figcaption", {}, h("dl", { class: "facts" }, settings), state, large));
  }

  /** Show a job, and look again until it is done. */
  async #follow(job, { place, state, large, described }) {
    const { signal } = this.#abort;
    for (let version = 0; !signal.aborted;) {
      const percent = job.progress ? ` ${Math.floor(job.progress.fraction * 100)} %` : "";
      state.textContent = job.status === "succeeded" ? "" : job.error?.message ?? `${STATUS[job.status]}${job.status === "running" ? percent : ""}`;
      if (job.status === "succeeded" || (job.progress?.preview_version ?? 0) > version) {
        version = job.progress?.preview_version ?? 0;
        await this.#show(job, place, described);
      }
      if (large) large.disabled = job.status !== "succeeded";
      if (job.done) return;
      await new Promise((resolve) => { setTimeout(resolve, POLL_MS); });
      job = await getJson(`jobs/${job.id}`, { signal }).catch(() => job);
    }
  }

  async #show(job, place, described) {
    const source = job.status === "succeeded" ? "result?display=true" : "preview";
    try {
      const picture = await getBlob(`jobs/${job.id}/${source}`, { signal: this.#abort.signal });
      place.replaceChildren(h("img", { src: this.#url(picture), alt: `Picture with ${described}` }));
    } catch (error) {
      if (!this.#abort.signal.aborted && job.done) place.replaceChildren(h("p", { class: "no-preview" }, error.message));
    }
  }

  /** Paint a small picture again, in the size and with the steps of the form that it was made from. */
  async #paintLarge(button, stored) {
    button.disabled = true;
    button.textContent = "Starting…";
    try {
      await reopen(this.draft, stored);
      location.hash = `#/jobs/${(await send(this.draft, newKey())).id}`;
    } catch (error) {
      toast(error.message, { error: true });
      button.disabled = false;
      button.textContent = "Make this one large";
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
