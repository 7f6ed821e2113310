// The wells that take pictures: dropped, pasted, chosen, photographed, or samples.

import { announce, h, icon, newId, openDialog, toast, whileBusy } from "../lib/dom.js";
import { server } from "../lib/server.js";
import { bytes } from "../lib/words.js";
import { ACCEPT, BadPicture, readPicture } from "../pictures/files.js";
import { creditOf, sampleFile, SAMPLES, sampleThumbnail } from "../pictures/samples.js";
import { MAX_STYLES } from "./draft.js";

const TITLES = { content: "Photograph", style: "Painting" };

const SAMPLE_HINTS = { content: "Or use a sample", style: "Or pick one from the library" };

const INVITATIONS = {
  content: "Drop, paste or choose a photograph",
  style: "Drop, paste or choose one to five paintings",
};

/** The wells for the photograph and the paintings. `report(field, text)` shows a problem, or clears it. */
export class Wells {
  constructor(draft, report) {
    this.draft = draft;
    this.report = report;
    this.adding = false; // whether the next painting is added to the others
    this.content = this.#well("content");
    this.style = this.#well("style");
    this.element = h("div", { class: "wells" }, this.content, this.style);
  }

  /**
   * Add files. A photograph replaces the one before; further files for it are added as paintings.
   * With `replace`, the first painting replaces the ones before.
   */
  async take(field, files, { replace = false } = {}) {
    this.report(field, "");
    await whileBusy(this[field].querySelector(".drop"), () => this.#take(field, files, replace));
  }

  async #take(field, files, replace) {
    const before = this.draft.snapshot();
    const replaced = field === "content" ? before.content : replace && before.styles.length;
    for (const [index, file] of [...files].entries()) {
      const target = field === "content" && index > 0 ? "style" : field;
      try {
        const picture = await readPicture(file);
        if (picture.scaled) toast(`${picture.name}: ${picture.scaled}, because of the limits of this server.`);
        if (!(await this.#place(target, picture, replace && index === 0))) return;
      } catch (error) {
        if (!(error instanceof BadPicture)) throw error;
        this.report(target, error.message);
        if (index === 0) return;
      }
    }
    if (replaced) toast(`${TITLES[field]} replaced.`, { undo: () => this.draft.put(before) });
  }

  /** The field for a picture that was dropped or pasted outside the wells. */
  nextField() {
    return this.draft.content ? "style" : "content";
  }

  /** Put a picture into the draft. Resolves with false if the user keeps what it would replace. */
  async #place(field, picture, replace) {
    const { draft } = this;
    if (field === "content") {
      if (!(await this.#mayDrop(draft.regions || draft.detail, "photograph"))) return false;
      draft.setContent(picture);
    } else if (replace) {
      if (!(await this.#mayDrop(draft.regions, "painting"))) return false;
      draft.setStyle(picture);
    } else if (draft.styles.length < MAX_STYLES) {
      draft.addStyle(picture);
    } else {
      throw new BadPicture(`A job takes at most ${MAX_STYLES} paintings. Remove one first.`);
    }
    this.#stopAdding();
    announce(`${TITLES[field]} ${picture.name} added.`);
    return true;
  }

  /** Ask before painted regions or detail are lost. */
  async #mayDrop(painted, what, verb = "Replace") {
    if (!painted) return true;
    const body = [h("p", {}, `What you painted on this ${what} will be removed too.`)];
    return (await openDialog(`${verb} the ${what}?`, body, [{ label: "Keep it", value: "" }, { label: verb, value: "drop", look: "button primary" }])) === "drop";
  }

  #stopAdding() {
    this.adding = false;
    this.refresh();
  }

  #well(field) {
    const heading = newId("well");
    const drop = h("div", { class: "drop" });
    const well = h("section", { class: "well", "aria-labelledby": heading, "data-field": field },
      h("div", { class: "well-head" }, h("h2", { id: heading }, TITLES[field]), field === "style" && h("span", { class: "hint count" })),
      drop, h("p", { class: "problem", role: "alert", hidden: true }), this.#samples(field));
    well.addEventListener("dragover", (event) => { event.preventDefault(); well.classList.add("over"); });
    well.addEventListener("dragleave", () => well.classList.remove("over"));
    well.addEventListener("drop", (event) => {
      event.preventDefault();
      event.stopPropagation();
      well.classList.remove("over");
      document.body.classList.remove("dragging");
      this.take(field, event.dataTransfer.files);
    });
    return well;
  }

  #samples(field) {
    const buttons = SAMPLES[field].map((sample) => h("button", { type: "button", class: "sample", "data-sample": sample.name, on: { click: ({ currentTarget }) => whileBusy(currentTarget, () => this.#sample(field, sample)) } },
      h("img", { src: sampleThumbnail(sample), alt: "", width: "72", height: "56" }), h("span", {}, sample.title)));
    return h("div", { class: "samples", role: "group", "aria-label": `Sample ${TITLES[field].toLowerCase()}s` }, h("span", { class: "hint" }, SAMPLE_HINTS[field]), h("div", { class: "sample-row" }, buttons));
  }

  /** Use a sample. It replaces what is there, unless another painting was asked for. */
  async #sample(field, sample) {
    try {
      await this.take(field, [await sampleFile(sample)], { replace: field === "style" && !this.adding });
    } catch {
      this.report(field, `Cannot load the sample “${sample.title}”. Check your connection and try again.`);
    }
  }

  /** Show the pictures of the draft. */
  refresh() {
    this.#fill(this.content, "content", this.draft.content ? [{ picture: this.draft.content }] : []);
    this.#fill(this.style, "style", this.draft.styles);
    const { length } = this.draft.styles;
    this.style.querySelector(".count").textContent = length > 1 ? `${length} of ${MAX_STYLES}` : "";
  }

  #fill(well, field, items) {
    const drop = well.querySelector(".drop");
    const focused = drop.contains(document.activeElement);
    const slot = field === "style" && this.adding && items.length > 0;
    drop.classList.toggle("filled", items.length > 0);
    drop.classList.toggle("many", items.length > 1 || slot);
    drop.replaceChildren(...items.map((item, at) => this.#tile(field, item, at, items.length)), slot ? this.#slot() : "", ...this.#choosers(field, items.length));
    if (focused) drop.querySelector(".slot input, input, button")?.focus({ preventScroll: true });
    const names = new Set(items.filter(({ picture }) => creditOf(picture.file)).map(({ picture }) => picture.name));
    for (const button of well.querySelectorAll("[data-sample]")) button.setAttribute("aria-pressed", String(names.has(button.dataset.sample)));
  }

  #tile(field, item, at, count) {
    const { picture } = item;
    const shown = picture.url
      ? h("img", { src: picture.url, alt: `${TITLES[field]}: ${picture.name}` })
      : h("p", { class: "no-preview" }, "This browser cannot display the picture, but the server can read its format.");
    const many = field === "style" && count > 1;
    const caption = h("figcaption", {}, h("span", { class: "name" }, picture.name), h("span", { class: "hint", title: picture.scaled ?? "" }, picture.scaled ? `Scaled to ${picture.width} × ${picture.height}` : creditOf(picture.file) ?? (picture.width ? `${picture.width} × ${picture.height}` : "")),
      h("span", { class: "tile-tools" }, many && at > 0 && this.#move(item, at - 1, "left", "earlier"), many && at < count - 1 && this.#move(item, at + 1, "right", "later"),
        h("button", { type: "button", class: "icon-button", "aria-label": `Remove ${picture.name}`, on: { click: () => this.#remove(field, item) } }, icon("close"))));
    return h("figure", { class: "tile" }, shown, caption, many && this.#weight(item));
  }

  #move(item, to, drawing, word) {
    return h("button", { type: "button", class: "icon-button", "aria-label": `Move ${item.picture.name} ${word}`, on: { click: () => {
      this.draft.moveStyle(item, to);
      announce(`${item.picture.name} is painting ${to + 1} of ${this.draft.styles.length}.`);
    } } }, icon(drawing));
  }

  /** The place of a further painting. */
  #slot() {
    return h("div", { class: "tile slot" }, h("p", { class: "hint" }, "Pick a sample below, or"),
      this.#chooser("style", "Choose a file", { "aria-label": "Choose a file: another painting", accept: ACCEPT, multiple: true }),
      h("button", { type: "button", class: "quiet", on: { click: () => this.#stopAdding() } }, "Cancel"));
  }

  #weight(item) {
    const id = newId("weight");
    const output = h("output", { for: id }, String(item.weight));
    const slider = h("input", { id, type: "range", min: "0", max: "4", step: "0.25", value: String(item.weight), "aria-label": `Weight of ${item.picture.name}` });
    const show = () => slider.style.setProperty("--part", String(slider.valueAsNumber / 4));
    slider.addEventListener("input", () => {
      item.weight = slider.valueAsNumber;
      output.textContent = slider.value;
      show();
      this.draft.changed();
    });
    show();
    return h("div", { class: "weight" }, h("span", { class: "hint" }, "Weight"), slider, output);
  }

  async #remove(field, item) {
    const { draft } = this;
    const before = draft.snapshot();
    if (field === "content") {
      if (!(await this.#mayDrop(draft.regions || draft.detail, "photograph", "Remove"))) return;
      draft.setContent(null);
    } else {
      draft.removeStyle(item);
    }
    toast(`${item.picture.name} removed.`, { undo: () => draft.put(before) });
    (field === "content" ? this.content : this.style).querySelector(".drop input, .drop button")?.focus();
  }

  #choosers(field, count) {
    const row = [];
    if (count < 2 && !(this.adding && count)) {
      const word = count ? "Replace" : "Choose a file";
      row.push(this.#chooser(field, word, { "aria-label": `${word}: ${TITLES[field].toLowerCase()}`, accept: ACCEPT, multiple: field === "style" }, { replace: true }));
    }
    if (field === "style" && count > 0 && count < MAX_STYLES && !this.adding) {
      row.push(h("button", { type: "button", class: "button", on: { click: () => { this.adding = true; this.refresh(); this.style.querySelector(".slot input").focus(); } } }, "Add another painting"));
    }
    if (field === "content" && matchMedia("(any-pointer: coarse)").matches) {
      row.push(this.#chooser(field, "Take a photo", { "aria-label": "Take a photo", accept: "image/*", capture: "environment" }, {}, icon("camera")));
    }
    if (!row.length) return [];
    return [h("div", { class: "choosers" }, count === 0 && h("p", { class: "invitation" }, INVITATIONS[field]), h("div", { class: "row" }, row))];
  }

  #chooser(field, word, properties, options = {}, drawing = null) {
    const id = newId("file");
    const input = h("input", { id, type: "file", class: "visually-hidden", ...properties, on: { change: () => this.take(field, input.files, options) } });
    return h("span", { class: "chooser" }, input, h("label", { for: id, class: "button", "aria-hidden": "true" }, drawing, word));
  }
}
