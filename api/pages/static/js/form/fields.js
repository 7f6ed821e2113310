// A control for each parameter, generated from its schema, with its problem beside it.

import { h, newId } from "../lib/dom.js";
import { ASSETS } from "../lib/server.js";
import { label, number } from "../lib/words.js";
import { FIGURES, LAYER_ENDS, VALUES } from "./groups.js";
import { asList, asText, isFile } from "./schema.js";

/** Create a field: its label, control, hint and problem. */
function frame(name, { title, hint, control, id, group = false, draft }) {
  const problem = h("p", { class: "problem", id: newId("problem"), hidden: true });
  const described = hint ? newId("hint") : null;
  control.setAttribute("aria-describedby", [described, problem.id].filter(Boolean).join(" "));
  const reset = h("button", { type: "button", class: "reset", "aria-label": `Reset ${title.toLowerCase()}`, title: "Return to the value of the preset", hidden: true,
    on: { click: () => { delete draft.explicit[name]; draft.changed(); } } }, "Reset");
  const heading = group ? h("span", { class: "label", id: `${id}-label` }, title) : h("label", { for: id }, title);
  if (group) control.setAttribute("aria-labelledby", `${id}-label`);
  const field = h("div", { class: "field", "data-field": name },
    h("div", { class: "field-head" }, heading, reset), control,
    hint && h("p", { class: "hint", id: described }, hint), problem);
  return { field, refresh: () => {
    reset.hidden = !(name in draft.explicit);
    field.classList.toggle("changed", name in draft.explicit);
  } };
}

/** Create a field of the drawer, with a control chosen by its schema. `refresh` shows the draft's value. */
export function drawerField(name, schema, draft) {
  const id = newId(name);
  const make = isFile(schema) ? fileControl : schema.items?.enum ? layersControl : schema.enum ? choiceControl : schema.type === "boolean" ? switchControl : textControl;
  const { control, show, group } = make(name, schema, draft, id);
  const { field, refresh } = frame(name, { title: label(name), hint: schema.description, control, id, group, draft });
  if (name in FIGURES) {
    const src = new URL(`figures/${name}.webp`, ASSETS).href;
    field.append(h("img", { class: "figure", src, loading: "lazy", width: "420", alt: `Examples, from left to right: ${FIGURES[name]}`, title: `From left to right: ${FIGURES[name]}` }));
  }
  return { field, refresh: () => { refresh(); show(); } };
}

function choiceControl(name, schema, draft, id) {
  const control = h("select", { id, on: { change: () => draft.set(name, control.value) } },
    schema.enum.map((value) => h("option", { value }, VALUES[name]?.[value] ?? value)));
  return { control, show: () => { control.value = draft.value(name); } };
}

function switchControl(name, schema, draft, id) {
  const control = h("input", { id, type: "checkbox", on: { change: () => draft.set(name, control.checked) } });
  return { control, show: () => { control.checked = String(draft.value(name)) === "true"; } };
}

function textControl(name, schema, draft, id) {
  const numeric = schema.type === "number" || schema.type === "integer";
  const control = h("input", {
    id, type: "text", inputmode: numeric ? "decimal" : null, autocomplete: "off", spellcheck: false,
    placeholder: schema.type === "array" || schema.nullable ? "automatic" : null,
    on: { input: () => draft.set(name, parseTyped(control.value, schema)) },
  });
  return { control, show: () => { if (document.activeElement !== control) control.value = asText(draft.value(name) ?? ""); } };
}

/** Parse a number; other text stays as it is, and fails validation. */
function parseTyped(text, schema) {
  const value = text.trim();
  const numeric = schema.type === "number" || schema.type === "integer";
  return numeric && value !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
}

function layersControl(name, schema, draft, id) {
  const boxes = schema.items.enum.map((value) => h("input", { type: "checkbox", value, on: { change: choose } }));
  function choose() {
    draft.set(name, boxes.filter((box) => box.checked).map((box) => box.value));
  }
  const control = h("div", { id, role: "group", class: "chips" }, boxes.map((box) => h("label", { class: "chip" }, box, h("span", {}, box.value))),
    h("span", { class: "ends", "aria-hidden": "true" }, LAYER_ENDS.map((end) => h("span", {}, end))));
  const show = () => {
    const chosen = new Set(asList(draft.value(name)));
    boxes.forEach((box) => { box.checked = chosen.has(box.value); });
  };
  return { control, show, group: true };
}

function fileControl(name, schema, draft, id) {
  const control = h("input", { id, type: "file", on: { change } });
  function change() {
    draft.files[name] = control.files[0] ?? null;
    if (name === "init_image") {
      if (control.files[0]) draft.explicit.init = "image";
      else delete draft.explicit.init;
    }
    draft.changed();
  }
  return { control, show: () => { if (!draft.files[name]) control.value = ""; } };
}

/** Create a slider over the given values, with a text box for any other value. `unused` says why the field has no value. */
export function sliderField(name, { title, ends, values, unused }, draft) {
  const id = newId(name);
  const box = h("input", { type: "text", inputmode: "decimal", class: "exact", "aria-label": `${title} value`, autocomplete: "off",
    on: { input: () => draft.set(name, parseTyped(box.value, { type: "number" })), blur: show } });
  const control = h("input", { id, type: "range", min: "0", max: String(values.length - 1), step: "1",
    on: { input: () => { draft.set(name, values[control.valueAsNumber]); } } });
  const { field, refresh } = frame(name, { title, control, id, draft });
  const note = h("p", { class: "hint", hidden: true });
  if (unused) control.after(note);
  box.setAttribute("aria-describedby", control.getAttribute("aria-describedby"));
  field.querySelector(".field-head").append(box);
  control.after(h("div", { class: "ends", "aria-hidden": "true" }, h("span", {}, ends[0]), h("span", {}, ends[1])));
  function show() {
    const value = draft.value(name);
    const empty = Boolean(unused) && !(name in draft.explicit) && asText(value) === "";
    field.classList.toggle("unused", empty);
    note.hidden = !empty;
    note.textContent = empty ? unused(draft) : "";
    const at = empty ? Math.floor(values.length / 2) : values.reduce((best, other, index) => (Math.abs(other - value) < Math.abs(values[best] - value) ? index : best), 0);
    control.value = String(at);
    control.style.setProperty("--part", String(values.length > 1 ? at / (values.length - 1) : 0));
    control.setAttribute("aria-valuetext", empty ? note.textContent : `${asText(value)}, between ${ends[0].toLowerCase()} and ${ends[1].toLowerCase()}`);
    if (document.activeElement !== box) box.value = typeof value === "number" ? number4(value) : asText(value);
  }
  return { field, refresh: () => { refresh(); show(); } };
}

const number4 = (value) => (Math.abs(value) >= 1000 ? String(value) : number(value));

/** Show each problem beside its field. Returns the problems that have no field on the page. */
export function showProblems(root, problems) {
  const others = { ...problems };
  for (const field of root.querySelectorAll("[data-field]")) {
    const text = problems[field.dataset.field] ?? "";
    delete others[field.dataset.field];
    const paragraph = field.querySelector(":scope > .problem");
    if (paragraph.textContent !== text) paragraph.textContent = text;
    paragraph.hidden = !text;
    field.classList.toggle("wrong", Boolean(text));
    for (const control of field.querySelectorAll("input, select")) {
      if (text) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  }
  return others;
}
