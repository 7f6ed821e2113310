// The editor that paints on the pictures, with a mouse, touch, a pen or the keyboard.

import { announce, h, newId, openDialog } from "../lib/dom.js";
import { DETAIL } from "./detail.js";
import { copyLayer, isPainted, newLayer, paintDisc, paintLine, pixels } from "./layers.js";
import { hasRegions, REGIONS, regionProblem } from "./regions.js";

/** The opacity of unpainted and of painted cells. */
const OVERLAY_ALPHA = [0, 150];
const MAX_UNDO = 30;

/** Paint regions. Resolves with the regions, or with null if the editor was cancelled. */
export async function paintRegions({ content, styles, regions }) {
  const collect = ([first, ...others]) => ({ content: first, styles: others });
  const layers = await open({
    title: "Regions",
    hint: "Paint a region on the photograph. Then paint the same region on the painting, where its style is. Everything else is background.",
    labels: REGIONS,
    use: "Use regions",
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
    sheets: [sheet("Photograph", content, detail)],
    describe: ([layer]) => (isPainted(layer) ? "White keeps the detail, black is painted freely." : "Nothing is painted yet."),
  });
  return layers && layers[0];
}

const sheet = (name, picture, layer) => ({ name, picture, layer: copyLayer(layer) ?? newLayer(picture) });

/** Open the editor for a task. Resolves with the layers of its sheets, or with null. */
const open = (task) => new Promise((resolve) => new Painter(task, resolve));

class Painter {
  #label = 1;
  #radius = 18;
  #done = []; // {sheet, cells} before each change
  #undone = [];
  #lastPoint = null;
  #cursor = null;

  constructor(task, resolve) {
    this.task = task;
    this.resolve = resolve;
    this.sheet = task.sheets[0];
    this.#build();
    this.dialog.showModal();
    this.#show(this.sheet);
  }

