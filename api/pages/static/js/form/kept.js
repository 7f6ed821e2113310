// The draft, kept in this browser: it survives a reload, a crash and a closed tab.

import { keepForm, recallForm } from "../lib/storage.js";
import { readPicture } from "../pictures/files.js";

/** A burst of changes of the settings, such as those of a slider, is stored once. */
const DELAY_MS = 250;

/** Store the draft after every change. */
function keepChanges(draft) {
  let timer = 0;
  draft.addEventListener("change", ({ detail }) => {
    if (detail === "fields") return;
    clearTimeout(timer);
    timer = setTimeout(() => keepForm(storable(draft)), detail === "pictures" ? 0 : DELAY_MS);
  });
}

/** A snapshot of the draft with files in place of the pictures, which hold URLs. */
function storable(draft) {
  const { content, styles, ...others } = draft.snapshot();
  return { ...others, content: content?.file ?? null, styles: styles.map(({ picture, weight }) => ({ file: picture.file, weight })) };
}

/** Fill the draft with what the browser has kept, unless the user has begun already, and keep its changes. */
export async function keepDraft(draft) {
  try {
    const kept = await recallForm();
    if (!kept) return;
    const content = kept.content && await readPicture(kept.content);
    const styles = await Promise.all(kept.styles.map(async ({ file, weight }) => ({ picture: await readPicture(file), weight })));
    if (draft.untouched) draft.put({ ...kept, content, styles });
  } catch (error) {
    console.info("the form is empty:", error.message); // such as a limit that the server has lowered
  } finally {
    keepChanges(draft);
  }
}
