// A draft from a job: its settings, and its pictures if this browser has stored them.

import { readPicture } from "../pictures/files.js";

/** Fill a draft. Resolves with whether the pictures were stored. */
export async function fill(draft, params, stored) {
  await draft.load();
  draft.adopt(params);
  if (!stored?.content) return false;
  draft.setContent(await readPicture(stored.content));
  draft.styles = await Promise.all(stored.styles.map(async ({ file, weight }) => ({ picture: await readPicture(file), weight })));
  draft.setRegions(stored.regions ?? null);
  draft.setDetail(stored.detail ?? null);
  return true;
}
