// A draft from a job: its settings, and its pictures if this browser has stored them.

import { readPicture } from "../pictures/files.js";

/** Fill a draft. Resolves with whether the pictures were stored. */
export async function fill(draft, params, stored) {
  await draft.load();
  draft.adopt(params);
  if (!stored?.content) return false;
  draft.put(await picturesOf(stored));
  return true;
}

/** Fill a draft with the form from which a small picture was made. */
export async function reopen(draft, stored) {
  await draft.load();
  draft.put({ ...await picturesOf(stored), ...stored.large, files: {} });
}

async function picturesOf({ content, styles, regions, detail }) {
  return {
    content: await readPicture(content),
    styles: await Promise.all(styles.map(async ({ file, weight }) => ({ picture: await readPicture(file), weight }))),
    regions: regions ?? null,
    detail: detail ?? null,
  };
}
