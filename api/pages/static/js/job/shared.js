// The picture and the photograph of a link, for somebody who has nothing but the link.

import { getBlob, Problem } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { comparison } from "./comparison.js";
import { sizeOf } from "./download.js";

/**
 * The address of the view, from signed links to a result and to its content.
 *
 * The signatures are behind the `#`, which browsers keep from servers and from other sites.
 */
export function sharedAddress(id, { result, content }) {
  const [ofResult, ofContent] = [result, content].map((link) => new URLSearchParams(link.split("?")[1]));
  return `#/shared/${id}/${ofResult.get("expires")}/${ofResult.get("signature")}/${ofContent.get("signature")}`;
}

/** The view of a shared picture. */
export class SharedView {
  #abort = new AbortController();
  #urls = [];

  constructor(id, expires, ofResult, ofContent) {
    document.title = "Before and after · Easel";
    this.note = h("p", { class: "hint", role: "status" }, "Loading…");
    this.stage = h("div", { class: "stage" }, h("figure", { class: "progress-picture" }));
    this.element = h("section", { class: "view shared", "aria-label": "Shared picture" },
      h("h1", { class: "headline" }, "Before and after"), this.note, this.stage,
      h("p", {}, h("a", { class: "button", href: "#/" }, "Paint a photograph of your own")));
    const signed = (resource, signature, more = "") => `jobs/${id}/${resource}?${new URLSearchParams({ expires, signature })}${more}`;
    this.#load(signed("result", ofResult, "&display=true"), signed("content", ofContent));
  }

  leave() {
    this.#abort.abort();
    this.#urls.forEach((url) => URL.revokeObjectURL(url));
  }

  async #load(...paths) {
    const { signal } = this.#abort;
    try {
      const [after, before] = await Promise.all(paths.map((path) => getBlob(path, { signal })));
      const { width, height } = await sizeOf(after);
      if (signal.aborted) return;
      this.#urls = [after, before].map((blob) => URL.createObjectURL(blob));
      this.stage.replaceChildren(comparison({ after: this.#urls[0], before: this.#urls[1], width, height }));
      this.note.textContent = "Move the line to see the photograph and the painting that was made of it.";
    } catch (error) {
      if (signal.aborted) return;
      this.stage.replaceChildren();
      this.note.textContent = reason(error);
    }
  }
}

function reason(error) {
  if (!(error instanceof Problem)) return error.message;
  if (error.code === "link_expired" || error.status === 410) return "This link has expired. Ask whoever sent it for a new one.";
  if (error.status === 404) return "This picture was deleted.";
  if (error.code === "link_invalid") return "This link is not complete. Copy all of it from the message that you received.";
  return error.message;
}
