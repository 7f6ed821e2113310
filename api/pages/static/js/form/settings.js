// The drawer of all other settings: in groups, with a search.

import { h, newId } from "../lib/dom.js";
import { label } from "../lib/words.js";
import { drawerField } from "./fields.js";
import { GROUPS } from "./groups.js";

/** Fields with a control of their own, or that are not settings. The drawer has a control for every other field. */
const OWN_CONTROLS = ["preset", "color", "size", "steps", "strength", "style_scale", "style_blend", "content", "style", "content_mask", "style_mask", "detail_map", "validate_only", "draft", "continue_from", "edits"];

const belongs = (name) => !OWN_CONTROLS.includes(name);

/** The drawer for a draft. It is empty until the schema is loaded. */
export class Settings {
  #fields = []; // {name, field, refresh, text}
  #groups = [];

  constructor(draft) {
    this.draft = draft;
    const id = newId("search");
    this.count = h("span", { class: "hint count" });
    this.search = h("input", { id, type: "search", placeholder: "Search the settings", "aria-label": "Search the settings", autocomplete: "off", on: { input: () => this.#filter() } });
    this.none = h("p", { class: "hint", role: "status", hidden: true }, "No setting has this in its name or description.");
    this.body = h("div", { class: "setting-groups" }, h("p", { class: "hint", role: "status" }, "Loading the settings…"));
    this.element = h("details", { class: "drawer", on: { toggle: () => this.#load() } }, h("summary", {}, "Advanced", this.count), h("div", { class: "setting-search" }, this.search), this.none, this.body);
  }

  /** Fetch the schema, unless it is there. On a slow connection this takes a while. */
  async #load() {
    try {
      await this.draft.load();
    } catch (error) {
      this.body.firstChild.textContent = error.message;
    }
  }

  /** Create a control for every field of the schema. */
  fill() {
    const names = Object.keys(this.draft.fields).filter(belongs);
    const known = new Set(GROUPS.flatMap(({ fields }) => fields));
    this.#fields = [];
    this.#groups = GROUPS.map(({ title, sentence, fields }, index) => {
      const own = index === GROUPS.length - 1 ? [...fields, ...names.filter((name) => !known.has(name))] : fields;
      const controls = own.filter((name) => names.includes(name)).map((name) => this.#control(name));
      return h("section", { class: "setting-group", "aria-label": title }, h("h3", {}, title), h("p", { class: "hint" }, sentence), h("div", { class: "drawer-fields" }, controls));
    });
    this.body.replaceChildren(...this.#groups);
    this.#filter();
  }

  #control(name) {
    const schema = this.draft.fields[name];
    const { field, refresh } = drawerField(name, schema, this.draft);
    this.#fields.push({ name, field, refresh, text: `${name} ${label(name)} ${schema.description ?? ""}`.toLowerCase() });
    return field;
  }

  #filter() {
    const words = this.search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const { field, text } of this.#fields) field.hidden = !words.every((word) => text.includes(word));
    for (const group of this.#groups) group.hidden = !group.querySelector("[data-field]:not([hidden])");
    this.none.hidden = !this.#fields.length || this.#fields.some(({ field }) => !field.hidden);
  }

  refresh() {
    for (const { refresh } of this.#fields) refresh();
    const changed = Object.keys(this.draft.explicit).filter(belongs).length;
    this.count.textContent = changed ? `${changed} changed` : "";
  }

  /** Open the drawer if a field with a problem is in it. */
  reveal(problems) {
    const wrong = this.#fields.filter(({ name }) => name in problems);
    if (!wrong.length) return;
    this.element.open = true;
    if (wrong.some(({ field }) => field.hidden)) {
      this.search.value = "";
      this.#filter();
    }
  }
}
