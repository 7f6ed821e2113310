// The router, and the events of the whole document.

import { Draft } from "./form/draft.js";
import { keepDraft } from "./form/kept.js";
import { FormView } from "./form/view.js";
import { h } from "./lib/dom.js";

const main = document.getElementById("main");
const draft = new Draft();
const form = new FormView(draft);
/** A click has a visible effect within 100 ms. */
const FEEDBACK_MS = 60;

let leave = () => {};
let first = true;
let turns = 0;

/** The other views are fetched when they are needed. */
const fetchJob = () => import("./job/view.js");
const fetchGallery = () => import("./pictures/gallery.js");

async function viewOf(place, id, ...signed) {
  try {
    if (place === "jobs" && id) return new (await fetchJob()).JobView(id, draft);
    if (place === "compare" && id) return new (await import("./job/compare.js")).CompareView(id, draft);
    if (place === "shared" && signed.length === 3) return new (await import("./job/shared.js")).SharedView(id, ...signed);
    if (place === "pictures") return new (await fetchGallery()).GalleryView();
    return form;
  } catch {
    return { element: h("p", { class: "notice", role: "alert" }, "This part of the page could not be loaded. Check your connection and reload the page.") };
  }
}

/** Say at once that a view is on its way: on a slow connection, its code takes seconds. */
const loading = () => h("p", { class: "hint loading", role: "status" }, "Loading…");

async function show() {
  leave();
  leave = () => {};
  const turn = ++turns;
  const [, place, ...ids] = location.hash.split("/");
  const slow = setTimeout(() => { if (turn === turns) main.replaceChildren(loading()); }, FEEDBACK_MS);
  const view = await viewOf(place, ...ids);
  clearTimeout(slow);
  if (turn !== turns) return view.leave?.(); // the user has gone on meanwhile
  leave = () => view.leave?.();
  main.replaceChildren(view.element);
  view.enter?.();
  for (const link of document.querySelectorAll(".top nav a")) {
    if (link.getAttribute("href") === (view === form ? "#/" : `#/${place}`)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (view === form) document.title = "Easel";
  if (!first) {
    main.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
  first = false;
  return undefined;
}

/** Add pictures that were dropped or pasted outside the wells. */
function receive(files) {
  if (!files?.length || main.firstElementChild !== form.element) return;
  form.wells.take(form.wells.nextField(), files);
}

/** The first view works without the schema and the other views, so they are fetched on the first interaction. */
function begin() {
  for (const fetching of [draft.load(), fetchJob(), fetchGallery()]) fetching.catch((error) => console.info(error.message));
}

for (const event of ["pointerdown", "keydown", "dragenter", "paste"]) {
  document.addEventListener(event, begin, { once: true });
}
window.addEventListener("hashchange", show);
document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dragging"); });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  receive(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => receive(event.clipboardData?.files));
keepDraft(draft);
document.querySelector("[data-skip]").addEventListener("click", (event) => { event.preventDefault(); main.focus(); });
document.querySelectorAll("a[href='docs']").forEach((link) => { link.href = new URL("docs", document.baseURI.split("#")[0]).href; });
show();
