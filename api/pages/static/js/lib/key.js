// The API key, stored in this browser.

import { h, newId, openDialog } from "./dom.js";

const NAME = "easel-key";
let asking = null;

export const currentKey = () => localStorage.getItem(NAME) ?? "";

/** Ask for a key. Resolves with whether to try again; `refused` is the key that the server refused. */
export function askKey(refused) {
  if (currentKey() !== refused) return Promise.resolve(true); // another request has asked meanwhile
  asking ??= show(refused).finally(() => { asking = null; });
  return asking;
}

async function show(refused) {
  const [id, hint] = [newId("key"), newId("hint")];
  const input = h("input", { id, type: "password", autocomplete: "current-password", "aria-describedby": hint, required: true });
  const reason = refused ? "The server did not accept this key." : "This server requires an API key.";
  const body = [
    h("p", { class: refused ? "bad" : "" }, `${reason} Its operator can create one with `, h("code", {}, "easel keys create"), "."),
    h("label", { for: id }, "API key"),
    input,
    h("p", { id: hint, class: "hint" }, "The key is stored in this browser and sent only to this server."),
  ];
  const choice = await openDialog("API key required", body, [{ label: "Use key", value: "use", look: "button primary" }]);
  if (choice !== "use" || !input.value.trim()) return false;
  localStorage.setItem(NAME, input.value.trim());
  return true;
}
