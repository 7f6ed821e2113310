// A chart of the losses on a logarithmic axis. uPlot is fetched when the first chart is drawn.

import { h } from "../lib/dom.js";
import { ASSETS } from "../lib/server.js";
import { number } from "../lib/words.js";

const SERIES = ["total", "style", "content"];

const HEIGHT = 168;
const MAX_DECADES = 6;
const MAX_TICKS = 4;

/** The range of the axis: whole decades around the losses. The content loss starts near zero and may be cut off. */
function decades(_, low, high) {
  const top = Math.ceil(Math.log10(high || 1));
  const bottom = Math.floor(Math.log10(low || high || 1));
  return [10 ** Math.max(Math.min(bottom, top - 1), top - MAX_DECADES), 10 ** top];
}

function ticks(low, high) {
  const [first, last] = [Math.round(Math.log10(low)), Math.round(Math.log10(high))];
  const stride = Math.ceil((last - first) / MAX_TICKS) || 1;
  return Array.from({ length: Math.floor((last - first) / stride) + 1 }, (__, index) => 10 ** (first + index * stride));
}

const power = (value) => (value >= 1e6 ? `${value / 1e6}M` : value >= 1e3 ? `${value / 1e3}k` : number(value));

/** A chart of each loss times its weight. `add` appends the progress of a job. */
export class LossChart {
  #points = [[], [], [], []];
  #plot = null;
  #loading = false;

  constructor({ content_weight: alpha, tv_weight: gamma }) {
    this.weights = { content: alpha, tv: gamma };
    this.values = Object.fromEntries(SERIES.map((name) => [name, h("b", {}, "–")]));
    this.canvas = h("div", { class: "plot", role: "img", "aria-label": "Losses: no values yet" });
    const legend = SERIES.map((name) => h("li", { class: `series ${name}` }, h("i", { "aria-hidden": "true" }), name, " ", this.values[name]));
    this.element = h("section", { class: "chart", hidden: true, "aria-label": "Losses" }, h("ul", { class: "legend" }, legend), this.canvas);
  }

  add({ fraction, loss }) {
    const percent = fraction * 100;
    const [xs] = this.#points;
    if (xs.length && percent <= xs.at(-1)) {
      if (percent === xs.at(-1)) return;
      this.#points = [[], [], [], []]; // another attempt has started from an earlier step
    }
    this.#points[0].push(percent);
    SERIES.forEach((name, index) => {
      const value = this.#weighted(name, loss);
      this.#points[index + 1].push(value > 0 && Number.isFinite(value) ? value : null);
      this.values[name].textContent = number(value);
    });
    this.element.hidden = false;
    const totals = this.#points[1].filter((value) => value !== null);
    this.canvas.setAttribute("aria-label", `Losses: the total changed from ${number(totals[0] ?? 0)} to ${number(totals.at(-1) ?? 0)}`);
    this.#draw();
  }

  /** A loss times its weight. The style's weight can differ at every scale; the other terms of the total give it. */
  #weighted(name, { total, content, tv }) {
    if (name === "total") return total;
    return name === "content" ? content * this.weights.content : total - content * this.weights.content - tv * this.weights.tv;
  }

  async #draw() {
    if (this.#plot) return this.#plot.setData(this.#points);
    if (this.#loading) return undefined;
    this.#loading = true;
    document.head.append(h("link", { rel: "stylesheet", href: new URL("vendor/uPlot.min.css", ASSETS).href }));
    const { default: UPlot } = await import("../../vendor/uPlot.esm.js");
    const color = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const axis = { stroke: color("--muted"), font: "11px system-ui, sans-serif", grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
    const line = (name, width) => ({ stroke: color(`--loss-${name}`), width, spanGaps: true, points: { show: false } });
    this.#plot = new UPlot({
      width: this.canvas.clientWidth || 300, height: HEIGHT, padding: [8, 22, 0, 0],
      cursor: { show: false }, legend: { show: false },
      scales: { x: { time: false, range: [0, 100] }, y: { distr: 3, log: 10, range: decades } },
      axes: [{ ...axis, size: 22, grid: { show: false }, values: (_, shown) => shown.map((tick) => `${tick} %`) },
        { ...axis, size: 40, splits: (_, __, low, high) => ticks(low, high), filter: (_, shown) => shown, values: (_, shown) => shown.map(power) }],
      series: [{}, line("total", 2), line("style", 1.25), line("content", 1.25)],
    }, this.#points, this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#plot.redraw());
    new ResizeObserver(() => {
      if (this.canvas.clientWidth) this.#plot.setSize({ width: this.canvas.clientWidth, height: HEIGHT });
    }).observe(this.canvas);
    return undefined;
  }
}
