// The live draft: a small picture that follows the form, painted by the server while its sliders move.

import { abandon, call, getBlob, newKey, postForm, Problem } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { asText } from "../form/schema.js";
import { reduced } from "../pictures/files.js";
import { follow } from "./events.js";

/** A burst of movements of a slider is one change; new pictures wait a little longer. */
const [MOVE_MS, START_MS] = [120, 400];

/** The longer side of the pictures that are uploaded for a draft, which has at most 192 pixels. */
const UPLOADED_SIDE = 512;

/** Settings that have no effect on a draft, or that it cannot have. */
const LEFT_OUT = /^(webhook|max_seconds|edits|priority|format|quality|metadata)/;

/** The live draft of a form. */
export class LiveDraft {
  #id = ""; // of the draft on the server
  #started = ""; // what it was posted with, besides the tunable settings
  #tuned = {}; // its tunable settings
  #sent = Promise.resolve();
  #abort = null;
  #timer = 0;
  #turn = 0; // counts starts and cancels: an upload of an earlier turn is out of date
  #url = "";
  #here = true;

  /** The draft is shown in `picture`, and what keeps it from being painted in `note`. */
  constructor(draft, picture, note) {
    Object.assign(this, { draft, picture, note, invitation: [...picture.childNodes] });
    document.addEventListener("visibilitychange", () => { if (document.hidden) this.#unfollow(); else this.refresh(); });
  }

  /** Stop when the user leaves the form, and go on when they return. */
  leave() {
    this.#here = false;
    this.#cancel();
  }

  enter() {
    this.#here = true;
    this.refresh();
  }

  /** Show the form as it is now. */
  refresh() {
    clearTimeout(this.#timer);
    const { content, styles } = this.draft;
    if (!content || !styles.length) {
      this.#waitFor(...this.invitation);
      return this.#cancel();
    }
    if (!this.#here || document.hidden || Object.keys(this.draft.problems()).length) return undefined;
    const same = this.#key() === this.#started;
    this.#timer = setTimeout(() => (same ? this.#tune() : this.#start()), same ? MOVE_MS : START_MS);
    return undefined;
  }

  #tunable() {
    const { fields, styles } = this.draft;
    const names = Object.keys(fields).filter((name) => fields[name]["x-tunable"] && name !== "style_blend");
    const values = Object.fromEntries(names.map((name) => [name, asText(this.draft.value(name)) === "" ? null : this.draft.value(name)]));
    delete values[values.style_weight === null ? "style_weight" : "strength"]; // the other one is not in use
    return styles.length > 1 ? { ...values, style_blend: styles.map(({ weight }) => weight) } : values;
  }

  /** What a draft cannot change while it is painted. */
  #key() {
    const { content, styles, regions, detail, files, preset, explicit, fields } = this.draft;
    const settings = Object.entries(explicit).filter(([name]) => !fields[name]?.["x-tunable"] && !LEFT_OUT.test(name));
    const pictures = [content, ...styles.map(({ picture }) => picture)].map(({ file }) => [file.name, file.size, file.lastModified]);
    return JSON.stringify([pictures, keyOf(regions), keyOf(detail), files.init_image?.name, preset, settings]);
  }

  async #start() {
    this.#cancel();
    const turn = this.#turn;
    if (this.#url) this.picture.setAttribute("aria-busy", "true");
    else this.#waitFor(h("p", { class: "hint", role: "status" }, "Painting a first draft…"));
    try {
      await this.draft.load();
      if (turn !== this.#turn || !this.#here) return undefined;
      clearTimeout(this.#timer); // loading the schema has changed the form
      this.#started = this.#key();
      const tuned = this.#tunable();
      const form = await this.draft.form();
      for (const name of [...form.keys()]) if (LEFT_OUT.test(name)) form.delete(name);
      form.append("draft", "true");
      form.set("content", await reduced(this.draft.content, UPLOADED_SIDE), "photograph.jpg");
      form.delete("style");
      for (const { picture } of this.draft.styles) form.append("style", await reduced(picture, UPLOADED_SIDE), "painting.jpg");
      const { id } = await postForm("jobs", form, () => {}, { "Idempotency-Key": newKey() });
      if (turn !== this.#turn) return abandon(id);
      this.#id = id;
      this.#tuned = tuned;
      this.#show("");
      this.#follow();
      this.refresh(); // the sliders may have moved meanwhile
    } catch (error) {
      if (turn === this.#turn) {
        this.#started = "";
        this.#waitFor();
        this.#show(error.message);
      }
    }
    return undefined;
  }

  /** Send what has changed, after what is on its way. */
  #tune() {
    if (this.#id && !this.#abort) this.#follow();
    this.#sent = this.#sent.then(() => this.#send());
  }

  async #send() {
    const wanted = this.#tunable();
    const change = Object.fromEntries(Object.entries(wanted).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(this.#tuned[name] ?? null)));
    if (!this.#id || !Object.keys(change).length) return;
    try {
      await call(`jobs/${this.#id}`, { method: "PATCH", headers: { "Content-Type": "application/json" }, body: JSON.stringify(change) });
      this.#tuned = wanted;
      this.#show("");
    } catch (error) {
      if (error instanceof Problem && [404, 409].includes(error.status)) this.#start(); // the server has ended it
      else this.#show(error.message);
    }
  }

  async #follow() {
    const abort = this.#abort = new AbortController();
    let version = 0; // of the preview that is shown
    try {
      for await (const { event, job } of follow(this.#id, abort.signal)) {
        if (event === "lost" || event === "reconnected") continue;
        if (job.done) { // it failed, or the server has ended it: the next change begins another
          this.#started = this.#id = "";
          this.#show(job.error?.message ?? "");
          break;
        }
        this.#show(job.status === "queued" ? "It begins when a worker is free." : "");
        const newest = job.progress?.preview_version ?? 0;
        if (!newest || newest === version) continue;
        version = newest;
        const picture = await getBlob(`jobs/${job.id}/preview`, { signal: abort.signal, cache: "no-cache" });
        URL.revokeObjectURL(this.#url);
        this.#url = URL.createObjectURL(picture);
        this.picture.replaceChildren(h("img", { src: this.#url, alt: "A small draft of the picture" }));
        this.picture.removeAttribute("aria-busy");
      }
    } catch (error) {
      if (!abort.signal.aborted) this.#show(error.message);
    }
    if (this.#abort === abort) this.#abort = null;
  }

  #unfollow() {
    this.#abort?.abort();
    this.#abort = null;
  }

  #cancel() {
    clearTimeout(this.#timer);
    this.#turn += 1;
    this.#unfollow();
    if (this.#id) abandon(this.#id);
    this.#id = this.#started = "";
    return undefined;
  }

  /** Show words, or nothing, in place of a draft that shows other pictures. */
  #waitFor(...words) {
    URL.revokeObjectURL(this.#url);
    this.#url = "";
    this.picture.removeAttribute("aria-busy");
    this.picture.replaceChildren(...words);
  }

  #show(problem) {
    this.note.textContent = problem;
  }
}

const keyOf = (layers) => (layers ? JSON.stringify(layers, (name, value) => (name === "cells" ? checksum(value) : value)) : "");

const checksum = (cells) => cells.reduce((sum, cell) => (sum * 31 + cell) | 0, 0);
