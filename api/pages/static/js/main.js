// The router, and the events of the whole document.

import { Draft } from "./form/draft.js";
import { keepDraft } from "./form/kept.js";
import { FormView } from "./form/view.js";
import { JobView } from "./job/view.js";
import { GalleryView } from "./pictures/gallery.js";

const main = document.getElementById("main");
const draft = new Draft();
const form = new FormView(draft);
let leave = () => {};
let first = true;

function show() {
  leave();
  const [, place, id] = location.hash.split("/");
  const view = place === "jobs" && id ? new JobView(id, draft) : place === "pictures" ? new GalleryView() : form;
  leave = () => view.leave?.();
  main.replaceChildren(view.element);
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
}

/** Add pictures that were dropped or pasted outside the wells. */
function receive(files) {
  if (!files?.length || main.firstElementChild !== form.element) return;
  form.wells.take(form.wells.nextField(), files);
}

// The first view works without the schema, so it is fetched on the first interaction.
for (const event of ["pointerdown", "keydown", "dragenter", "paste"]) {
  document.addEventListener(event, () => draft.load().catch((error) => console.info(error.message)), { once: true });
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
