// The job being composed: its pictures, and the settings that differ from the preset.

import { server } from "../lib/server.js";
import { newLayer } from "../pictures/layers.js";
import { paintedFiles } from "../pictures/painted.js";
import { regionProblem } from "../pictures/regions.js";
import { asList, asText, check, loadFields } from "./schema.js";

export const MAX_STYLES = 5;

/** Dispatches a `change` event on every change. */
export class Draft extends EventTarget {
  fields = {}; // the schema of each field
  preset = "balanced";
  explicit = {}; // values that override the preset
  files = {}; // further pictures by field, such as init_image
  content = null;
  styles = []; // {picture, weight}
  regions = null; // see regions.js
  detail = null; // see detail.js

  #loading = null;

  /** Fetch the schema, once. The first view works without it. */
  load() {
    this.#loading ??= loadFields().then((fields) => {
      this.fields = fields;
      this.changed("fields");
    }, (error) => {
      this.#loading = null;
      throw error;
    });
    return this.#loading;
  }

  changed(what = "settings") {
    this.dispatchEvent(new CustomEvent("change", { detail: what }));
  }

  /** The effective value of a field. */
  value(name) {
    if (name in this.explicit) return this.explicit[name];
    if (name === "learning_rate" && this.explicit.optimizer in server.learning_rates) return server.learning_rates[this.explicit.optimizer];
    return this.inherited(name);
  }

  /** The value of a field that is not set explicitly. Of `strength` and `style_weight`, one is in use and the other empty. */
  inherited(name) {
    if (name === "style_weight" && "strength" in this.explicit) return "";
    if (name === "strength" && asText(this.value("style_weight"))) return "";
    if (name === "style_statistics") return server.style_statistics[this.preset][asText(this.value("style_weight")) ? "style_weight" : "strength"];
    return server.presets[this.preset]?.[name] ?? this.fields[name]?.default ?? "";
  }

  set(name, value) {
    if (name === "strength" || name === "style_weight") {
      delete this.explicit.strength;
      delete this.explicit.style_weight;
      // Without its style weight, a preset has the usual strength.
      if (name === "style_weight" && !asText(value) && asText(this.inherited(name))) return this.set("strength", server.presets[this.preset].strength);
    }
    // A cleared strength is a mistake to report, not the lack of a strength beside a style weight.
    const cleared = name === "strength" && !asText(value);
    if (!cleared && asText(value) === asText(this.inherited(name))) delete this.explicit[name];
    else this.explicit[name] = value;
    return this.changed();
  }

  /** Choose a preset. One with a style weight of its own replaces the strength or the style weight. */
  setPreset(preset) {
    this.preset = preset;
    if (asText(server.presets[preset].style_weight)) {
      delete this.explicit.strength;
      delete this.explicit.style_weight;
    }
    this.changed();
  }

  reset() {
    this.explicit = {};
    this.files = {};
    this.changed();
  }

  /** The pictures, what is painted on them, and the settings: a copy, for `put`. */
  snapshot() {
    const { content, regions, detail, preset } = this;
    return { content, styles: this.styles.map((style) => ({ ...style })), regions, detail, preset, explicit: { ...this.explicit }, files: { ...this.files } };
  }

  /** Whether nothing was chosen yet. */
  get untouched() {
    return !this.content && !this.styles.length && !Object.keys(this.explicit).length;
  }

  /** Return to a snapshot. */
  put(snapshot) {
    Object.assign(this, snapshot);
    this.changed("pictures");
  }

  setContent(picture) {
    this.content = picture;
    this.regions = null;
    this.detail = null;
    this.changed("pictures");
  }

  /** Replace all paintings by one. */
  setStyle(picture) {
    this.styles = [{ picture, weight: 1 }];
    this.regions = null;
    this.changed("pictures");
  }

  addStyle(picture) {
    this.styles = [...this.styles, { picture, weight: 1 }];
    this.#changeRegions((layers) => [...layers, newLayer(picture)]);
  }

  removeStyle(style) {
    const at = this.styles.indexOf(style);
    this.styles = this.styles.filter((other) => other !== style);
    this.#changeRegions((layers) => layers.filter((_, index) => index !== at));
  }

  moveStyle(style, to) {
    const from = this.styles.indexOf(style);
    const moved = (list) => list.toSpliced(from, 1).toSpliced(to, 0, list[from]);
    this.styles = moved(this.styles);
    this.#changeRegions(moved);
  }

  /** Change the layers of the paintings like the paintings themselves. */
  #changeRegions(change) {
    if (this.regions) this.regions = { ...this.regions, styles: change(this.regions.styles) };
    if (this.regions && !this.styles.length) this.regions = null;
    this.changed("pictures");
  }

  /** Set what is painted on the pictures; null for nothing. */
  setPainted({ regions, detail }) {
    Object.assign(this, { regions, detail });
    this.changed("pictures");
  }

  /** Copy the parameters of a job. */
  adopt(params) {
    this.preset = params.preset in server.presets ? params.preset : "balanced";
    this.explicit = {};
    this.files = {};
    for (const [name, value] of Object.entries(params)) {
      if (name === "preset" || name === "style_blend" || !(name in this.fields)) continue;
      if (name === "strength" && asText(params.style_weight)) continue; // not in use
      if (value !== null && asText(value) !== asText(this.value(name))) this.explicit[name] = value;
    }
    if (this.explicit.init === "image") delete this.explicit.init; // the initial image is not available
    this.changed();
  }

  /** Return what is wrong, by field. */
  problems() {
    const problems = {};
    if (!this.content) problems.content = "Choose a photograph.";
    if (!this.styles.length) problems.style = "Choose one to five paintings, or use a sample.";
    for (const [name, value] of Object.entries(this.explicit)) {
      const schema = this.fields[name];
      const problem = schema && check(value, schema);
      if (problem) problems[name] = problem;
    }
    const size = Number(this.value("size"));
    if (!problems.size && size > server.max_size) problems.size = `This server allows at most ${server.max_size}.`;
    if (!problems.size && !problems.style_scale) this.#checkShapes(size, problems);
    this.#checkTogether(problems);
    return problems;
  }

  #checkShapes(size, problems) {
    const minimum = server.min_side;
    const tooThin = ({ width, height }, longer) => width && (Math.min(width, height) * longer) / Math.max(width, height) < minimum - 0.5;
    if (this.content && tooThin(this.content, size)) {
      problems.content = `At size ${size} the shorter side would be less than ${minimum} pixels. Crop the photograph or choose a larger size.`;
    }
    const thin = this.styles.find(({ picture }) => tooThin(picture, Math.max(1, Math.round(size * this.value("style_scale")))));
    if (thin) problems.style = `At this size the shorter side of “${thin.picture.name}” would be less than ${minimum} pixels. Choose a larger size or style scale.`;
  }

  #checkTogether(problems) {
    const layers = asList(this.value("style_layers")).length;
    const weights = asList(this.value("style_layer_weights"));
    if (weights.length && weights.length !== layers) problems.style_layer_weights ??= `Expected ${layers} weights, one for each style layer.`;
    if (this.styles.length > 1 && this.styles.every(({ weight }) => weight === 0)) problems.style = "Give at least one painting a weight above 0.";
    if (this.value("init") === "image" && !this.files.init_image) problems.init_image ??= "Choose an initial image, or start from something else.";
    if (this.regions) {
      const problem = regionProblem(this.regions);
      if (problem) problems.content_mask = problem;
    }
  }

  /** The text fields to send: the values that differ from the defaults. */
  texts() {
    const texts = { preset: this.preset };
    for (const [name, value] of Object.entries(this.explicit)) {
      if (asText(value) !== "") texts[name] = asText(value);
    }
    if (this.styles.some(({ weight }) => weight !== this.styles[0].weight)) {
      texts.style_blend = this.styles.map(({ weight }) => weight).join(",");
    }
    return texts;
  }

  /** The files to send: `[field, File]`. */
  async uploads() {
    const uploads = [];
    if (this.content) uploads.push(["content", this.content.file]);
    for (const { picture } of this.styles) uploads.push(["style", picture.file]);
    for (const [name, file] of Object.entries(this.files)) if (file) uploads.push([name, file]);
    uploads.push(...await paintedFiles(this));
    return uploads;
  }

  async form() {
    const form = new FormData();
    for (const [name, text] of Object.entries(this.texts())) form.append(name, text);
    for (const [name, file] of await this.uploads()) form.append(name, file, file.name);
    return form;
  }
}
