// The editor that paints on the pictures, which are side by side.

import { announce, h, newId, openDialog } from "../lib/dom.js";
import { onGestures } from "../lib/gestures.js";
import { DETAIL, detailOf } from "./detail.js";
import { copyLayer, isPainted, newLayer, readLayer } from "./layers.js";
import { canHaveRegions, hasRegions, REGIONS, regionProblem, regionsOf } from "./regions.js";
import { Sheet } from "./sheet.js";

const MAX_UNDO = 30;

const BRUSH = { min: 3, max: 60, start: 18 };
const MAX_ZOOM = 6;

/** What is painted: a layer over the photograph, and for regions over the paintings too. */
const LAYERS = {
  detail: ({ content, detail }) => ({
    title: "Details",
    hint: "Paint over faces, hands and everything else that should stay as it is in the photograph. The other brush frees the painting from the photograph.",
    labels: DETAIL,
    labelsOf: detailOf,
    sheets: [sheet("Photograph", content, detail)],
    describe: ([layer]) => (isPainted(layer) ? "Green keeps the details, violet is painted freely." : "Nothing is painted yet."),
  }),
  regions: ({ content, styles, regions }) => ({
    title: "Regions",
    hint: "Paint a region on the photograph. Then paint the same region on the painting, where its style is. Everything else is background.",
    labels: REGIONS,
    labelsOf: regionsOf,
    sheets: [
      sheet("Photograph", content, regions?.content),
      ...styles.map(({ picture }, index) => sheet(styles.length > 1 ? `Painting ${index + 1}` : "Painting", picture, regions?.styles[index])),
    ],
    describe: (painted) => (hasRegions(split(painted)) ? regionProblem(split(painted)) || "The photograph and the paintings have the same regions." : "No regions yet."),
  }),
};

const split = ([content, ...styles]) => ({ content, styles });

/**
 * Open the editor at "detail" or "regions"; the other one is a click away. Regions need paintings that are displayed.
 *
 * Resolves with `{detail, regions}`, each null if nothing is painted, or with null if the editor was cancelled.
 */
export async function paint(draft, first) {
  const names = canHaveRegions(draft) ? ["detail", "regions"] : ["detail"];
  const layers = await new Promise((resolve) => new Painter(names.map((name) => LAYERS[name](draft)), names.indexOf(first), resolve));
  if (!layers) return null;
  const [[detail], regions] = layers;
  return { detail: isPainted(detail) ? detail : null, regions: regions && hasRegions(split(regions)) ? split(regions) : null };
}

const sheet = (name, picture, layer) => ({ name, picture, layer: copyLayer(layer) ?? newLayer(picture) });

class Painter {
  #brush = { radius: BRUSH.start, label: 1 };
  #zoom = 1;
  #done = []; // {sheet, cells} before each change
  #undone = [];

