// The files of everything that was painted on the pictures of a job.

import { detailFile } from "./detail.js";
import { maskFiles } from "./regions.js";

/** Create the files, `[field, File]`, for the pictures and the layers of a draft. */
export async function paintedFiles({ content, styles, regions, detail }) {
  const files = regions ? await maskFiles(regions, content, styles) : [];
  if (detail) files.push(await detailFile(detail, content));
  return files;
}
