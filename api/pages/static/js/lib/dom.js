// DOM helpers: elements, icons, announcements, toasts and dialogs.

/** Create an element. `on` maps events to listeners; null, undefined and false properties are skipped. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "on") {
      for (const [event, listener] of Object.entries(value)) element.addEventListener(event, listener);
    } else if (name in element && typeof value !== "string" && value != null) {
      element[name] = value;
    } else if (value != null && value !== false) {
      element.setAttribute(name, value);
    }
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

let ids = 0;

/** Return a unique element id. */
export const newId = (prefix) => `${prefix}-${++ids}`;

const ICONS = {
  close: "M5 5l10 10M15 5L5 15",
  left: "M12 5l-5 5 5 5",
  right: "M8 5l5 5-5 5",
  camera: "M3 7h3l1.500-2h5L14 7h3v9H3zM10 14a2.700 2.700 0 1 0 0-5.400 2.700 2.700 0 0 0 0 5.400z",
};

/** Create a decorative icon, hidden from screen readers. */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  drawing.setAttribute("viewBox", "0 0 20 20");
  drawing.setAttribute("aria-hidden", "true");
  drawing.setAttribute("class", "icon");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  drawing.append(path);
  return drawing;
}

/** Mark an element as busy, at once, until some work is done. Resolves with what the work does. */
export async function whileBusy(element, work) {
  element.setAttribute("aria-busy", "true");
  try {
    return await work();
  } finally {
    element.removeAttribute("aria-busy");
  }
}

/** Announce a text to screen readers. */
export function announce(text) {
  document.getElementById("status").textContent = text;
}

/** Show a message that disappears after 6 seconds; an error stays until it is closed. `undo` takes back what it reports. */
export function toast(text, { error = false, undo = null } = {}) {
  const close = h("button", { type: "button", class: "icon-button", "aria-label": "Close message" }, icon("close"));
  const back = undo && h("button", { type: "button", class: "toast-action", on: { click: () => { note.remove(); undo(); } } }, "Undo");
  const note = h("div", { class: "toast", role: error ? "alert" : "status" }, h("p", {}, text), back, close);
  if (undo) document.querySelector(".toast:has(.toast-action)")?.remove(); // only the last change can be undone
  close.addEventListener("click", () => note.remove());
  document.getElementById("toasts").append(note);
  if (!error) setTimeout(() => note.remove(), undo ? 12_000 : 6000);
}

/** Open a modal dialog; resolves with the value of the button that closed it, "" for Escape. */
export function openDialog(title, body, buttons) {
  const id = newId("dialog");
  const row = buttons.map(({ label, value, look }) =>
    h("button", { type: "submit", value, class: look ?? "button" }, label));
  const form = h("form", { method: "dialog" }, h("h2", { id }, title), ...body, h("div", { class: "actions" }, row));
  const dialog = h("dialog", { "aria-labelledby": id, class: "dialog" }, form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
  });
}
