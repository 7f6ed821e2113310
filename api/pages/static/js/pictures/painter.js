// The editor that paints on the pictures, which are side by side.

import { announce, h, newId, openDialog } from "../lib/dom.js";
import { onGestures } from "../lib/gestures.js";
import { DETAIL, detailOf } from "./detail.js";
import { copyLayer, isPainted, newLayer, readLayer } from "./layers.js";
import { hasRegions, REGIONS, regionProblem, regionsOf } from "./regions.js";
import { Sheet } from "./sheet.js";

const MAX_UNDO = 30;

const BRUSH = { min: 3, max: 60, start: 18 };
const MAX_ZOOM = 6;

/** Paint regions. Resolves with the regions, or with null if the editor was cancelled. */
export async function paintRegions({ content, styles, regions }) {
  const collect = ([first, ...others]) => ({ content: first, styles: others });
  const layers = await open({
    title: "Regions",
    hint: "Paint a region on the photograph. Then paint the same region on the painting, where its style is. Everything else is background.",
    labels: REGIONS,
    use: "Use regions",
    labelsOf: regionsOf,
    sheets: [
      sheet("Photograph", content, regions?.content),
      ...styles.map(({ picture }, index) => sheet(styles.length > 1 ? `Painting ${index + 1}` : "Painting", picture, regions?.styles[index])),
    ],
    describe: (painted) => (hasRegions(collect(painted)) ? regionProblem(collect(painted)) || "The photograph and the paintings have the same regions." : "No regions yet."),
  });
  return layers && collect(layers);
}

/** Paint the detail map. Resolves with its layer, or with null if the editor was cancelled. */
export async function paintDetail({ content, detail }) {
  const layers = await open({
    title: "Detail",
    hint: "Paint where the photograph keeps its detail, such as faces and hands, or where the painting is free. Everything else stays as usual.",
    labels: DETAIL,
    use: "Use detail map",
    labelsOf: detailOf,
    sheets: [sheet("Photograph", content, detail)],
    describe: ([layer]) => (isPainted(layer) ? "White keeps the detail, black is painted freely." : "Nothing is painted yet."),
  });
  return layers && layers[0];
}

const sheet = (name, picture, layer) => ({ name, picture, layer: copyLayer(layer) ?? newLayer(picture) });

/** Open the editor for a task. Resolves with the layers of its sheets, or with null. */
const open = (task) => new Promise((resolve) => new Painter(task, resolve));

class Painter {
  #brush = { radius: BRUSH.start, label: 1 };
  #zoom = 1;
  #done = []; // {sheet, cells} before each change
  #undone = [];

