// The form: the pictures, the strength, the colours, the preset, the sliders, and all other settings in a drawer.

import { newKey, Problem } from "../lib/api.js";
import { announce, h, newId, toast, whileBusy } from "../lib/dom.js";
import { server } from "../lib/server.js";
import { paintedFiles } from "../pictures/painted.js";
import { canHaveRegions } from "../pictures/regions.js";
import { pictureChoice } from "./choices.js";
import { EstimateLine } from "./estimate.js";
import { showProblems, sliderField } from "./fields.js";
import { CHOICES } from "./groups.js";
import { endExample, hero } from "./hero.js";
import { send } from "./send.js";
import { Settings } from "./settings.js";
import { Wells } from "./wells.js";

/** Whether the user has switched the live draft off. */
const LIVE_OFF = "easel-live-off";

const SIZES = [64, 96, 128, 192, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048, 2560, 3072, 4096, 6144, 8192, 12288, 16384];

const SLIDERS = {
  strength: { title: "Strength", ends: ["More photograph", "More painting"], values: Array.from({ length: 21 }, (_, step) => step / 20),
    unused: (draft) => `Not used: the style weight is ${draft.value("style_weight")}.` },
  size: { title: "Size", ends: ["Small, fast", "Large, slow"], values: SIZES.filter((size) => size <= server.max_size) },
  steps: { title: "Steps", ends: ["Fast", "Detailed"], values: [10, 20, 30, 40, 60, 80, 100, 150, 200, 300, 400, 500, 700, 1000] },
  style_scale: { title: "Style scale", ends: ["Fine strokes", "Broad strokes"], values: [0.25, 0.35, 0.5, 0.7, 1, 1.4, 2, 2.8, 4] },
};

/** The form for a draft. */
export class FormView {
  #controls = [];
  #pictureProblems = {};
  #serverProblems = {};
  #submitted = false;
  #liveCode = null;
  #sendKey = ""; // a repeated request with the same key creates no second job

