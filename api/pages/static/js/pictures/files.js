// Picture files: the checks before an upload, and thumbnails.

import { server } from "../lib/server.js";
import { bytes } from "../lib/words.js";

/** The longer side of a picture that is scaled down. The server can enlarge it for a larger result, without more detail. */
const SCALED_SIDE = 4096;

/** The smallest scale that is tried, relative to the first. */
const MIN_SCALE = 0.2;

export const ACCEPT = "image/jpeg,image/png,image/webp,image/avif,image/heic,image/heif,image/tiff,image/gif,image/bmp,"
  + ".jpg,.jpeg,.jfif,.png,.webp,.avif,.heic,.heif,.hif,.tif,.tiff,.gif,.bmp";

const FORMATS = "JPEG, PNG, WebP, AVIF, HEIC, TIFF, GIF or BMP";

/** Formats of which some browsers cannot display any file, or not every file that the server can read. */
const NOT_EVERYWHERE = new Set(["jpeg", "avif", "heic", "tiff"]);

/** A file that cannot be used. Its message is shown to the user. */
export class BadPicture extends Error {}

/**
 * Read and check a file. Throws BadPicture.
 *
 * A picture over the limits of the server is scaled down, if the browser can display it: `scaled` then says from what.
 * `width` and `height` are those of the upright picture. They are 0 for a picture that the browser cannot display, such
 * as a TIFF, which only the server checks.
 */
export async function readPicture(file) {
  const name = `“${file.name}”`;
  if (!file.size) throw new BadPicture(`${name} is an empty file.`);
  const format = formatOf(new Uint8Array(await file.slice(0, 16).arrayBuffer()));
  if (!format) throw new BadPicture(`${name} is not a supported picture. Choose a ${FORMATS} file.`);
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap && file.size > server.max_picture_bytes) {
    throw new BadPicture(`${name} is ${bytes(file.size)}; the limit is ${bytes(server.max_picture_bytes)}. Choose a smaller file.`);
  }
  if (!bitmap && !NOT_EVERYWHERE.has(format)) throw new BadPicture(`${name} is damaged and cannot be read. Choose another file.`);
  if (!bitmap) return { file, name: file.name, width: 0, height: 0, url: "" };
  const { width, height } = bitmap;
  try {
    checkSides(name, width, height);
    const fitting = isOver(file, format, bitmap) ? await scaleDown(file, bitmap) : { file, width, height };
    return { name: file.name, url: URL.createObjectURL(fitting.file), ...fitting };
  } finally {
    bitmap.close();
  }
}

function checkSides(name, width, height) {
  if (Math.min(width, height) < server.min_side) {
    throw new BadPicture(`${name} has ${width} × ${height} pixels; each side must have at least ${server.min_side} pixels. Choose a larger picture.`);
  }
}

/** Whether the server would refuse a picture. It reads a JPEG with too many pixels at a reduced scale. */
const isOver = (file, format, { width, height }) =>
  file.size > server.max_picture_bytes || (format !== "jpeg" && width * height > server.max_picture_pixels);

/** Scale a picture down until its file is within the limits. */
async function scaleDown(file, bitmap) {
  const { width, height } = bitmap;
  const largest = Math.sqrt(Math.min(1, server.max_picture_pixels / (width * height), (SCALED_SIDE / Math.max(width, height)) ** 2));
  for (let scale = largest; scale > MIN_SCALE * largest; scale *= 0.8) {
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    // WebP keeps transparency. A browser that cannot write it writes PNG.
    const blob = await canvas.convertToBlob({ type: "image/webp", quality: 0.92 });
    if (blob.size > server.max_picture_bytes) continue;
    const name = `${file.name.replace(/\.[^.]*$/, "")}.${blob.type.split("/")[1]}`;
    const scaled = `scaled down from ${width} × ${height} pixels, ${bytes(file.size)}`;
    return { file: new File([blob], name, { type: blob.type }), width: canvas.width, height: canvas.height, scaled };
  }
  throw new BadPicture(`“${file.name}” is ${bytes(file.size)}; the limit is ${bytes(server.max_picture_bytes)}. Choose a smaller file.`);
}

/** Detect the format by the first bytes; "" if it is not supported. */
function formatOf(start) {
  const text = String.fromCharCode(...start);
  if (text.startsWith("\xff\xd8\xff")) return "jpeg";
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "png";
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return "webp";
  if (text.startsWith("GIF8")) return "gif";
  if (/^(II\*\0|MM\0\*|II\+\0|MM\0\+)/.test(text)) return "tiff";
  if (text.startsWith("BM")) return "bmp";
  if (/^....ftypavi[fs]/s.test(text)) return "avif";
  if (/^....ftyp(he[iv][cxms]|mif1|msf1)/s.test(text)) return "heic";
  return "";
}

/** Create a small JPEG of a picture for the gallery. */
export async function thumbnail(blob, side = 320) {
  const bitmap = await createImageBitmap(blob);
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.82 });
}

/** A small copy of a picture to upload; the file itself if this browser cannot display it. */
export const reduced = ({ file, width }, side) => (width ? thumbnail(file, side) : file);
