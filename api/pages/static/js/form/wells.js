// The wells that take pictures: dropped, pasted, chosen, photographed, or samples.

import { announce, h, icon, newId } from "../lib/dom.js";
import { ACCEPT, BadPicture, readPicture, sampleFile, SAMPLES, sampleThumbnail } from "../pictures/files.js";
import { MAX_STYLES } from "./draft.js";

const TITLES = { content: "Photograph", style: "Painting" };

const INVITATIONS = {
  content: "Drop, paste or choose a photograph",
  style: "Drop, paste or choose one to five paintings",
};

/** The wells for the photograph and the paintings. `report(field, text)` shows a problem, or clears it. */
export class Wells {
  constructor(draft, report) {
    this.draft = draft;
    this.report = report;
    this.content = this.#well("content");
    this.style = this.#well("style");
    this.element = h("div", { class: "wells" }, this.content, this.style);
  }

  /** Add files. Further files for the photograph are added as paintings. */
  async take(field, files) {
    this.report(field, "");
    for (const [index, file] of [...files].entries()) {
      const target = field === "content" && index > 0 ? "style" : field;
      try {
        this.#place(target, await readPicture(file));
      } catch (error) {
        if (!(error instanceof BadPicture)) throw error;
        this.report(target, error.message);
      }
    }
  }

  /** The field for a picture that was dropped or pasted outside the wells. */
  nextField() {
    return this.draft.content ? "style" : "content";
  }

  #place(field, picture) {
    const { draft } = this;
    if (field === "content") draft.setContent(picture);
    else if (draft.styles.length < MAX_STYLES) draft.addStyle(picture);
    else throw new BadPicture(`A job takes at most ${MAX_STYLES} paintings. Remove one first.`);
    announce(`${TITLES[field]} ${picture.name} added.`);
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
    const buttons = SAMPLES[field].map((sample) => h("button", { type: "button", class: "sample", on: { click: () => this.#sample(field, sample) } },
      h("img", { src: sampleThumbnail(sample), alt: "", width: "72", height: "56" }), h("span", {}, sample.title)));
    return h("div", { class: "samples", role: "group", "aria-label": `Sample ${TITLES[field].toLowerCase()}s` }, h("span", { class: "hint" }, "Or use a sample"), h("div", { class: "sample-row" }, buttons));
  }

  async #sample(field, sample) {
    await this.take(field, [await sampleFile(sample)]);
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
    drop.classList.toggle("filled", items.length > 0);
    drop.classList.toggle("many", items.length > 1);
    drop.replaceChildren(...items.map((item) => this.#tile(field, item, items.length)), ...this.#choosers(field, items.length));
    if (focused) drop.querySelector("input, button")?.focus({ preventScroll: true });
  }

  #tile(field, item, count) {
    const { picture } = item;
    const shown = picture.url
      ? h("img", { src: picture.url, alt: `${TITLES[field]}: ${picture.name}` })
      : h("p", { class: "no-preview" }, "This browser cannot display the picture, but the server can read its format.");
    const remove = h("button", { type: "button", class: "icon-button", "aria-label": `Remove ${picture.name}`, on: { click: () => this.#remove(field, item) } }, icon("close"));
    const caption = h("figcaption", {}, h("span", { class: "name" }, picture.name), picture.width ? h("span", { class: "hint" }, `${picture.width} × ${picture.height}`) : null, remove);
    return h("figure", { class: "tile" }, shown, caption, field === "style" && count > 1 && this.#weight(item));
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

  #remove(field, item) {
    if (item.picture.url) URL.revokeObjectURL(item.picture.url);
    if (field === "content") this.draft.setContent(null);
    else this.draft.removeStyle(item);
    announce(`${item.picture.name} removed.`);
    (field === "content" ? this.content : this.style).querySelector(".drop input")?.focus();
  }

  #choosers(field, count) {
    if (field === "style" && count >= MAX_STYLES) return [];
    const word = count === 0 ? "Choose a file" : field === "content" ? "Replace" : "Add another";
    const name = `${word}: ${TITLES[field].toLowerCase()}`;
    const row = [this.#chooser(field, word, { "aria-label": name, accept: ACCEPT, multiple: field === "style" })];
    if (field === "content" && matchMedia("(any-pointer: coarse)").matches) {
      row.push(this.#chooser(field, "Take a photo", { "aria-label": "Take a photo", accept: "image/*", capture: "environment" }, icon("camera")));
    }
    return [h("div", { class: "choosers" }, count === 0 && h("p", { class: "invitation" }, INVITATIONS[field]), h("div", { class: "row" }, row))];
  }

  #chooser(field, word, properties, drawing = null) {
    const id = newId("file");
    const input = h("input", { id, type: "file", class: "visually-hidden", ...properties, on: { change: () => this.take(field, input.files) } });
    return h("span", { class: "chooser" }, input, h("label", { for: id, class: "button", "aria-hidden": "true" }, drawing, word));
  }
}
