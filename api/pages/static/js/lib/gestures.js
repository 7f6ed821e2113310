// Zooming with two fingers, or with the wheel and Ctrl, which is also how browsers report a pinch on a touchpad.

/**
 * Listen for gestures on an element.
 *
 * `zoom(factor, {x, y})` is called with a position in the window, `pan(dx, dy)` when two fingers move, and `begin` when
 * the second finger touches.
 */
export function onGestures(element, { begin = () => {}, zoom, pan }) {
  const touches = new Map(); // the positions of the fingers
  let last = null;

  const fingers = () => {
    const [one, two] = [...touches.values()];
    return { distance: Math.hypot(one.x - two.x, one.y - two.y) || 1, x: (one.x + two.x) / 2, y: (one.y + two.y) / 2 };
  };
  const lift = (event) => {
    touches.delete(event.pointerId);
    if (touches.size < 2) last = null;
  };

  element.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 200), { x: event.clientX, y: event.clientY });
  }, { passive: false });
  element.addEventListener("pointerdown", (event) => {
    if (event.pointerType !== "touch") return;
    touches.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (touches.size !== 2) return;
    begin();
    last = fingers();
  });
  element.addEventListener("pointermove", (event) => {
    if (!touches.has(event.pointerId)) return;
    touches.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (!last || touches.size !== 2) return;
    const now = fingers();
    zoom(now.distance / last.distance, now);
    pan(last.x - now.x, last.y - now.y);
    last = now;
  });
  for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, lift);
  element.addEventListener("touchmove", (event) => { if (event.touches.length > 1) event.preventDefault(); }, { passive: false });
}
