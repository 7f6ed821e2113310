// The gallery: the caller's jobs, newest first.

import { call, getBlob, getJson, Problem } from "../lib/api.js";
import { announce, h, icon, openDialog } from "../lib/dom.js";
import { forget, recall, remember } from "../lib/storage.js";
import { since, STATUS } from "../lib/words.js";
import { thumbnail } from "./files.js";

const PAGE = 24;
const POLL_MS = 4000;

/** Delete a job after a confirmation. Resolves with whether it was deleted. */
export async function removeJob(id) {
  const body = [h("p", {}, "This deletes the picture and its inputs from the server and from this browser. It cannot be undone.")];
  const choice = await openDialog("Delete this picture?", body, [{ label: "Cancel", value: "" }, { label: "Delete", value: "delete", look: "button danger" }]);
  if (choice !== "delete") return false;
  try {
    await call(`jobs/${id}`, { method: "DELETE" });
  } catch (error) {
    if (!(error instanceof Problem && error.status === 404)) throw error;
  }
  await forget(id);
  announce("Picture deleted.");
  return true;
}

export class GalleryView {
  #cursor = null;
  #abort = new AbortController();
  #cards = new Map();

  constructor() {
    document.title = "Your pictures · Easel";
    this.grid = h("ul", { class: "grid", role: "list" });
    this.note = h("p", { class: "hint", role: "status" }, "Loading…");
    this.more = h("button", { type: "button", class: "button", hidden: true, on: { click: () => this.#load() } }, "Show more");
    this.element = h("section", { class: "view gallery", "aria-label": "Your pictures" }, h("h1", { class: "headline" }, "Your pictures"), this.note, this.grid, this.more);
    this.#load();
  }

  leave() {
    this.#abort.abort();
  }

  async #load() {
    try {
      const query = new URLSearchParams({ limit: PAGE, ...(this.#cursor && { cursor: this.#cursor }) });
      const { items, next_cursor: next } = await getJson(`jobs?${query}`, { signal: this.#abort.signal });
      this.#cursor = next;
      for (const job of items) this.#addCard(job);
      this.more.hidden = !next;
      this.#showCount();
    } catch (error) {
      if (!this.#abort.signal.aborted) this.note.textContent = error.message;
    }
  }

  #showCount() {
    this.note.hidden = this.#cards.size > 0;
    if (!this.#cards.size) this.note.replaceChildren("No pictures yet. ", h("a", { href: "#/" }, "Create the first one"), ".");
  }

  #addCard(job) {
    const picture = h("div", { class: "thumb" });
    const state = h("span", { class: "state" });
    const when = since(new Date(job.created_at));
    const link = h("a", { href: `#/jobs/${job.id}` }, picture, h("span", { class: "when" }, state, h("span", { class: "hint" }, when)));
    const remove = h("button", { type: "button", class: "icon-button", "aria-label": `Delete picture from ${when}`, on: { click: () => this.#remove(job.id) } }, icon("close"));
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
    if (job.done || this.#abort.signal.aborted) return;
    setTimeout(async () => {
      if (this.#abort.signal.aborted || !this.#cards.has(job.id)) return;
      const next = await getJson(`jobs/${job.id}`, { signal: this.#abort.signal }).catch(() => job);
      this.#show(next, state, picture);
    }, POLL_MS);
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
    this.#showCount();
    (this.grid.querySelector("a") ?? document.getElementById("main")).focus();
  }
}

/** The thumbnail of a job: of the result's preview, which is then stored, or else of its own or its input. */
async function thumbnailOf(job) {
  const stored = await recall(job.id);
  if (job.status !== "succeeded") {
    return job.progress?.preview_version ? getBlob(`jobs/${job.id}/preview`).catch(() => stored?.thumbnail) : stored?.thumbnail;
  }
  if (stored?.finished) return stored.thumbnail;
  const image = await thumbnail(await getBlob(`jobs/${job.id}/preview`));
  await remember(job.id, { thumbnail: image, finished: true });
  return image;
}
