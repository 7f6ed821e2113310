// A control for every parameter, made from its schema, and what is wrong with it beside it.

import { h, newId } from "../lib/dom.js";
import { label, number } from "../lib/words.js";
import { asList, asText, isFile } from "./schema.js";

/** A field: its label, its control, what it means and what is wrong with it. */
function frame(name, { title, hint, control, id, group = false, draft }) {
  const problem = h("p", { class: "problem", id: newId("problem"), hidden: true });
  const described = hint ? newId("hint") : null;
  control.setAttribute("aria-describedby", [described, problem.id].filter(Boolean).join(" "));
  const reset = h("button", { type: "button", class: "reset", "aria-label": `Reset ${title.toLowerCase()}`, hidden: true, on: { click: () => { delete draft.explicit[name]; draft.changed(); } } }, "Reset");
  const heading = group ? h("span", { class: "label", id: `${id}-label` }, title) : h("label", { for: id }, title);
  if (group) control.setAttribute("aria-labelledby", `${id}-label`);
  const field = h("div", { class: "field", "data-field": name },
    h("div", { class: "field-head" }, heading, reset), control,
    hint && h("p", { class: "hint", id: described }, hint), problem);
  return { field, refresh: () => { reset.hidden = !(name in draft.explicit); } };
}

/** The control for one field of the drawer, chosen by its schema; `refresh` shows the draft's value. */
export function drawerField(name, schema, draft) {
  const id = newId(name);
  const make = isFile(schema) ? fileControl : schema.items?.enum ? layersControl : schema.enum ? choiceControl : schema.type === "boolean" ? switchControl : textControl;
  const { control, show, group } = make(name, schema, draft, id);
  const { field, refresh } = frame(name, { title: label(name), hint: schema.description, control, id, group, draft });
  return { field, refresh: () => { refresh(); show(); } };
}

function choiceControl(name, schema, draft, id) {
  const control = h("select", { id, on: { change: () => draft.set(name, control.value) } },
    schema.enum.map((value) => h("option", { value }, value)));
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
    placeholder: schema.type === "array" ? "equal" : null,
    on: { input: () => draft.set(name, typed(control.value, schema)) },
  });
  return { control, show: () => { if (document.activeElement !== control) control.value = asText(draft.value(name) ?? ""); } };
}

/** A number where it is one; otherwise the text as it is, which the check will refuse. */
function typed(text, schema) {
  const value = text.trim();
  const numeric = schema.type === "number" || schema.type === "integer";
  return numeric && value !== "" && Number.isFinite(Number(value)) ? Number(value) : value;
}

function layersControl(name, schema, draft, id) {
  const boxes = schema.items.enum.map((value) => h("input", { type: "checkbox", value, on: { change: choose } }));
  function choose() {
    draft.set(name, boxes.filter((box) => box.checked).map((box) => box.value));
  }
  const control = h("div", { id, role: "group", class: "chips" }, boxes.map((box) => h("label", { class: "chip" }, box, h("span", {}, box.value))));
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

/** A slider over chosen values, plain words at its ends, and a box for any other number. */
export function sliderField(name, { title, ends, values }, draft) {
  const id = newId(name);
  const box = h("input", { type: "text", inputmode: "decimal", class: "exact", "aria-label": `${title}, exactly`, autocomplete: "off",
    on: { input: () => draft.set(name, typed(box.value, { type: "number" })), blur: show } });
  const control = h("input", { id, type: "range", min: "0", max: String(values.length - 1), step: "1",
    on: { input: () => { draft.set(name, values[control.valueAsNumber]); } } });
  const { field, refresh } = frame(name, { title, control, id, draft });
  box.setAttribute("aria-describedby", control.getAttribute("aria-describedby"));
  field.querySelector(".field-head").append(box);
  control.after(h("div", { class: "ends", "aria-hidden": "true" }, h("span", {}, ends[0]), h("span", {}, ends[1])));
  function show() {
    const value = draft.value(name);
    const at = values.reduce((best, other, index) => (Math.abs(other - value) < Math.abs(values[best] - value) ? index : best), 0);
    control.value = String(at);
    control.style.setProperty("--part", String(values.length > 1 ? at / (values.length - 1) : 0));
    control.setAttribute("aria-valuetext", `${asText(value)}, between ${ends[0].toLowerCase()} and ${ends[1].toLowerCase()}`);
    if (document.activeElement !== box) box.value = typeof value === "number" ? number4(value) : asText(value);
  }
  return { field, refresh: () => { refresh(); show(); } };
}

const number4 = (value) => (Math.abs(value) >= 1000 ? String(value) : number(value));

/** Show what is wrong beside each field; gives the problems that belong to none. */
export function showProblems(root, problems) {
  const left = { ...problems };
  for (const field of root.querySelectorAll("[data-field]")) {
    const text = problems[field.dataset.field] ?? "";
    delete left[field.dataset.field];
    const paragraph = field.querySelector(":scope > .problem");
    if (paragraph.textContent !== text) paragraph.textContent = text;
    paragraph.hidden = !text;
    field.classList.toggle("wrong", Boolean(text));
    for (const control of field.querySelectorAll("input, select")) {
      if (text) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
  }
  return left;
}
