// The download of the result, and its conversion to other file formats in the browser.

import { address, getBlob, getJson } from "../lib/api.js";
import { h, newId } from "../lib/dom.js";
import { save, saveFrom } from "../lib/save.js";

const TYPES = { png: "image/png", jpeg: "image/jpeg", webp: "image/webp", tiff: "image/tiff" };

const FORMATS = Object.keys(TYPES);

/** The size of a picture. */
export async function sizeOf(picture) {
  const bitmap = await createImageBitmap(picture);
  const { width, height } = bitmap;
  bitmap.close();
  return { width, height };
}

/**
 * The download of a result in its own format, or converted to another, unless the format is `fixed`: a conversion takes
 * much memory. `button(text, action, look)` makes a button that reports errors.
 */
export function downloadControl({ id: job, params: { format: own } }, fixed, button) {
  const id = newId("format");
  const formats = fixed ? [own] : [own, ...FORMATS.filter((format) => format !== own)];
  const select = h("select", { id, "aria-label": "File format" }, formats.map((format) => h("option", { value: format }, format === "jpeg" ? "JPEG" : format === "webp" ? "WebP" : format.toUpperCase())));
  const download = button("Download", async () => {
    const name = `easel-${job.slice(-8)}.${select.value}`;
    if (select.value === own) { // the browser writes it to the disk while it arrives
      const { result } = await getJson(`jobs/${job}/links`);
      saveFrom(address(result), name);
      return;
    }
    const blob = await convert(await getBlob(`jobs/${job}/result`), select.value);
    if (!blob) throw new Error(`This browser cannot write ${select.value}. Choose another format, or create the picture again with this output format.`);
    save(blob, name);
  }, "button primary");
  return h("div", { class: "download" }, download, select);
}

/** Convert a blob to a format. Resolves with null if this browser cannot write the format. */
async function convert(blob, format) {
  const bitmap = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  if (format === "jpeg") { // JPEG has no transparency
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
  }
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  if (format === "tiff") return tiff(context.getImageData(0, 0, canvas.width, canvas.height));
  const converted = await canvas.convertToBlob({ type: TYPES[format], quality: 0.92 });
  return converted.type === TYPES[format] ? converted : null;
}

/** Encode a baseline TIFF: one uncompressed strip, RGBA with 8 bits a channel. */
function tiff({ width, height, data }) {
  const [short, long] = [3, 4];
  const pixelsAt = 8;
  const directoryAt = pixelsAt + data.length;
  const tags = [
    [256, long, 1, width], [257, long, 1, height], [258, short, 4, 0], [259, short, 1, 1], [262, short, 1, 2],
    [273, long, 1, pixelsAt], [277, short, 1, 4], [278, long, 1, height], [279, long, 1, data.length], [338, short, 1, 2],
  ];
  const bitsAt = directoryAt + 2 + tags.length * 12 + 4;
  const file = new DataView(new ArrayBuffer(bitsAt + 8));
  file.setUint32(0, 0x49492a00); // "II", 42
  file.setUint32(4, directoryAt, true);
  new Uint8Array(file.buffer).set(data, pixelsAt);
  file.setUint16(directoryAt, tags.length, true);
  tags.forEach(([tag, type, count, value], index) => {
    const at = directoryAt + 2 + index * 12;
    file.setUint16(at, tag, true);
    file.setUint16(at + 2, type, true);
    file.setUint32(at + 4, count, true);
    if (tag === 258) file.setUint32(at + 8, bitsAt, true);
    else if (type === short) file.setUint16(at + 8, value, true);
    else file.setUint32(at + 8, value, true);
  });
  for (let channel = 0; channel < 4; channel += 1) file.setUint16(bitsAt + channel * 2, 8, true);
  return new Blob([file.buffer], { type: TYPES.tiff });
}
