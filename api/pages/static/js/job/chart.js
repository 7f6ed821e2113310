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

/** Fetch uPlot. Resolves with null if it cannot be loaded: the losses are also shown as numbers. */
async function load() {
  try {
    document.head.append(h("link", { rel: "stylesheet", href: new URL("vendor/uPlot.min.css", ASSETS).href }));
    return (await import("../../vendor/uPlot.esm.js")).default;
  } catch (error) {
    console.info("no chart:", error.message);
    return null;
  }
}

const power = (value) => (value >= 1e6 ? `${value / 1e6}M` : value >= 1e3 ? `${value / 1e3}k` : number(value));

/** The points as columns for uPlot: percent, then each series. Between two scales the lines have a gap. */
function columnsOf(points, weighted) {
  const columns = [[], ...SERIES.map(() => [])];
  points.forEach((point, index) => {
    const percent = point.fraction * 100;
    if (index && point.scale !== points[index - 1].scale) {
      columns[0].push((percent + points[index - 1].fraction * 100) / 2);
      SERIES.forEach((_, series) => columns[series + 1].push(null));
    }
    columns[0].push(percent);
    SERIES.forEach((name, series) => {
      const value = weighted(name, point.loss);
      columns[series + 1].push(value > 0 && Number.isFinite(value) ? value : null);
    });
  });
  return columns;
}

/** Where each scale after the first begins: `[percent, label]`. */
function jumpsOf(points) {
  return points.flatMap((point, index) => (index && point.scale !== points[index - 1].scale
    ? [[(point.fraction + points[index - 1].fraction) * 50, `${Math.max(point.width, point.height)} px`]] : []));
}

/** A chart of each loss times its weight. `load` takes the history of a job, and `add` its progress. */
export class LossChart {
  #points = []; // {step, fraction, scale, width, height, loss}
  #edits = []; // the steps at which the parameters changed
  #plot = null;
  #loading = false;

  constructor({ content_weight: alpha, tv_weight: gamma }) {
    this.weights = { content: alpha, tv: gamma };
    this.values = Object.fromEntries(SERIES.map((name) => [name, h("b", {}, "–")]));
    this.canvas = h("div", { class: "plot", role: "img", "aria-label": "Losses: no values yet" });
    const legend = SERIES.map((name) => h("li", { class: `series ${name}` }, h("i", { "aria-hidden": "true" }), name, " ", this.values[name]));
    this.jumps = h("p", { class: "hint", hidden: true }, "A dashed line marks a larger size, at which the losses are measured anew.");
    this.element = h("section", { class: "chart", hidden: true, "aria-label": "Losses" }, h("ul", { class: "legend" }, legend), this.canvas, this.jumps);
  }

  /** Put the history of the job before the progress that was added meanwhile. */
  load(history) {
    const past = history.map(({ step, fraction, scale, width, height, ...loss }) => ({ step, fraction, scale, width, height, loss }));
    const end = past.at(-1)?.fraction ?? -1;
    this.#points = [...past, ...this.#points.filter(({ fraction }) => fraction > end)];
    if (this.#points.length) this.#show();
  }

  /** Mark the steps at which the parameters were changed. */
  mark(edits) {
    const steps = edits.map(({ step }) => step).filter((step) => step > 0);
    if (steps.join() === this.#edits.join()) return;
    this.#edits = steps;
    this.#plot?.redraw();
  }

  add({ step, fraction, scale, width, height, loss }) {
    if (this.#points.length && fraction <= this.#points.at(-1).fraction) return;
    this.#points.push({ step, fraction, scale, width, height, loss });
    this.#show();
  }

  #show() {
    const [first, last] = [this.#points[0].loss, this.#points.at(-1).loss];
    for (const name of SERIES) this.values[name].textContent = number(this.#weighted(name, last));
    const sizes = jumpsOf(this.#points).map(([, label]) => label);
    this.jumps.hidden = !sizes.length;
    this.element.hidden = false;
    this.canvas.setAttribute("aria-label", `Losses: the total changed from ${number(first.total)} to ${number(last.total)}${sizes.length ? `, with jumps at ${sizes.join(", ")}` : ""}`);
    this.#draw();
  }

  /** A loss times its weight. The style's weight can differ at every scale; the other terms of the total give it. */
  #weighted(name, { total, content, tv }) {
    if (name === "total") return total;
    return name === "content" ? content * this.weights.content : total - content * this.weights.content - tv * this.weights.tv;
  }

  #columns() {
    return columnsOf(this.#points, (name, loss) => this.#weighted(name, loss));
  }

  async #draw() {
    if (this.#plot) return this.#plot.setData(this.#columns());
    if (this.#loading) return undefined;
    this.#loading = true;
    const UPlot = await load();
    if (!UPlot) {
      this.canvas.textContent = "The chart could not be loaded. The values above are current.";
      this.canvas.className = "hint";
      return undefined;
    }
    const color = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
    const axis = { stroke: color("--muted"), font: "11px system-ui, sans-serif", grid: { stroke: color("--line"), width: 1 }, ticks: { show: false } };
    const line = (name, width) => ({ stroke: color(`--loss-${name}`), width, spanGaps: false, points: { show: false } });
    this.#plot = new UPlot({
      width: this.canvas.clientWidth || 300, height: HEIGHT, padding: [8, 22, 0, 0],
      cursor: { show: false }, legend: { show: false },
      scales: { x: { time: false, range: [0, 100] }, y: { distr: 3, log: 10, range: decades } },
      axes: [{ ...axis, size: 22, grid: { show: false }, values: (_, shown) => shown.map((tick) => `${tick} %`) },
        { ...axis, size: 40, splits: (_, __, low, high) => ticks(low, high), filter: (_, shown) => shown, values: (_, shown) => shown.map(power) }],
      series: [{}, line("total", 2), line("style", 1.25), line("content", 1.25)],
      hooks: { drawAxes: [(plot) => this.#drawJumps(plot, color("--edge")())] },
    }, this.#columns(), this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#plot.redraw());
    new ResizeObserver(() => {
      if (this.canvas.clientWidth) this.#plot.setSize({ width: this.canvas.clientWidth, height: HEIGHT });
    }).observe(this.canvas);
    return undefined;
  }

  /** Draw a dashed line with a label where a scale begins, and a line where the parameters changed. */
  #drawJumps(plot, color) {
    const { ctx: context, bbox: { top, height } } = plot;
    context.save();
    context.strokeStyle = context.fillStyle = color;
    context.lineWidth = devicePixelRatio;
    context.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
    context.font = `${10 * devicePixelRatio}px system-ui, sans-serif`;
    context.textAlign = "left";
    context.textBaseline = "top";
    const line = (percent) => {
      const x = Math.round(plot.valToPos(percent, "x", true));
      context.beginPath();
      context.moveTo(x, top);
      context.lineTo(x, top + height);
      context.stroke();
      return x;
    };
    for (const [percent, label] of jumpsOf(this.#points)) context.fillText(label, line(percent) + 3 * devicePixelRatio, top);
    context.setLineDash([]);
    for (const edit of this.#edits) {
      const after = this.#points.find(({ step }) => step > edit);
      if (after) context.fillText("changed", line(after.fraction * 100) + 3 * devicePixelRatio, top + 12 * devicePixelRatio);
    }
    context.restore();
  }
}
