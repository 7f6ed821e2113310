// Picture files: samples, the checks before an upload, and thumbnails.

import { ASSETS, server } from "../lib/server.js";
import { bytes } from "../lib/words.js";

export const ACCEPT = "image/jpeg,image/png,image/webp,image/avif,image/heic,image/heif,image/tiff,image/gif,image/bmp,"
  + ".jpg,.jpeg,.jfif,.png,.webp,.avif,.heic,.heif,.hif,.tif,.tiff,.gif,.bmp";

const FORMATS = "JPEG, PNG, WebP, AVIF, HEIC, TIFF, GIF or BMP";

/** Formats of which some browsers cannot display any file, or not every file that the server can read. */
const NOT_EVERYWHERE = new Set(["jpeg", "avif", "heic", "tiff"]);

export const SAMPLES = {
  content: [
    { file: "photos/cat.jpg", title: "Cat" },
    { file: "photos/coffee.jpg", title: "Coffee" },
    { file: "photos/astronaut.jpg", title: "Astronaut" },
    { file: "photos/rocket.jpg", title: "Rocket" },
  ],
  style: [
    { file: "styles/swirls.jpg", title: "Swirls" },
    { file: "styles/mosaic.jpg", title: "Mosaic" },
    { file: "styles/woodblock.jpg", title: "Woodblock" },
    { file: "styles/embers.jpg", title: "Embers" },
  ],
};

for (const sample of [...SAMPLES.content, ...SAMPLES.style]) sample.name = sample.file.split("/").pop();

/** Fetch a sample in full size. */
export async function sampleFile({ file, name }) {
  const response = await fetch(new URL(`samples/${file}`, ASSETS));
  if (!response.ok) throw new Error(`The server responded with status ${response.status}.`);
  return new File([await response.blob()], name, { type: "image/jpeg" });
}

export const sampleThumbnail = ({ file }) => new URL(`samples/small/${file.replace("/", "-")}`, ASSETS).href;

/** A file that cannot be used. Its message is shown to the user. */
export class BadPicture extends Error {}

/**
 * Read and check a file. Throws BadPicture.
 *
 * `width` and `height` are those of the upright picture. They are 0 for a picture that the browser
 * cannot display, such as a TIFF, which only the server checks.
 */
export async function readPicture(file) {
  const name = `“${file.name}”`;
  if (!file.size) throw new BadPicture(`${name} is an empty file.`);
  if (file.size > server.max_picture_bytes) {
    throw new BadPicture(`${name} is ${bytes(file.size)}; the limit is ${bytes(server.max_picture_bytes)}. Choose a smaller file.`);
  }
  const format = formatOf(new Uint8Array(await file.slice(0, 16).arrayBuffer()));
  if (!format) throw new BadPicture(`${name} is not a supported picture. Choose a ${FORMATS} file.`);
  let [width, height] = [0, 0];
  try {
    const bitmap = await createImageBitmap(file);
    [width, height] = [bitmap.width, bitmap.height];
    bitmap.close();
  } catch {
    if (!NOT_EVERYWHERE.has(format)) throw new BadPicture(`${name} is damaged and cannot be read. Choose another file.`);
  }
  checkSides(name, format, width, height);
  return { file, name: file.name, width, height, url: width ? URL.createObjectURL(file) : "" };
}

function checkSides(name, format, width, height) {
  if (!width) return;
  const size = `${name} has ${width} × ${height} pixels`;
  if (format !== "jpeg" && width * height > server.max_picture_pixels) { // the server reads a larger JPEG at a reduced scale
    throw new BadPicture(`${size}; the limit is ${Math.floor(server.max_picture_pixels / 1e5) / 10} million. Choose a smaller picture.`);
  }
  if (Math.min(width, height) < server.min_side) {
    throw new BadPicture(`${size}; each side must have at least ${server.min_side} pixels. Choose a larger picture.`);
  }
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
