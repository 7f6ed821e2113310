// The view of one job: its progress while it runs, and its result.

import { showCode } from "../form/code.js";
import { fill } from "../form/reuse.js";
import { asText } from "../form/schema.js";
import { call, getBlob, getJson, Problem } from "../lib/api.js";
import { announce, h, toast } from "../lib/dom.js";
import { save } from "../lib/save.js";
import { server } from "../lib/server.js";
import { recall, remember } from "../lib/storage.js";
import { STATUS } from "../lib/words.js";
import { readPicture, thumbnail } from "../pictures/files.js";
import { removeJob } from "../pictures/gallery.js";
import { paintedFiles } from "../pictures/painted.js";
import { LossChart } from "./chart.js";
import { comparison } from "./comparison.js";
import { downloadControl, sizeOf } from "./download.js";
import { follow } from "./events.js";
import { sharing } from "./share.js";
import { Tuning } from "./tuning.js";
import { variations } from "./variations.js";
import { endNote, facts, queuedNote, runningNote } from "./words.js";

export class JobView {
  #abort = new AbortController();
  #shownVersion = 0; // of the preview
  #fetching = false;
  #hasResult = false;
  #status = "";
  #chart = null;
  #urls = [];

  constructor(id, draft) {
    this.id = id;
    this.draft = draft;
    this.#build();
    this.#run();
  }

  leave() {
    this.#abort.abort();
    this.#urls.forEach((url) => URL.revokeObjectURL(url));
  }

  #build() {
    this.heading = h("h1", { class: "headline" }, "Loading…");
    this.note = h("p", { class: "hint status-note" });
    this.lost = h("p", { class: "notice", role: "status", hidden: true });
    this.bar = h("div", { class: "bar", role: "progressbar", "aria-label": "Progress", "aria-valuemin": "0", "aria-valuemax": "100", hidden: true }, h("div"));
    this.chartPlace = h("div");
    this.actions = h("div", { class: "job-actions" });
    this.tuning = new Tuning(this.id, (job) => this.#update(job));
    this.details = h("div");
    this.stage = h("div", { class: "stage" }, h("figure", { class: "progress-picture" }, h("div", { class: "blank", "aria-hidden": "true" })));
    this.element = h("section", { class: "view job", "aria-label": "Picture" }, this.stage,
      h("div", { class: "panel" }, this.heading, this.note, this.bar, this.lost, this.actions, this.chartPlace, this.details));
  }

  async #run() {
    try {
      this.stored = await recall(this.id);
      if (this.stored?.content && !this.#abort.signal.aborted) this.#showBefore();
      for await (const { event, job, seconds } of follow(this.id, this.#abort.signal)) {
        if (event === "lost") this.#showLost(seconds);
        else if (event === "reconnected") this.#showFound();
        else this.#update(job);
      }
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#fail(error);
    }
  }

  #fail(error) {
    document.title = "Not found · Easel";
    this.heading.textContent = error instanceof Problem && error.status === 404 ? "Picture not found" : "Something went wrong";
    this.note.textContent = error.status === 404 ? "It may have been deleted, it may belong to another user, or the address may be wrong." : error.message;
    this.actions.replaceChildren(h("a", { class: "button", href: "#/" }, "Create a new picture"));
  }

