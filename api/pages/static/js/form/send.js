// Sending a draft: the upload, and what this browser stores of it.

import { postForm } from "../lib/api.js";
import { remember } from "../lib/storage.js";
import { thumbnail } from "../pictures/files.js";

/** Post a draft and store its pictures, for the comparison and for later reuse. Resolves with the job. */
export async function send(draft, key, onProgress = () => {}) {
  const job = await postForm("jobs", await draft.form(), onProgress, { "Idempotency-Key": key });
  const { content, styles, regions, detail } = draft;
  await remember(job.id, {
    content: content.file,
    styles: styles.map(({ picture, weight }) => ({ file: picture.file, weight })),
    regions,
    detail,
    thumbnail: content.width ? await thumbnail(content.file) : null,
  });
  return job;
}
