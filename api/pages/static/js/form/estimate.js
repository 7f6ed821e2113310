// The time that a picture would take on this server, beside the button that starts it.

import { call } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { duration } from "../lib/words.js";

/** A burst of changes is asked about once. */
const DELAY_MS = 500;

/** The longer side of the blank pictures. The time depends on the proportions of the pictures, not on their pixels. */
const SIDE = 256;

/** Fields that have no effect on the time, or an effect outside of this server. */
const LEFT_OUT = /^(webhook|max_seconds|priority)/;

/** The estimate for a draft. */
export class EstimateLine {
  #timer = 0;
  #turn = 0;
  #asked = ""; // the last request

  constructor(draft) {
    this.draft = draft;
    this.element = h("p", { class: "hint estimate", role: "status" });
  }

  /** Ask for the draft as it is now, unless something is missing or wrong. */
  refresh(problems) {
    if (Object.keys(problems).length) {
      clearTimeout(this.#timer);
      this.#turn += 1;
      this.#asked = this.element.textContent = "";
      return;
    }
    const { content, styles, files } = this.draft;
    const asked = JSON.stringify([this.draft.texts(), [content, ...styles.map(({ picture }) => picture)].map(({ width, height }) => [width, height]), Boolean(files.init_image)]);
    if (asked === this.#asked) return;
    this.#asked = asked;
    clearTimeout(this.#timer);
    const turn = ++this.#turn;
    this.#timer = setTimeout(() => this.#ask(turn), DELAY_MS);
  }

  /** Ask again at the next refresh: the queue has changed meanwhile. */
  forget() {
    this.#asked = "";
  }

  async #ask(turn) {
    try {
      const form = await blankForm(this.draft);
      const { run_seconds: run, start_seconds: start } = await (await call("jobs", { method: "POST", body: form })).json();
      if (turn !== this.#turn) return;
      this.element.textContent = words(run, start);
    } catch {
      if (turn === this.#turn) this.element.textContent = ""; // "Paint" says what is wrong
    }
  }
}

function words(run, start) {
  if (run === null) return "";
  const wait = start >= 1 ? `, after about ${rough(start)} in the queue` : "";
  return `Takes about ${rough(run)} here${wait}.`;
}

/** An estimate is not exact to the second. */
const rough = (seconds) => duration(seconds < 120 ? Math.max(1, seconds) : Math.round(seconds / 60) * 60);

/** The request for an estimate: the settings, with blank pictures of the same proportions, so that nothing is uploaded. */
async function blankForm(draft) {
  const form = new FormData();
  form.append("validate_only", "true");
  for (const [name, text] of Object.entries(draft.texts())) if (!LEFT_OUT.test(name)) form.append(name, text);
  const pictures = [["content", draft.content], ...draft.styles.map(({ picture }) => ["style", picture])];
  if (draft.files.init_image) pictures.push(["init_image", draft.content]);
  for (const [name, picture] of pictures) form.append(name, await blank(picture), "blank.png");
  return form;
}

/** A black picture; square if the proportions are not known. */
function blank({ width, height }) {
  const longer = Math.max(width, height) || 1;
  const side = (length) => Math.max(16, Math.round(((length || 1) / longer) * SIDE));
  const canvas = new OffscreenCanvas(side(width), side(height));
  canvas.getContext("2d").fillRect(0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/png" });
}
