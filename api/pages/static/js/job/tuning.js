// Changing a job while it runs, and ending it with the picture so far.

import { call } from "../lib/api.js";
import { announce, h, newId, toast } from "../lib/dom.js";
import { number } from "../lib/words.js";

/** A burst of movements of a slider is sent as one change. */
const DELAY_MS = 120;

const SLIDERS = {
  strength: { title: "Strength", ends: ["More photograph", "More painting"], min: 0, max: 1, step: 0.05 },
  style_scale: { title: "Brush strokes", ends: ["Fine", "Broad"], min: 0.25, max: 3, step: 0.05 },
};

/** The sliders of an unfinished job. `changed` gets the job after each change. */
export class Tuning {
  #sliders = {}; // {slider, output} by name
  #pending = {};
  #history = []; // what to send to undo each change
  #timer = 0;
  #sending = false;
  #stopping = false;

  constructor(id, changed) {
    this.id = id;
    this.changed = changed;
    this.undo = h("button", { type: "button", class: "quiet", hidden: true, on: { click: () => this.#undo() } }, "Undo last change");
    this.finish = h("button", { type: "button", class: "button primary", on: { click: () => this.#finish() } }, "Stop here and keep");
    this.element = h("section", { class: "tuning", "aria-label": "Change while it paints" }, Object.keys(SLIDERS).map((name) => this.#field(name)), this.undo, this.finish);
  }

  #field(name) {
    const { title, ends, min, max, step } = SLIDERS[name];
    const id = newId(name);
    const output = h("output", { for: id, class: "hint" });
    const slider = h("input", { id, type: "range", min: String(min), max: String(max), step: String(step), on: { input: () => this.#move(name) } });
    this.#sliders[name] = { slider, output };
    return h("div", { class: "field" }, h("div", { class: "field-head" }, h("label", { for: id }, title), output), slider,
      h("div", { class: "ends", "aria-hidden": "true" }, ends.map((end) => h("span", {}, end))));
  }

  #show(name, value) {
    const { min, max } = SLIDERS[name];
    const { slider, output } = this.#sliders[name];
    slider.value = String(value);
    output.textContent = number(value);
    slider.style.setProperty("--part", String((value - min) / (max - min)));
  }

  /** Show a job, but not over a change that is still on its way. */
  update(job) {
    this.job = job;
    this.finish.disabled = this.#stopping || job.status !== "running" || !job.progress;
    for (const [name, { slider }] of Object.entries(this.#sliders)) {
      if (name in this.#pending || slider.matches(":active")) continue;
      this.#show(name, job.params[name]);
    }
  }

  #move(name) {
    const value = this.#sliders[name].slider.valueAsNumber;
    this.#show(name, value);
    this.#pending[name] = value;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), DELAY_MS);
  }

  async #send({ undo = true } = {}) {
    if (this.#sending) return; // what comes meanwhile is sent next
    this.#sending = true;
    const change = this.#pending;
    const { params } = this.job;
    const before = Object.fromEntries(Object.keys(change).map((name) => [name, params[name]]));
    if ("strength" in change && params.style_weight !== null) { // the strength takes its place
      delete before.strength;
      Object.assign(before, { style_weight: params.style_weight, style_statistics: params.style_statistics });
    }
    try {
      const job = await (await call(`jobs/${this.id}`, { method: "PATCH", headers: { "Content-Type": "application/json" }, body: JSON.stringify(change) })).json();
      if (undo) this.#history.push(before);
      this.undo.hidden = !this.#history.length;
      announce("Changed.");
      this.#forget(change);
      this.changed(job);
    } catch (error) {
      this.#forget(change);
      this.update(this.job);
      toast(error.message, { error: true });
    }
    this.#sending = false;
    if (Object.keys(this.#pending).length) this.#send();
  }

  /** Forget what was sent, unless the slider has moved on. */
  #forget(change) {
    for (const [name, value] of Object.entries(change)) if (this.#pending[name] === value) delete this.#pending[name];
  }

  #undo() {
    if (this.#sending || Object.keys(this.#pending).length) return; // the last change is not made yet
    const before = this.#history.pop();
    for (const [name, value] of Object.entries(before)) if (name in SLIDERS) this.#show(name, value);
    Object.assign(this.#pending, before);
    this.#send({ undo: false });
  }

  async #finish() {
    this.#stopping = this.finish.disabled = true;
    this.finish.textContent = "Stopping…";
    try {
      this.changed(await (await call(`jobs/${this.id}/finish`, { method: "POST" })).json());
    } catch (error) {
      this.#stopping = this.finish.disabled = false;
      this.finish.textContent = "Stop here and keep";
      toast(error.message, { error: true });
    }
  }
}