  constructor(task, resolve) {
    this.task = task;
    this.resolve = resolve;
    const listeners = { began: (sheet) => this.#saveUndo(sheet), drawn: () => this.#refresh() };
    this.sheets = task.sheets.map((each) => new Sheet(each, task.labels, this.#brush, listeners));
    this.#build();
    this.dialog.showModal();
    this.#refresh();
  }

  #build() {
    const { title: heading, hint, labels } = this.task;
    const title = newId("painter");
    this.message = h("p", { class: "hint", role: "status" });
    this.area = h("div", { class: "sheets", "data-count": String(Math.min(3, this.sheets.length)) }, this.sheets.map(({ element }) => element));
    onGestures(this.area, { begin: () => this.#endStroke(), zoom: (factor) => this.#zoomTo(this.#zoom * factor), pan: (x, y) => this.area.scrollBy(x, y) });
    this.dialog = h("dialog", { class: "dialog painter", "aria-labelledby": title, on: { close: () => this.#close(), keydown: (event) => this.#shortcut(event),
      cancel: (event) => { event.preventDefault(); this.#leave(); } } },
      h("div", {}, h("h2", { id: title }, heading), h("p", { class: "hint" }, hint)),
      h("div", { class: "painter-tools" },
        this.#choice("Brush paints", labels.map(({ name, color }, value) => ({ name: value ? name : "Erase", value, color })), (label) => { this.#brush.label = label; }),
        this.#brushSize(), this.#zoomButtons()),
      this.area, this.message, this.#actions());
    document.body.append(this.dialog);
  }

  #choice(legend, options, choose) {
    const name = newId("choice");
    return h("fieldset", { class: "choice" }, h("legend", { class: "visually-hidden" }, legend), h("div", { class: "segments" }, options.map(({ name: text, value, color }) => {
      const swatch = h("i", { class: "swatch", "aria-hidden": "true" });
      if (value) swatch.style.setProperty("--swatch", `rgb(${color})`);
      return h("label", {}, h("input", { type: "radio", name, checked: value === this.#brush.label, on: { change: () => choose(value) } }), h("span", {}, swatch, text));
    })));
  }

  #brushSize() {
    const id = newId("brush");
    const { min, max, start } = BRUSH;
    const slider = h("input", { id, type: "range", min: String(min), max: String(max), value: String(start), on: { input: () => { this.#brush.radius = slider.valueAsNumber; part(); } } });
    const part = () => slider.style.setProperty("--part", String((slider.valueAsNumber - min) / (max - min)));
    part();
    return h("div", { class: "brush" }, h("label", { for: id }, "Brush"), slider);
  }

  #zoomButtons() {
    const button = (name, text, factor) => h("button", { type: "button", class: "button", "aria-label": name, on: { click: () => this.#zoomTo(this.#zoom * factor) } }, text);
    return h("div", { class: "row" }, button("Zoom out", "−", 1 / 1.5), button("Zoom in", "+", 1.5));
  }

  #zoomTo(zoom) {
    const { scrollLeft, scrollTop, clientWidth, clientHeight } = this.area;
    const before = this.#zoom;
    this.#zoom = Math.min(MAX_ZOOM, Math.max(1, zoom));
    this.area.style.setProperty("--zoom", String(this.#zoom));
    const factor = this.#zoom / before; // the middle stays in the middle
    this.area.scrollTo((scrollLeft + clientWidth / 2) * factor - clientWidth / 2, (scrollTop + clientHeight / 2) * factor - clientHeight / 2);
  }

  /** A second finger takes the stroke of the first one back. */
  #endStroke() {
    if (this.sheets.filter((each) => each.stop()).length) this.#travel(this.#done, []);
  }

  #actions() {
    this.undo = h("button", { type: "button", class: "button", disabled: true, "aria-keyshortcuts": "Control+Z", on: { click: () => this.#travel(this.#done, this.#undone, "Undone.") } }, "Undo");
    this.redo = h("button", { type: "button", class: "button", disabled: true, "aria-keyshortcuts": "Control+Y", on: { click: () => this.#travel(this.#undone, this.#done, "Redone.") } }, "Redo");
    const clear = h("button", { type: "button", class: "button", on: { click: () => this.#clear() } }, "Clear");
    const use = h("button", { type: "button", class: "button primary", on: { click: () => this.dialog.close("use") } }, this.task.use);
    const cancel = h("button", { type: "button", class: "button", on: { click: () => this.#leave() } }, "Cancel");
    return h("div", { class: "actions" }, this.undo, this.redo, clear, this.sheets.map((each) => this.#loader(each)), h("span", { class: "spread" }), cancel, use);
  }

  /** A control that takes a picture file in place of painting. */
  #loader(each) {
    const id = newId("mask");
    const name = this.sheets.length > 1 ? `Load mask: ${each.name.toLowerCase()}` : "Load mask";
    const input = h("input", { id, type: "file", accept: "image/*", class: "visually-hidden", "aria-label": name, on: { change: () => this.#load(each, input) } });
    return h("span", { class: "chooser" }, input, h("label", { for: id, class: "button", "aria-hidden": "true" }, name));
  }

  async #load(each, input) {
    const [file] = input.files;
    input.value = "";
    if (!file) return;
    try {
      const cells = await readLayer(file, each.layer, this.task.labelsOf);
      this.#saveUndo(each);
      each.layer.cells = cells;
      each.draw();
      this.#refresh();
    } catch (error) {
      this.message.textContent = `“${file.name}” cannot be used: ${error.message}`;
    }
  }

  #refresh() {
    this.undo.disabled = !this.#done.length;
    this.redo.disabled = !this.#undone.length;
    this.message.textContent = this.task.describe(this.#layers());
  }

  #layers() {
    return this.sheets.map(({ layer }) => layer);
  }

  #saveUndo(each) {
    this.#done.push({ sheet: each, cells: each.layer.cells.slice() });
    if (this.#done.length > MAX_UNDO) this.#done.shift();
    this.#undone.length = 0;
  }

  /** Take the last change of one list back, and put its opposite into the other. */
  #travel(from, to, word = "") {
    const change = from.pop();
    if (!change) return;
    to.push({ sheet: change.sheet, cells: change.sheet.layer.cells });
    change.sheet.layer.cells = change.cells;
    change.sheet.draw();
    this.#refresh();
    announce(word);
  }

  #shortcut(event) {
    if (!(event.ctrlKey || event.metaKey)) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    if (key === "y" || event.shiftKey) this.redo.click();
    else this.undo.click();
  }

  #clear() {
    for (const each of this.sheets.filter(({ layer }) => isPainted(layer))) {
      this.#saveUndo(each);
      each.layer.cells.fill(0);
      each.draw();
    }
    this.#refresh();
  }

  /** Close without the strokes, after a question if there are any. */
  async #leave() {
    if (this.asking) return;
    if (this.#done.length) {
      this.asking = true;
      const choice = await openDialog("Discard what you painted?", [h("p", {}, "The strokes since you opened this window will be lost.")],
        [{ label: "Go on painting", value: "" }, { label: "Discard", value: "discard", look: "button danger" }]);
      this.asking = false;
      if (choice !== "discard") return;
    }
    this.dialog.close("");
  }

  #close() {
    const applied = this.dialog.returnValue === "use";
    this.dialog.remove();
    this.resolve(applied ? this.#layers() : null);
  }
}
