// What a finished picture can be shared as: a link to it, with or without the photograph, and a film of how it emerged.

import { address, getBlob, getJson } from "../lib/api.js";
import { announce, h, newId, openDialog, toast } from "../lib/dom.js";
import { save } from "../lib/save.js";
import { server } from "../lib/server.js";
import { sharedAddress } from "./shared.js";

/** How long a link is valid: a day, the longest that the server allows. */
const LINK_SECONDS = 86_400;

const FILMS = { mp4: "MP4", webp: "WebP" };

/** Buttons for a finished job. `button(text, action, look)` makes a button that reports errors. */
export function sharing(job, button) {
  return h("div", { class: "row share" }, button("Copy link", () => copyLink(job)), button("Before/after link", () => copyLink(job, { before: true })), server.films.length > 0 && button("Film", () => showFilm(job)));
}

/**
 * Copy a link that shows the picture to anybody, at most until the picture expires. A format that browsers cannot display
 * is shown by a copy. With `before`, the link opens this page, which shows the photograph too.
 */
async function copyLink({ id, params, expires_at: expiry }, { before = false } = {}) {
  const { expires_at: end, ...links } = await getJson(`jobs/${id}/links?expires_in=${LINK_SECONDS}`);
  const picture = address(links.result) + (server.not_displayable.includes(params.format) ? "&display=true" : "");
  const link = before ? address("") + sharedAddress(id, links) : picture;
  const until = new Date(Math.min(new Date(end), new Date(expiry))).toLocaleString(undefined, { weekday: "long", hour: "numeric", minute: "2-digit" });
  const words = before ? `Anybody who has this link can see the picture and the photograph until ${until}.`
    : `Anybody who has this link can see the picture until ${until}. It does not show the photograph.`;
  try {
    await navigator.clipboard.writeText(link);
    toast(`Link copied. ${words}`);
  } catch { // an insecure origin, or no permission
    const at = newId("link");
    const field = h("input", { id: at, type: "text", readOnly: true, value: link, on: { focus: () => field.select() } });
    await openDialog("Link to the picture", [h("p", {}, words), h("label", { for: at }, "Link"), field], [{ label: "Close", value: "" }]);
  }
}

/** Show the film, with buttons to save it. */
async function showFilm({ id }) {
  const name = `easel-${id.slice(-8)}`;
  const shown = await getBlob(`jobs/${id}/film?format=webp`);
  const url = URL.createObjectURL(shown);
  const body = [h("img", { class: "film", src: url, alt: "The picture as it emerged, from the first step to the last" })];
  announce("The film plays.");
  const buttons = server.films.map((format) => ({ label: `Save as ${FILMS[format] ?? format}`, value: format }));
  const chosen = await openDialog("How it emerged", body, [...buttons, { label: "Close", value: "", look: "button primary" }]);
  URL.revokeObjectURL(url);
  if (chosen) save(chosen === "webp" ? shown : await getBlob(`jobs/${id}/film?format=${chosen}`), `${name}.${chosen}`);
}
