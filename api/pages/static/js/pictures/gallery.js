// One's own pictures, newest first.

import { call, getBlob, getJson, Problem } from "../lib/api.js";
import { ask, h, icon, say } from "../lib/dom.js";
import { forget, recall, remember } from "../lib/storage.js";
import { since, STATUS } from "../lib/words.js";
import { thumbnail } from "./files.js";

const PAGE = 24;
const LOOK_AGAIN_MS = 4000;

/** Ask, then delete a job; whether it is gone. */
export async function removeJob(id) {
  const body = [h("p", {}, "The picture and everything that belongs to it are removed from the server and from this browser. That cannot be undone.")];
  const answer = await ask("Delete this picture?", body, [{ label: "Keep it", value: "" }, { label: "Delete", value: "delete", look: "button danger" }]);
  if (answer !== "delete") return false;
  try {
    await call(`jobs/${id}`, { method: "DELETE" });
  } catch (error) {
    if (!(error instanceof Problem && error.status === 404)) throw error;
  }
  await forget(id);
  say("The picture is deleted.");
  return true;
}

export class GalleryView {
  #cursor = null;
  #left = new AbortController();
  #cards = new Map();

  constructor() {
    document.title = "Your pictures · Easel";
    this.grid = h("ul", { class: "grid", role: "list" });
    this.note = h("p", { class: "hint", role: "status" }, "Looking …");
    this.more = h("button", { type: "button", class: "button", hidden: true, on: { click: () => this.#load() } }, "Show more");
    this.element = h("section", { class: "view gallery", "aria-label": "Your pictures" }, h("h1", { class: "headline" }, "Your pictures"), this.note, this.grid, this.more);
    this.#load();
  }

  leave() {
    this.#left.abort();
  }

  async #load() {
    try {
      const query = new URLSearchParams({ limit: PAGE, ...(this.#cursor && { cursor: this.#cursor }) });
      const { items, next_cursor: next } = await getJson(`jobs?${query}`, { signal: this.#left.signal });
      this.#cursor = next;
      for (const job of items) this.#place(job);
      this.more.hidden = !next;
      this.#count();
    } catch (error) {
      if (!this.#left.signal.aborted) this.note.textContent = error.message;
    }
  }

  #count() {
    this.note.hidden = this.#cards.size > 0;
    if (!this.#cards.size) this.note.replaceChildren("Nothing here yet. ", h("a", { href: "#/" }, "Make the first one"), ".");
  }

  #place(job) {
    const picture = h("div", { class: "thumb" });
    const state = h("span", { class: "state" });
    const when = since(new Date(job.created_at));
    const link = h("a", { href: `#/jobs/${job.id}` }, picture, h("span", { class: "when" }, state, h("span", { class: "hint" }, when)));
    const remove = h("button", { type: "button", class: "bare", "aria-label": `Delete the picture of ${when}`, on: { click: () => this.#remove(job.id) } }, icon("close"));
    const card = h("li", { class: "card" }, link, remove);
    this.#cards.set(job.id, card);
    this.grid.append(card);
    this.#show(job, state, picture);
  }

  async #show(job, state, picture) {
    state.textContent = STATUS[job.status];
    state.className = `state ${job.status}`;
    const blob = await thumbnailOf(job).catch(() => null);
    if (blob) picture.replaceChildren(h("img", { src: URL.createObjectURL(blob), alt: `Picture, ${STATUS[job.status].toLowerCase()}` }));
    if (job.done || this.#left.signal.aborted) return;
    setTimeout(async () => {
      if (this.#left.signal.aborted || !this.#cards.has(job.id)) return;
      const next = await getJson(`jobs/${job.id}`, { signal: this.#left.signal }).catch(() => job);
      this.#show(next, state, picture);
    }, LOOK_AGAIN_MS);
  }

  async #remove(id) {
    try {
      if (!(await removeJob(id))) return;
    } catch (error) {
      this.note.hidden = false;
      this.note.textContent = error.message;
      return;
    }
    this.#cards.get(id).remove();
    this.#cards.delete(id);
    this.#count();
    (this.grid.querySelector("a") ?? document.getElementById("main")).focus();
  }
}

/** Of a finished job its result, kept once it is made; before, what there is. */
async function thumbnailOf(job) {
  const kept = await recall(job.id);
  if (job.status !== "succeeded") {
    return job.progress?.preview_version ? getBlob(`jobs/${job.id}/preview`).catch(() => kept?.thumbnail) : kept?.thumbnail;
  }
  if (kept?.finished) return kept.thumbnail;
  const source = job.params.format === "tiff" ? "preview" : "result";
  const small = await thumbnail(await getBlob(`jobs/${job.id}/${source}`));
  await remember(job.id, { thumbnail: small, finished: true });
  return small;
}