  #build() {
    const { title: heading, hint, labels, sheets } = this.task;
    const title = newId("painter");
    this.canvas = h("canvas", { tabIndex: 0, role: "application", "aria-roledescription": "drawing area", on: {
      pointerdown: (event) => this.#startStroke(event), pointermove: (event) => this.#continueStroke(event),
      pointerup: () => this.#endStroke(), pointercancel: () => this.#endStroke(), keydown: (event) => this.#key(event), blur: () => this.#draw(),
    } });
    this.picture = h("img", { alt: "" });
    this.message = h("p", { class: "hint", role: "status" });
    this.dialog = h("dialog", { class: "dialog painter", "aria-labelledby": title, on: { close: () => this.#close(), keydown: (event) => this.#shortcut(event),
      cancel: (event) => { event.preventDefault(); this.#leave(); } } },
      h("div", {}, h("h2", { id: title }, heading), h("p", { class: "hint" }, hint)),
      h("div", { class: "painter-tools" },
        sheets.length > 1 && this.#choice("Picture", sheets.map(({ name }, value) => ({ name, value })), 0, (index) => this.#show(sheets[index])),
        this.#choice("Brush paints", labels.map(({ name, color }, value) => ({ name: value ? name : "Erase", value, color })), 1, (label) => { this.#label = label; }), this.#brush()),
      h("div", { class: "sheet" }, this.picture, this.canvas), this.message, this.#actions());
    document.body.append(this.dialog);
  }

  #choice(legend, options, chosen, choose) {
    const name = newId("choice");
    return h("fieldset", { class: "choice" }, h("legend", { class: "visually-hidden" }, legend), h("div", { class: "segments" }, options.map(({ name: text, value, color }) => {
      const swatch = color && h("i", { class: "swatch", "aria-hidden": "true" });
      if (swatch && value) swatch.style.setProperty("--swatch", `rgb(${color})`);
      return h("label", {}, h("input", { type: "radio", name, checked: value === chosen, on: { change: () => choose(value) } }), h("span", {}, swatch, text));
    })));
  }

  #brush() {
    const id = newId("brush");
    const slider = h("input", { id, type: "range", min: "3", max: "60", value: String(this.#radius), on: { input: () => { this.#radius = slider.valueAsNumber; part(); this.#draw(); } } });
    const part = () => slider.style.setProperty("--part", String((slider.valueAsNumber - 3) / 57));
    part();
    return h("div", { class: "brush" }, h("label", { for: id }, "Brush"), slider);
  }

  #actions() {
    this.undo = h("button", { type: "button", class: "button", disabled: true, "aria-keyshortcuts": "Control+Z", on: { click: () => this.#travel(this.#done, this.#undone, "Undone.") } }, "Undo");
    this.redo = h("button", { type: "button", class: "button", disabled: true, "aria-keyshortcuts": "Control+Y", on: { click: () => this.#travel(this.#undone, this.#done, "Redone.") } }, "Redo");
    const clear = h("button", { type: "button", class: "button", on: { click: () => this.#clear() } }, "Clear picture");
    this.use = h("button", { type: "button", class: "button primary", on: { click: () => this.dialog.close("use") } }, this.task.use);
    const cancel = h("button", { type: "button", class: "button", on: { click: () => this.#leave() } }, "Cancel");
    return h("div", { class: "actions" }, this.undo, this.redo, clear, h("span", { class: "spread" }), cancel, this.use);
  }

  /** Show a sheet that the user did not choose. */
  #open(sheet) {
    this.dialog.querySelectorAll(".painter-tools fieldset")[0].querySelectorAll("input")[this.task.sheets.indexOf(sheet)].checked = true;
    this.#show(sheet);
  }

  #show(sheet) {
    this.sheet = sheet;
    this.picture.src = sheet.picture.url;
    this.canvas.width = sheet.layer.columns;
    this.canvas.height = sheet.layer.rows;
    this.canvas.parentElement.style.setProperty("--ratio", String(sheet.layer.columns / sheet.layer.rows));
    this.canvas.setAttribute("aria-label", `${sheet.name}. Arrow keys move the brush, Space paints, Shift and an arrow key paint a line.`);
    this.#cursor = { x: sheet.layer.columns / 2, y: sheet.layer.rows / 2 };
    this.#draw();
  }

  #draw() {
    const context = this.canvas.getContext("2d");
    context.putImageData(pixels(this.sheet.layer, this.task.labels, OVERLAY_ALPHA), 0, 0);
    if (document.activeElement === this.canvas && this.canvas.matches(":focus-visible")) {
      context.beginPath();
      context.arc(this.#cursor.x, this.#cursor.y, this.#radius, 0, 2 * Math.PI);
      context.lineWidth = 3;
      context.strokeStyle = "#fff";
      context.stroke();
      context.lineWidth = 1.5;
      context.strokeStyle = "#000";
      context.stroke();
    }
    this.undo.disabled = !this.#done.length;
    this.redo.disabled = !this.#undone.length;
    this.message.textContent = this.task.describe(this.#layers());
  }

  #layers() {
    return this.task.sheets.map(({ layer }) => layer);
  }

  #saveUndo() {
    this.#done.push({ sheet: this.sheet, cells: this.sheet.layer.cells.slice() });
    if (this.#done.length > MAX_UNDO) this.#done.shift();
    this.#undone = [];
  }

  #pointOf(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return { x: ((event.clientX - left) / width) * this.canvas.width, y: ((event.clientY - top) / height) * this.canvas.height };
  }

  #startStroke(event) {
    if (event.button) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#saveUndo();
    this.#lastPoint = this.#pointOf(event);
    paintDisc(this.sheet.layer, this.#lastPoint.x, this.#lastPoint.y, this.#radius, this.#label);
    this.#draw();
  }

  #continueStroke(event) {
    if (!this.#lastPoint) return;
    const to = this.#pointOf(event);
    paintLine(this.sheet.layer, this.#lastPoint, to, this.#radius, this.#label);
    this.#lastPoint = to;
    this.#draw();
  }

  #endStroke() {
    this.#lastPoint = null;
  }

  #key(event) {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!direction && event.key !== " ") return;
    event.preventDefault();
    const from = this.#cursor;
    const step = Math.max(2, this.#radius / 2);
    const clamp = (value, maximum) => Math.min(maximum, Math.max(0, value));
    if (direction) this.#cursor = { x: clamp(from.x + direction[0] * step, this.canvas.width), y: clamp(from.y + direction[1] * step, this.canvas.height) };
    if (event.key === " " || event.shiftKey) {
      this.#saveUndo();
      paintLine(this.sheet.layer, from, this.#cursor, this.#radius, this.#label);
    }
    this.#draw();
  }

  /** Take the last change of one list back, and put its opposite into the other. */
  #travel(from, to, word) {
    const change = from.pop();
    if (!change) return;
    const { sheet, cells } = change;
    to.push({ sheet, cells: sheet.layer.cells });
    sheet.layer.cells = cells;
    if (sheet !== this.sheet) this.#open(sheet);
    this.#draw();
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

  /** Close without the strokes, after a question if there are any. */
  async #leave() {
    if (this.#done.length && !this.asking) {
      this.asking = true;
      const choice = await openDialog("Discard what you painted?", [h("p", {}, "The strokes since you opened this window will be lost.")],
        [{ label: "Go on painting", value: "" }, { label: "Discard", value: "discard", look: "button danger" }]);
      this.asking = false;
      if (choice !== "discard") return;
    }
    this.dialog.close("");
  }

  #clear() {
    this.#saveUndo();
    this.sheet.layer.cells.fill(0);
    this.#draw();
  }

  #close() {
    const applied = this.dialog.returnValue === "use";
    this.dialog.remove();
    this.resolve(applied ? this.#layers() : null);
  }
}