  constructor(draft) {
    this.draft = draft;
    this.wells = new Wells(draft, (field, text) => this.#report(field, text));
    this.element = this.#build();
    draft.addEventListener("change", ({ detail }) => {
      this.#sendKey = "";
      if (detail === "fields") this.settings.fill();
      this.refresh();
    });
    this.refresh();
  }

  #build() {
    const row = (field, layer) => h("div", { class: "regions-row", "data-field": field },
      h("button", { type: "button", class: "button", on: { click: ({ currentTarget }) => this.#paintOn(currentTarget, layer) } }),
      h("p", { class: "hint" }), h("p", { class: "problem", hidden: true }));
    this.detail = row("detail_map", "detail");
    this.regions = row("content_mask", "regions");
    this.settings = new Settings(this.draft);
    this.reset = h("button", { type: "button", class: "quiet", hidden: true, on: { click: () => this.draft.reset() } }, "Reset to preset");
    this.summary = h("p", { class: "problem summary", role: "alert", hidden: true });
    this.submit = h("button", { type: "submit", class: "button primary wide" }, "Paint");
    this.upload = h("progress", { max: 1, value: 0, hidden: true, "aria-label": "Uploading pictures" });
    const sliders = Object.entries(SLIDERS).map(([name, slider]) => this.#keep(sliderField(name, slider, this.draft)));
    const [strength, ...others] = sliders;
    const preset = pictureChoice("preset", "Preset", Object.keys(server.presets), () => this.draft.preset, (value) => this.draft.setPreset(value));
    const color = pictureChoice("color", "Colours", Object.keys(CHOICES.color), () => this.draft.value("color"), (value) => this.draft.set("color", value));
    this.estimate = new EstimateLine(this.draft);
    this.four = h("div", { class: "row four", role: "group", "aria-label": "Try four" }, h("span", { class: "hint" }, "Try four:"),
      [["strengths", "Strengths"], ["paintings", "Paintings of the library"]].map(([over, text]) => this.#tryButton(over, text)));
    const panel = h("div", { class: "panel" }, this.#liveFrame(), h("div", {}, strength, this.four), this.#keep(color), this.#keep(preset), h("div", { class: "sliders" }, others));
    const go = h("div", { class: "go" }, this.summary, this.submit, this.upload, this.estimate.element,
      h("button", { type: "button", class: "quiet", on: { click: ({ currentTarget }) => whileBusy(currentTarget, () => this.#showCode()) } }, "Copy as code"));
    return h("form", { class: "view create", novalidate: true, "aria-label": "Create a picture", on: { submit: (event) => this.#send(event) } },
      hero(),
      h("div", { class: "stage" }, this.wells.element, this.detail, this.regions), panel, h("div", { class: "drawers" }, this.settings.element, this.reset), go);
  }

  /** The user has come back to the form. */
  enter() {
    if (!this.draft.untouched) endExample(this.element);
    this.estimate.forget();
    this.refresh();
  }

  leave() {
    this.live?.leave();
  }

  /** The place of the live draft, whose code is fetched when both pictures are there. */
  #liveFrame() {
    const id = newId("live");
    this.livePicture = h("div", { class: "live-picture" }, h("p", { class: "hint" }, "When both pictures are here, a small draft shows what the settings do."));
    this.liveNote = h("span", { class: "hint" });
    this.liveBox = h("input", { id, type: "checkbox", checked: !localStorage.getItem(LIVE_OFF), on: { change: () => {
      if (this.liveBox.checked) localStorage.removeItem(LIVE_OFF);
      else localStorage.setItem(LIVE_OFF, "1");
      this.#showLive();
    } } });
    return h("section", { class: "live", "aria-label": "Live draft" }, this.livePicture,
      h("div", { class: "row" }, this.liveBox, h("label", { class: "hint", for: id }, "Live draft"), this.liveNote));
  }

  #showLive() {
    if (!this.element.isConnected) return undefined;
    const { content, styles } = this.draft;
    const wanted = this.liveBox.checked && Boolean(content && styles.length);
    this.livePicture.hidden = !this.liveBox.checked;
    this.liveNote.textContent = "";
    if (!this.liveBox.checked) return this.live?.leave();
    if (this.live) return this.live.enter();
    if (wanted) {
      this.#liveCode ??= import("../job/live.js").then(({ LiveDraft }) => {
        this.live = new LiveDraft(this.draft, this.livePicture, this.liveNote);
        this.#showLive();
      }, (error) => { this.liveNote.textContent = error.message; });
    }
    return undefined;
  }

  #keep({ field, refresh }) {
    this.#controls.push(refresh);
    return field;
  }

  refresh() {
    this.wells.refresh();
    for (const refresh of this.#controls) refresh();
    this.settings.refresh();
    this.reset.hidden = !Object.keys(this.draft.explicit).length && !Object.values(this.draft.files).some(Boolean);
    this.#showPainted();
    this.#serverProblems = {};
    this.#showProblems();
    this.#showLive();
  }

  /** Say what can be painted on the pictures, and what is. */
  #showPainted() {
    const { content, detail, regions } = this.draft;
    const show = (row, ready, word, hint) => {
      const [button, text] = row.children;
      button.disabled = !ready;
      button.textContent = word;
      text.textContent = hint;
    };
    show(this.detail, content?.width, detail ? "Edit details" : "Keep details",
      detail ? "The details that you painted stay as they are in the photograph." : "Optional: protect faces, hands and other details.");
    const ready = canHaveRegions(this.draft);
    show(this.regions, ready, regions ? "Edit regions" : "Paint regions", regions ? "Each region takes its style from the same region of a painting."
      : ready ? "Optional: choose which part of a painting styles which part of the photograph." : "Optional: add both pictures first.");
  }

  /** Fetch the editor, while its button is busy, and open it. */
  async #paintOn(button, layer) {
    let paint;
    try {
      ({ paint } = await whileBusy(button, () => import("../pictures/painter.js")));
    } catch {
      toast("The editor could not be loaded. Check your connection and try again.", { error: true });
      return;
    }
    const painted = await paint(this.draft, layer);
    if (painted) this.draft.setPainted(painted);
  }

  #report(field, text) {
    this.#pictureProblems = { ...this.#pictureProblems, [field]: text };
    if (!text) delete this.#pictureProblems[field];
    this.#showProblems();
  }

  /** Show all problems. Missing pictures are reported only after the first attempt to submit. */
  #showProblems() {
    const invalid = this.draft.problems();
    if (!this.#submitted) {
      if (!this.draft.content) delete invalid.content;
      if (!this.draft.styles.length) delete invalid.style;
    }
    const problems = { ...invalid, ...this.#serverProblems, ...this.#pictureProblems };
    this.estimate.refresh({ ...invalid, ...this.draft.problems() });
    const others = showProblems(this.element, problems);
    this.settings.reveal(problems);
    this.#showSummary(Object.entries(others).map(([field, text]) => (field ? `${field}: ${text}` : text)).join(" "));
    return problems;
  }

  #showSummary(text) {
    if (this.summary.textContent !== text) this.summary.textContent = text;
    this.summary.hidden = !text;
  }

  #fileNames() {
    const { content, styles, files } = this.draft;
    const others = Object.entries(files).filter(([, file]) => file).map(([field, file]) => [field, file.name]);
    const named = styles.length ? styles.map(({ picture }) => ["style", picture.name]) : [["style", "painting.jpg"]];
    return [["content", content?.name ?? "photograph.jpg"], ...named, ...others];
  }

  async #showCode() {
    try {
      const { showCode } = await import("./code.js");
      showCode(this.draft.texts(), this.#fileNames(), await paintedFiles(this.draft));
    } catch (error) {
      this.#showError(error);
    }
  }

  async #send(event) {
    event.preventDefault();
    this.#submitted = true;
    this.#pictureProblems = {};
    this.#serverProblems = {};
    if (Object.keys(this.#showProblems()).length) {
      this.#insist();
      return;
    }
    this.#busy(true);
    try {
      await this.draft.load();
      this.#sendKey ||= newKey();
      const job = await send(this.draft, this.#sendKey, (fraction) => { this.upload.value = fraction; });
      this.#sendKey = "";
      this.#submitted = false;
      location.hash = `#/jobs/${job.id}`;
    } catch (error) {
      this.#showError(error);
    } finally {
      this.#busy(false);
    }
  }

  #tryButton(over, text) {
    const button = h("button", { type: "button", class: "quiet", on: { click: async () => {
      const needed = this.draft.problems();
      if (over === "paintings") delete needed.style;
      if (Object.keys(needed).length) return this.#insist();
      button.disabled = true;
      button.textContent = "Starting…";
      try {
        location.hash = `#/compare/${(await (await import("../job/four.js")).tryFour(this.draft, over)).join(",")}`;
      } catch (error) {
        this.#showError(error);
      }
      button.disabled = false;
      button.textContent = text;
      return undefined;
    } } }, text);
    return button;
  }

  /** Show every problem, also missing pictures, and go to the first. */
  #insist() {
    this.#submitted = true;
    this.#showProblems();
    this.element.querySelector(".wrong input:not([disabled]), .wrong select, .wrong button")?.focus();
  }

  #busy(busy) {
    this.submit.disabled = busy;
    this.submit.textContent = busy ? "Uploading…" : "Paint";
    this.upload.hidden = !busy;
    this.upload.value = 0;
    if (busy) announce("Uploading pictures.");
  }

  /** Show the errors of the server beside their fields. */
  #showError(error) {
    const errors = error instanceof Problem ? error.errors : [];
    for (const { field, message } of errors) {
      const name = field.split(".")[0];
      const owner = name === "style_mask" ? "content_mask" : name === "style_blend" ? "style" : name;
      this.#serverProblems[owner] = [this.#serverProblems[owner], sentence(message)].filter(Boolean).join(" ");
    }
    if (!errors.length) {
      const wait = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
      this.#serverProblems[""] = sentence(error.message) + wait;
    }
    this.#showProblems();
    this.element.querySelector(".wrong input, .wrong select")?.focus();
  }
}

const sentence = (text) => (text ? text[0].toUpperCase() + text.slice(1).replace(/[.]?$/, ".") : "");
