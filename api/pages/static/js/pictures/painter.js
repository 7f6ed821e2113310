// Painting regions on the pictures, with a mouse, a finger, a pen or the keyboard.

import { h, newId, say } from "../lib/dom.js";
import { LABELS, newLayer, paintDisc, paintLine, pixels, regionProblem, isPainted } from "./regions.js";

const SHOWN = [0, 150];
const MOST_UNDO = 30;

/** Opens the painter; resolves with the regions, or null if nothing is to change. */
export function paintRegions(draft) {
  return new Promise((resolve) => new Painter(draft, resolve));
}

class Painter {
  #label = 1;
  #radius = 18;
  #done = [];
  #drawing = null;
  #cursor = null;

  constructor(draft, resolve) {
    this.resolve = resolve;
    this.sheets = [
      { name: "Photograph", picture: draft.content, layer: this.#copy(draft.regions?.content) ?? newLayer(draft.content) },
      ...draft.styles.map(({ picture }, index) => ({
        name: draft.styles.length > 1 ? `Painting ${index + 1}` : "Painting",
        picture,
        layer: this.#copy(draft.regions?.styles[index]) ?? newLayer(picture),
      })),
    ];
    this.sheet = this.sheets[0];
    this.#build();
    this.dialog.showModal();
    this.#show(this.sheet);
  }

  #copy(layer) {
    return layer && { ...layer, cells: layer.cells.slice() };
  }

  #build() {
    const title = newId("painter");
    this.canvas = h("canvas", { tabIndex: 0, role: "application", "aria-roledescription": "painting area", on: {
      pointerdown: (event) => this.#press(event), pointermove: (event) => this.#move(event),
      pointerup: () => this.#lift(), pointercancel: () => this.#lift(), keydown: (event) => this.#key(event), blur: () => this.#draw(),
    } });
    this.picture = h("img", { alt: "" });
    this.message = h("p", { class: "hint", role: "status" });
    this.dialog = h("dialog", { class: "dialog painter", "aria-labelledby": title, on: { close: () => this.#close() } },
      h("div", { class: "painter-head" }, h("h2", { id: title }, "Regions"), h("p", { class: "hint" }, "Paint a region on the photograph, and the same region where its style is in the painting. What is not painted is the background.")),
      h("div", { class: "painter-tools" }, this.#choice("Picture", this.sheets.map(({ name }, value) => ({ name, value })), 0, (index) => this.#show(this.sheets[index])),
        this.#choice("Region", LABELS.map(({ name }, value) => ({ name: value ? name : "Erase", value, color: LABELS[value].color })), 1, (label) => { this.#label = label; }), this.#brush()),
      h("div", { class: "sheet" }, this.picture, this.canvas), this.message, this.#actions());
    document.body.append(this.dialog);
  }

  #choice(legend, options, chosen, choose) {
    const name = newId("choice");
    return h("fieldset", { class: "choice" }, h("legend", { class: "unseen" }, legend), h("div", { class: "segments" }, options.map(({ name: text, value, color }) => {
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
    this.undo = h("button", { type: "button", class: "button", disabled: true, on: { click: () => this.#undo() } }, "Undo");
    const clear = h("button", { type: "button", class: "button", on: { click: () => this.#clear() } }, "Clear this picture");
    this.use = h("button", { type: "button", class: "button primary", on: { click: () => this.dialog.close("use") } }, "Use these regions");
    const cancel = h("button", { type: "button", class: "button", on: { click: () => this.dialog.close("") } }, "Cancel");
    return h("div", { class: "actions" }, this.undo, clear, h("span", { class: "spread" }), cancel, this.use);
  }

  #show(sheet) {
    this.sheet = sheet;
    this.picture.src = sheet.picture.url;
    this.canvas.width = sheet.layer.columns;
    this.canvas.height = sheet.layer.rows;
    this.canvas.parentElement.style.setProperty("--ratio", String(sheet.layer.columns / sheet.layer.rows));
    this.canvas.setAttribute("aria-label", `${sheet.name}. Arrow keys move the brush, Space paints with it, Shift and an arrow paint a line.`);
    this.#cursor = { x: sheet.layer.columns / 2, y: sheet.layer.rows / 2 };
    this.#draw();
  }

  #draw() {
    const context = this.canvas.getContext("2d");
    context.putImageData(pixels(this.sheet.layer, SHOWN), 0, 0);
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
    const regions = this.#regions();
    this.message.textContent = isPainted(regions) ? regionProblem(regions) || "Photograph and paintings have the same regions." : "Nothing is painted yet.";
  }

  #regions() {
    const [content, ...styles] = this.sheets.map(({ layer }) => layer);
    return { content, styles };
  }

  #begin() {
    this.#done.push({ sheet: this.sheet, cells: this.sheet.layer.cells.slice() });
    if (this.#done.length > MOST_UNDO) this.#done.shift();
  }

  #at(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return { x: ((event.clientX - left) / width) * this.canvas.width, y: ((event.clientY - top) / height) * this.canvas.height };
  }

  #press(event) {
    if (event.button) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#begin();
    this.#drawing = this.#at(event);
    paintDisc(this.sheet.layer, this.#drawing.x, this.#drawing.y, this.#radius, this.#label);
    this.#draw();
  }

  #move(event) {
    if (!this.#drawing) return;
    const to = this.#at(event);
    paintLine(this.sheet.layer, this.#drawing, to, this.#radius, this.#label);
    this.#drawing = to;
    this.#draw();
  }

  #lift() {
    this.#drawing = null;
  }

  #key(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!way && event.key !== " ") return;
    event.preventDefault();
    const from = this.#cursor;
    const step = Math.max(2, this.#radius / 2);
    const clamp = (value, most) => Math.min(most, Math.max(0, value));
    if (way) this.#cursor = { x: clamp(from.x + way[0] * step, this.canvas.width), y: clamp(from.y + way[1] * step, this.canvas.height) };
    if (event.key === " " || event.shiftKey) {
      this.#begin();
      paintLine(this.sheet.layer, from, this.#cursor, this.#radius, this.#label);
    }
    this.#draw();
  }

  #undo() {
    const { sheet, cells } = this.#done.pop();
    sheet.layer.cells = cells;
    this.#draw();
    say("Undone.");
  }

  #clear() {
    this.#begin();
    this.sheet.layer.cells.fill(0);
    this.#draw();
  }

  #close() {
    const used = this.dialog.returnValue === "use";
    this.dialog.remove();
    this.resolve(used ? this.#regions() : null);
  }
}
