// The gallery: the caller's jobs, newest first. Variations of the same pictures stand together.

import { differing, describe, MAX_COMPARED } from "../job/compare.js";
import { call, getBlob, getJson, Problem } from "../lib/api.js";
import { announce, h, icon, openDialog, whileBusy } from "../lib/dom.js";
import { forget, recall, remember } from "../lib/storage.js";
import { since, STATUS } from "../lib/words.js";
import { thumbnail } from "./files.js";

const PAGE = 24;
const POLL_MS = 4000;

/** The most settings in the caption of a picture, and those that say little about its look. */
const [MAX_NAMED, TECHNICAL] = [3, new Set(["init", "pyramid"])];

/** Delete a job after a confirmation. `element` is busy while the server deletes it. Resolves with whether it was deleted. */
export async function removeJob(id, element) {
  const body = [h("p", {}, "This deletes the picture and its inputs from the server and from this browser. It cannot be undone.")];
  const choice = await openDialog("Delete this picture?", body, [{ label: "Cancel", value: "" }, { label: "Delete", value: "delete", look: "button danger" }]);
  if (choice !== "delete") return false;
  try {
    await whileBusy(element, () => call(`jobs/${id}`, { method: "DELETE" }));
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
  #cards = new Map(); // {card, job, pair, caption, box} by id
  #chosen = new Set();

  constructor() {
    document.title = "Your pictures · Easel";
    this.grid = h("ul", { class: "grid", role: "list" });
    this.note = h("p", { class: "hint", role: "status" }, "Loading…");
    this.more = h("button", { type: "button", class: "button", hidden: true, on: { click: ({ currentTarget }) => whileBusy(currentTarget, () => this.#load()) } }, "Show more");
    this.compare = h("a", { class: "button primary" }, "Compare");
    this.bar = h("div", { class: "compare-bar", hidden: true }, h("span", { class: "hint" }), this.compare);
    this.element = h("section", { class: "view gallery", "aria-label": "Your pictures" }, h("h1", { class: "headline" }, "Your pictures"), this.note, this.grid, this.more, this.bar);
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
      for (const job of items) this.#addCard(job, await recall(job.id));
      this.more.hidden = !next;
      this.more.textContent = "Show more";
      this.#showCount();
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.note.hidden = this.more.hidden = false;
      this.note.textContent = error.message;
      this.more.textContent = "Try again";
    }
  }

  #showCount() {
    this.note.hidden = this.#cards.size > 0;
    if (!this.#cards.size) this.note.replaceChildren("No pictures yet. ", h("a", { href: "#/" }, "Create the first one"), ".");
  }

  /** Add the card of a job, beside the newest other one of the same pictures. `stored` is what this browser has of it. */
  #addCard(job, stored) {
    const pair = pairOf(stored);
    const picture = h("div", { class: "thumb" });
    const state = h("span", { class: "state" });
    const when = since(new Date(job.created_at));
    const caption = h("span", { class: "hint caption" });
    const link = h("a", { href: `#/jobs/${job.id}` }, picture, h("span", { class: "when" }, state, h("span", { class: "hint" }, when)), caption);
    const box = h("input", { type: "checkbox", "aria-label": `Compare picture from ${when}`, on: { change: () => this.#choose(job.id, box.checked) } });
    const remove = h("button", { type: "button", class: "icon-button", "aria-label": `Delete picture from ${when}`, on: { click: () => this.#remove(job.id) } }, icon("close"));
    const card = h("li", { class: "card" }, link, box, remove);
    const beside = pair && [...this.#cards.values()].filter((other) => other.pair === pair).at(-1);
    if (beside) beside.card.after(card);
    else this.grid.append(card);
    this.#cards.set(job.id, { card, job, pair, caption, box });
    this.#caption(pair, job.id);
    this.#show(job, stored, state, picture);
  }

  /** Say of what a picture was made, or what makes it differ from its variations. */
  #caption(pair, id) {
    const group = [...this.#cards.entries()].filter(([other, card]) => other === id || (pair && card.pair === pair)).map(([, card]) => card);
    const all = differing(group.map(({ job }) => job.params));
    const plain = all.filter((name) => !TECHNICAL.has(name));
    const names = (plain.length ? plain : all).slice(0, MAX_NAMED);
    for (const { caption, job, card } of group) {
      card.classList.toggle("variation", group.length > 1);
      const words = group.length > 1 ? describe(job.params, names) || "same settings" : describe(job.params, [job.params.style_weight === null ? "strength" : "style_weight", "size"]);
      caption.textContent = [pair.split("\n")[0], words].filter(Boolean).join(": ");
    }
  }

  #choose(id, chosen) {
    if (chosen) this.#chosen.add(id);
    else this.#chosen.delete(id);
    const count = this.#chosen.size;
    for (const { box } of this.#cards.values()) box.disabled = !box.checked && count >= MAX_COMPARED;
    this.bar.hidden = !count;
    this.bar.firstChild.textContent = count < 2 ? "Choose one to three more." : `${count} pictures chosen.`;
    this.compare.hidden = count < 2;
    this.compare.href = `#/compare/${[...this.#chosen].join(",")}`;
  }

  async #show(job, stored, state, picture) {
    state.textContent = STATUS[job.status];
    state.className = `state ${job.status}`;
    const blob = await thumbnailOf(job, stored).catch(() => null);
    if (blob) picture.replaceChildren(h("img", { src: URL.createObjectURL(blob), alt: `Picture, ${STATUS[job.status].toLowerCase()}` }));
    if (job.done || this.#abort.signal.aborted) return;
    setTimeout(async () => {
      if (this.#abort.signal.aborted || !this.#cards.has(job.id)) return;
      const next = await getJson(`jobs/${job.id}`, { signal: this.#abort.signal }).catch(() => job);
      this.#show(next, stored, state, picture);
    }, POLL_MS);
  }

  async #remove(id) {
    try {
      if (!(await removeJob(id, this.#cards.get(id).card))) return;
    } catch (error) {
      this.note.hidden = false;
      this.note.textContent = error.message;
      return;
    }
    this.#cards.get(id).card.remove();
    this.#cards.delete(id);
    this.#choose(id, false);
    this.#showCount();
    (this.grid.querySelector("a") ?? document.getElementById("main")).focus();
  }
}

/** A key of the pictures that this browser has stored of a job, with their names in its first line; "" if it has none. */
function pairOf(stored) {
  if (!stored?.content) return "";
  const files = [stored.content, ...(stored.styles ?? []).map(({ file }) => file)];
  const names = files.map(({ name }) => name.replace(/\.[^.]*$/, ""));
  return [`${names[0]} and ${names.slice(1).join(", ")}`, ...files.map(({ name, size }) => `${name} ${size}`)].join("\n");
}

/** The thumbnail of a job. That of a finished job is made from its preview and stored; an unfinished one has its preview or its input. */
async function thumbnailOf(job, stored) {
  if (job.status !== "succeeded") {
    return job.progress?.preview_version ? getBlob(`jobs/${job.id}/preview`).catch(() => stored?.thumbnail) : stored?.thumbnail;
  }
  if (stored?.finished) return stored.thumbnail;
  const image = await thumbnail(await getBlob(`jobs/${job.id}/preview`));
  await remember(job.id, { thumbnail: image, finished: true });
  return image;
}