  /** Say that the server does not answer, and what is known. Whether it still paints is not. */
  #showLost(seconds) {
    const known = this.job ? `The page shows the job as it was at ${this.seen}.` : "Nothing is known about this picture yet.";
    this.heading.textContent = this.job ? "Connection lost" : "No connection";
    this.lost.textContent = `The server does not respond. ${known} Trying again in ${seconds} s.`;
    this.lost.hidden = false;
    document.title = `${this.heading.textContent} · Easel`;
    if (!this.job) this.note.textContent = "";
  }

  #showFound() {
    this.lost.hidden = true;
    this.heading.textContent = this.job ? STATUS[this.job.status] : "Loading…";
  }

  #url(blob) {
    const url = URL.createObjectURL(blob);
    this.#urls.push(url);
    return url;
  }

  async #showBefore() {
    try {
      await createImageBitmap(this.stored.content).then((bitmap) => bitmap.close());
    } catch {
      return; // the browser cannot display the format
    }
    this.before = this.#url(this.stored.content);
    if (!this.#shownVersion && !this.#hasResult) this.#showPicture(this.before, "The original photograph", "waiting");
  }

  /** The server's copy of the photograph, for a browser that has not stored it or cannot display it. */
  async #storedBefore() {
    const copy = await getBlob(`jobs/${this.id}/content`, { signal: this.#abort.signal }).catch((error) => console.info("no photograph:", error.message));
    return copy && this.#url(copy);
  }

  #showPicture(url, alt, look = "") {
    this.stage.replaceChildren(h("figure", { class: `progress-picture ${look}` }, h("img", { src: url, alt })));
  }

  #update(job) {
    this.job = job;
    this.seen = new Date().toLocaleTimeString();
    const { progress } = job;
    if (progress) {
      this.#chart ??= this.#newChart(job.params);
      this.#chart.add(progress);
    }
    if (progress?.preview_version > this.#shownVersion && !job.done) this.#showPreview();
    this.#showProgress(job);
    if (!job.done) this.tuning.update(job);
    this.#chart?.mark(job.edits ?? []);
    if (job.status === this.#status) return;
    this.#status = job.status;
    this.heading.textContent = STATUS[job.status];
    announce(`${STATUS[job.status]}. ${this.note.textContent}`);
    this.#showActions(job);
    if (job.done) this.#finish(job);
  }

  #newChart(params) {
    const chart = new LossChart(params);
    this.chartPlace.append(chart.element);
    getJson(`jobs/${this.id}/losses`, { signal: this.#abort.signal }).then(({ items }) => chart.load(items),
      (error) => console.info("no earlier losses:", error.message));
    return chart;
  }

  async #showPreview() {
    if (this.#fetching) return;
    this.#fetching = true;
    const version = this.job.progress.preview_version;
    try {
      const blob = await getBlob(`jobs/${this.id}/preview`, { signal: this.#abort.signal, cache: "no-cache" });
      if (!this.job.done) {
        this.#shownVersion = version;
        this.#showPicture(this.#url(blob), "Preview");
      }
    } catch {
      // The next preview replaces this one.
    }
    this.#fetching = false;
  }

  #showProgress(job) {
    const { status, progress } = job;
    const fraction = progress?.fraction ?? 0;
    const percent = Math.floor(fraction * 100);
    this.bar.hidden = status !== "running";
    this.bar.setAttribute("aria-valuenow", String(percent));
    this.bar.firstChild.style.setProperty("--part", String(fraction));
    document.title = status === "running" ? `${percent} % · Easel` : `${STATUS[status]} · Easel`;
    if (status === "queued") this.note.textContent = queuedNote(job);
    if (status === "running") {
      this.note.textContent = progress ? runningNote(progress) : "Starting…";
      this.bar.setAttribute("aria-valuetext", this.note.textContent);
    }
  }

  #showActions({ done, status }) {
    if (!done) {
      this.actions.replaceChildren(this.tuning.element, this.#button("Cancel", () => this.#cancel(), "quiet danger"));
      return;
    }
    const reuse = this.#button(status === "succeeded" ? "Reuse settings" : "Try again", () => this.#reuse());
    const code = this.#button("Copy as code", () => this.#code(), "quiet");
    const remove = this.#button("Delete", () => this.#delete(), "quiet danger");
    const again = status === "succeeded" ? variations(this.job, this.#button.bind(this)) : "";
    this.actions.replaceChildren(again, reuse, h("div", { class: "row" }, code, remove));
  }

  #button(text, action, look = "button") {
    const button = h("button", { type: "button", class: look, on: { click: async () => {
      button.disabled = true;
      try {
        await action();
      } catch (error) {
        toast(error.message, { error: true });
      }
      button.disabled = false;
    } } }, text);
    return button;
  }

  async #finish(job) {
    this.note.textContent = endNote(job);
    this.details.replaceChildren(facts(job), this.#chart ? this.#button("Save losses as CSV", () => this.#saveLosses(), "quiet") : "");
    this.#showFound();
    if (job.status !== "succeeded") return;
    try {
      await this.#showResult(job);
    } catch (error) {
      if (!this.#abort.signal.aborted) this.note.textContent = error.message;
    }
  }

  async #showResult(job) {
    const { signal } = this.#abort;
    const shown = await getBlob(`jobs/${this.id}/result?display=true`, { signal });
    const { width, height } = await sizeOf(shown);
    if (signal.aborted) return;
    const { params, progress } = job;
    const hidden = server.not_displayable.includes(params.format);
    const large = width < progress.width;
    this.#hasResult = true;
    const all = large && !hidden ? [this.#button("Show all pixels", () => this.#showAll(progress))] : [];
    const button = this.#button.bind(this);
    this.actions.prepend(downloadControl(job, hidden || large, button), ...all, sharing(job, button));
    if (hidden) this.note.append(` Browsers cannot display ${params.format.toUpperCase()}, so this is a copy.`);
    if (large) this.note.append(` This is a copy of ${width} × ${height} pixels. Download has all of them.`);
    this.before ??= await this.#storedBefore();
    this.#compare(shown, { width, height });
    await remember(this.id, { thumbnail: await thumbnail(shown), finished: true });
  }

  #compare(picture, { width, height }) {
    this.stage.replaceChildren(comparison({ after: this.#url(picture), before: this.before, width, height }));
  }

  async #showAll(size) {
    this.#compare(await getBlob(`jobs/${this.id}/result`, { signal: this.#abort.signal }), size);
  }

  async #saveLosses() {
    save(await getBlob(`jobs/${this.id}/losses?format=csv`), `easel-${this.id.slice(-8)}.csv`);
  }

  async #cancel() {
    await call(`jobs/${this.id}/cancel`, { method: "POST" });
    if (!this.job.done) this.note.textContent = "Cancelling after the current step…";
  }

  async #delete() {
    if (await removeJob(this.id, this.element)) location.hash = "#/pictures";
  }

  /** Open the form with this job's settings, and with its pictures if this browser has stored them. */
  async #reuse() {
    if (!(await fill(this.draft, this.job.params, this.stored))) {
      toast("Settings copied. The pictures are not stored in this browser: choose them again.");
    }
    location.hash = "#/";
  }

  async #code() {
    const { preset, ...params } = this.job.params;
    const texts = Object.fromEntries(Object.entries({ preset, ...params }).filter(([, value]) => value != null && asText(value) !== "").map(([name, value]) => [name, asText(value)]));
    const styles = this.stored?.styles?.map(({ file }) => ["style", file.name]) ?? [["style", "painting.jpg"]];
    showCode(texts, [["content", this.stored?.content?.name ?? "photograph.jpg"], ...styles], await this.#painted());
  }

  /** The files that were painted for this job, if this browser has stored its pictures. */
  async #painted() {
    const { content, styles, regions, detail } = this.stored ?? {};
    if (!regions && !detail) return [];
    const pictures = await Promise.all(styles.map(async ({ file }) => ({ picture: await readPicture(file) })));
    return paintedFiles({ content: await readPicture(content), styles: pictures, regions, detail });
  }
}