  constructor(tasks, first, resolve) {
    this.resolve = resolve;
    const listeners = { began: (sheet) => this.#saveUndo(sheet), drawn: () => this.#refresh() };
    this.tasks = tasks.map((task) => ({ ...task, sheets: task.sheets.map((each) => new Sheet(each, task.labels, this.#brush, listeners)) }));
    this.#build(first);
    this.#open(this.tasks[first]);
    this.dialog.showModal();
  }

  #build(first) {
    const title = newId("painter");
    this.title = h("h2", { id: title });
    this.hint = h("p", { class: "hint" });
    this.brushes = h("div");
    this.loaders = h("div", { class: "row" });
    const options = this.tasks.map(({ title: name }, value) => ({ name, value }));
    this.switch = this.#choice("Layer", options, first, (value) => this.#open(this.tasks[value]));
    this.message = h("p", { class: "hint", role: "status" });
    this.area = h("div", { class: "sheets" });
    onGestures(this.area, { begin: () => this.#endStroke(), zoom: (factor) => this.#zoomTo(this.#zoom * factor), pan: (x, y) => this.area.scrollBy(x, y) });
    this.dialog = h("dialog", { class: "dialog painter", "aria-labelledby": title, on: { close: () => this.#close(), keydown: (event) => this.#shortcut(event),
      cancel: (event) => { event.preventDefault(); this.#leave(); } } },
      h("div", { class: "painter-head" }, h("div", {}, this.title, this.hint), this.tasks.length > 1 && this.switch),
      h("div", { class: "painter-tools" }, this.brushes, this.#brushSize(), this.#zoomButtons()),
      this.area, this.message, this.#actions());
    document.body.append(this.dialog);
  }

  /** Show a layer, and the other one faintly beneath it. */
  #open(task) {
    this.task = task;
    this.title.textContent = task.title;
    this.hint.textContent = task.hint;
    this.switch.querySelectorAll("input").forEach((radio, index) => { radio.checked = this.tasks[index] === task; });
    this.#brush.label = 1;
    this.brushes.replaceChildren(this.#choice("Brush paints", task.labels.map(({ name, color, tint }, value) => ({ name: value ? name : "Erase", value, color: tint ?? color })), 1,
      (label) => { this.#brush.label = label; }));
    this.area.dataset.count = String(Math.min(3, task.sheets.length));
    this.area.replaceChildren(...task.sheets.map(({ element }) => element));
    this.loaders.replaceChildren(...task.sheets.map((each) => this.#loader(each)));
    const other = this.tasks.find((each) => each !== task);
    task.sheets[0].show(other?.sheets[0]);
    // The picture that had the focus may be gone, and with it the keyboard.
    if (this.dialog.open && !this.dialog.contains(document.activeElement)) task.sheets[0].canvas.focus({ preventScroll: true });
    this.#refresh();
  }

  #choice(legend, options, chosen, choose) {
    const name = newId("choice");
    return h("fieldset", { class: "choice" }, h("legend", { class: "visually-hidden" }, legend), h("div", { class: "segments" }, options.map(({ name: text, value, color }) => {
      const swatch = color && h("i", { class: "swatch", "aria-hidden": "true" });
      if (color && value) swatch.style.setProperty("--swatch", `rgb(${color})`);
      return h("label", {}, h("input", { type: "radio", name, checked: value === chosen, on: { change: () => choose(value) } }), h("span", {}, swatch, text));
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
    if (this.task.sheets.filter((each) => each.stop()).length) this.#travel(this.#done, []);
  }

  #actions() {
    this.undo = h("button", { type: "button", class: "button", disabled: true, "aria-keyshortcuts": "Control+Z", on: { click: () => this.#travel(this.#done, this.#undone, "Undone.") } }, "Undo");
    this.redo = h("button", { type: "button", class: "button", disabled: true, "aria-keyshortcuts": "Control+Y", on: { click: () => this.#travel(this.#undone, this.#done, "Redone.") } }, "Redo");
    const clear = h("button", { type: "button", class: "button", on: { click: () => this.#clear() } }, "Clear");
    const use = h("button", { type: "button", class: "button primary", on: { click: () => this.dialog.close("use") } }, "Done");
    const cancel = h("button", { type: "button", class: "button", on: { click: () => this.#leave() } }, "Cancel");
    return h("div", { class: "actions" }, this.undo, this.redo, clear, this.loaders, h("span", { class: "spread" }), cancel, use);
  }

  /** A control that takes a picture file in place of painting. */
  #loader(each) {
    const id = newId("mask");
    const name = this.task.sheets.length > 1 ? `Load mask: ${each.name.toLowerCase()}` : "Load mask";
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
    this.message.textContent = this.task.describe(layersOf(this.task));
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
    const task = this.tasks.find(({ sheets }) => sheets.includes(change.sheet));
    if (task !== this.task) this.#open(task);
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
    for (const each of this.task.sheets.filter(({ layer }) => isPainted(layer))) {
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
    this.resolve(applied ? this.tasks.map(layersOf) : null);
  }
}

const layersOf = ({ sheets }) => sheets.map(({ layer }) => layer);
