// The photograph and the result, with a movable divider, and zoom with buttons, the wheel or two fingers.

import { h, newId } from "../lib/dom.js";
import { onGestures } from "../lib/gestures.js";

/** A side that is narrower than this has no label. */
const BADGE_PERCENT = 15;

const MAX_ZOOM = 8;

const ZOOMS = [["Fit", 0], ["100 %", 1], ["200 %", 2], ["400 %", 4]];

/** Create the comparison from two URLs. Without `before` it shows only the result. */
export function comparison({ after, before, width, height }) {
  const zoom = newId("zoom");
  const pair = h("div", { class: "pair" }, h("img", { src: after, alt: "The result", draggable: false }));
  pair.style.setProperty("--ratio", String(width / height));
  const frame = h("div", { class: "frame", tabIndex: 0, role: "region", "aria-label": "Picture, scrollable when zoomed" }, pair);
  const tools = h("div", { class: "compare-tools" });
  if (before) {
    const slider = h("input", { type: "range", min: "0", max: "100", value: "50", on: { input: () => move(slider.valueAsNumber) } });
    const divider = h("div", { class: "divider", "aria-hidden": "true" });
    function move(percent) {
      slider.value = String(percent);
      pair.style.setProperty("--split", `${percent}%`);
      slider.style.setProperty("--part", String(percent / 100));
      slider.setAttribute("aria-valuetext", `${Math.round(percent)} % before, ${Math.round(100 - percent)} % after`);
      pair.classList.toggle("all-after", percent < BADGE_PERCENT);
      pair.classList.toggle("all-before", percent > 100 - BADGE_PERCENT);
    }
    divider.addEventListener("pointerdown", (event) => { divider.setPointerCapture(event.pointerId); event.preventDefault(); });
    divider.addEventListener("pointermove", (event) => {
      if (!divider.hasPointerCapture(event.pointerId)) return;
      const { left, width: wide } = pair.getBoundingClientRect();
      move(Math.min(100, Math.max(0, ((event.clientX - left) / wide) * 100)));
    });
    pair.append(h("img", { class: "before", src: before, alt: "The original photograph", draggable: false }), divider);
    pair.append(h("span", { class: "badge left", "aria-hidden": "true" }, "Before"), h("span", { class: "badge right", "aria-hidden": "true" }, "After"));
    slider.setAttribute("aria-label", "Before and after");
    tools.append(h("div", { class: "split" }, slider));
    move(50);
  }
  const radios = ZOOMS.map(([text, factor], index) => h("label", {}, h("input", { type: "radio", name: zoom, checked: !index, on: { change: () => setZoom(factor) } }), h("span", {}, text)));
  const middle = () => { const box = frame.getBoundingClientRect(); return { x: box.left + box.width / 2, y: box.top + box.height / 2 }; };

  /** Zoom to a number of screen pixels for each pixel of the picture, 0 to fit; the point in the window stays where it is. */
  function setZoom(factor, point = middle()) {
    const box = pair.getBoundingClientRect();
    const [x, y] = [(point.x - box.left) / box.width, (point.y - box.top) / box.height];
    frame.classList.toggle("zoomed", factor > 0);
    pair.style.setProperty("--wide", `${(width * factor) / devicePixelRatio}px`);
    const now = pair.getBoundingClientRect();
    frame.scrollBy(now.left + x * now.width - point.x, now.top + y * now.height - point.y);
  }

  onGestures(frame, {
    zoom: (factor, point) => {
      const now = (pair.getBoundingClientRect().width * devicePixelRatio) / width;
      const wanted = Math.min(MAX_ZOOM, now * factor);
      const fits = wanted * width <= frame.clientWidth * devicePixelRatio && wanted * height <= frame.clientHeight * devicePixelRatio;
      setZoom(factor < 1 && fits ? 0 : wanted, point);
      radios.forEach((radio) => { radio.firstChild.checked = false; });
    },
    pan: (x, y) => frame.scrollBy(x, y),
  });
  tools.append(h("fieldset", { class: "choice" }, h("legend", { class: "visually-hidden" }, "Zoom"), h("div", { class: "segments small" }, radios)));
  return h("div", {}, frame, tools);
}
