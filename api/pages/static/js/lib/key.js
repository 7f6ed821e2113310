// The API key: asked for once, and kept in this browser.

import { ask, h, newId } from "./dom.js";

const NAME = "easel-key";
let asking = null;

export const currentKey = () => localStorage.getItem(NAME) ?? "";

/** Ask for a key; whether to try again. `used` is the key that was refused. */
export function askKey(problem, used) {
  if (currentKey() !== used) return Promise.resolve(true); // another request has got one since
  asking ??= show(problem, used).finally(() => { asking = null; });
  return asking;
}

async function show(problem, used) {
  const [id, hint] = [newId("key"), newId("hint")];
  const input = h("input", { id, type: "password", autocomplete: "current-password", "aria-describedby": hint, required: true });
  const why = used ? "This key was not accepted." : "This server wants an API key.";
  const body = [
    h("p", { class: used ? "bad" : "" }, `${why} Whoever runs it can make one with `, h("code", {}, "easel keys create"), "."),
    h("label", { for: id }, "API key"),
    input,
    h("p", { id: hint, class: "hint" }, "It is kept in this browser, and sent to this server only."),
  ];
  const answer = ask("A key, please", body, [{ label: "Use this key", value: "use", look: "button primary" }]);
  if ((await answer) !== "use" || !input.value.trim()) return false;
  localStorage.setItem(NAME, input.value.trim());
  return true;
}
