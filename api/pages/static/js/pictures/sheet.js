// One picture in the painter, with the layer that is painted over it.

import { h } from "../lib/dom.js";
import { paintDisc, paintLine, pixels } from "./layers.js";

/** The opacity of unpainted and of painted cells, and those of the layer beneath. */
const [OVERLAY_ALPHA, BENEATH_ALPHA] = [[0, 150], [0, 70]];

const tintOf = ({ tint, color }) => tint ?? color;

/** The brush at rest is drawn in two colours, so that it is visible on every picture. */
const OUTLINES = [[3, "#fff"], [1.5, "#000"]];

/**
 * A picture to paint on, with a mouse, touch, a pen or the keyboard.
 *
 * `brush` is `{radius, label}`, which may change. `began` is called before the layer changes, and `drawn` after.
 */
export class Sheet {
  #last = null; // the end of the line that is being painted
  #pointer = null; // where the brush hovers
  #cursor; // where the keyboard has moved it

  constructor({ name, picture, layer }, labels, brush, { began, drawn }) {
    Object.assign(this, { name, layer, labels, brush, began, drawn });
    this.#cursor = { x: layer.columns / 2, y: layer.rows / 2 };
    this.canvas = h("canvas", { tabIndex: 0, role: "application", "aria-roledescription": "drawing area",
      "aria-label": `${name}. Arrow keys move the brush, Space paints, Shift and an arrow key paint a line.`, on: {
        pointerdown: (event) => this.#start(event), pointermove: (event) => this.#move(event), pointerup: () => this.stop(), pointercancel: () => this.stop(),
        pointerleave: () => { this.#pointer = null; this.draw(); }, keydown: (event) => this.#key(event), blur: () => this.draw(), focus: () => this.draw(),
      } });
    this.beneath = h("canvas", { "aria-hidden": "true" });
    this.canvas.width = this.beneath.width = layer.columns;
    this.canvas.height = this.beneath.height = layer.rows;
    this.frame = h("div", { class: "sheet" }, h("img", { src: picture.url, alt: "", draggable: false }), this.beneath, this.canvas);
    this.frame.style.setProperty("--ratio", String(layer.columns / layer.rows));
    this.element = h("figure", { class: "paint-sheet" }, h("figcaption", { class: "label" }, name), this.frame);
    this.draw();
  }

  /** Show the layer, and faintly beneath it that of another sheet of the same picture. */
  show(other) {
    if (other) this.beneath.getContext("2d").putImageData(pixels(other.layer, other.labels, BENEATH_ALPHA, tintOf), 0, 0);
    this.draw();
  }

  draw() {
    const context = this.canvas.getContext("2d");
    context.putImageData(pixels(this.layer, this.labels, OVERLAY_ALPHA, tintOf), 0, 0);
    const keyboard = document.activeElement === this.canvas && this.canvas.matches(":focus-visible");
    const at = this.#pointer ?? (keyboard ? this.#cursor : null);
    if (!at) return;
    for (const [width, color] of OUTLINES) {
      context.beginPath();
      context.arc(at.x, at.y, this.brush.radius, 0, 2 * Math.PI);
      context.lineWidth = width;
      context.strokeStyle = color;
      context.stroke();
    }
  }

  /** End the line. Returns whether there was one. */
  stop() {
    const painting = this.#last !== null;
    this.#last = null;
    return painting;
  }

  #pointOf(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return { x: ((event.clientX - left) / width) * this.canvas.width, y: ((event.clientY - top) / height) * this.canvas.height };
  }

  #start(event) {
    if (event.button || !event.isPrimary) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#paint(this.#pointOf(event));
  }

  #move(event) {
    if (!event.isPrimary) return;
    const to = this.#pointOf(event);
    this.#pointer = event.pointerType === "touch" ? null : to;
    if (this.#last) this.#line(to);
    else this.draw();
  }

  #paint(at) {
    this.began(this);
    paintDisc(this.layer, at.x, at.y, this.brush.radius, this.brush.label);
    this.#last = at;
    this.#finish();
  }

  #line(to) {
    paintLine(this.layer, this.#last, to, this.brush.radius, this.brush.label);
    this.#last = to;
    this.#finish();
  }

  #finish() {
    this.draw();
    this.drawn();
  }

  #key(event) {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!direction && event.key !== " ") return;
    event.preventDefault();
    const from = this.#cursor;
    const step = Math.max(2, this.brush.radius / 2);
    const clamp = (value, maximum) => Math.min(maximum, Math.max(0, value));
    this.#pointer = null;
    if (direction) this.#cursor = { x: clamp(from.x + direction[0] * step, this.canvas.width), y: clamp(from.y + direction[1] * step, this.canvas.height) };
    if (event.key !== " " && !event.shiftKey) return this.draw();
    this.#paint(from);
    if (direction) this.#line(this.#cursor);
    return this.stop();
  }
}
