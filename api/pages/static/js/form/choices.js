// Values that are chosen by pictures.

import { h, newId } from "../lib/dom.js";
import { ASSETS } from "../lib/server.js";
import { CHOICES } from "./groups.js";

/** Create a field of pictures to choose from. `values` are those that the server knows; `choose` gets the chosen one. */
export function pictureChoice(name, legend, values, current, choose) {
  const group = newId(name);
  const hint = h("p", { class: "hint" });
  const words = (value) => CHOICES[name][value] ?? [value, ""];
  const radios = values.map((value) => h("input", { type: "radio", name: group, value, on: { change: () => choose(value) } }));
  const tiles = radios.map((radio) => h("label", { class: "picture-choice" }, radio,
    CHOICES[name][radio.value] && h("img", { src: new URL(`figures/${name}-${radio.value}.webp`, ASSETS).href, alt: "", width: "66", height: "44" }),
    h("span", {}, words(radio.value)[0])));
  const field = h("fieldset", { class: "picture-choices", "data-field": name }, h("legend", {}, legend), h("div", { class: "picture-row" }, tiles), hint, h("p", { class: "problem", hidden: true }));
  const refresh = () => {
    const value = current();
    radios.forEach((radio) => { radio.checked = radio.value === value; });
    hint.textContent = words(value)[1];
  };
  return { field, refresh };
}
