// Layers: what is painted over a picture, as a small map of labels, one for each cell; 0 is unpainted.

const LONGER_SIDE = 384;

/** The longer side of a file; browsers limit the size of a canvas. */
const MAX_FILE_SIDE = 4096;

/** Create an empty layer for a picture. */
export function newLayer({ width, height }) {
  const scale = Math.min(1, LONGER_SIDE / Math.max(width, height));
  const [columns, rows] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  return { columns, rows, cells: new Uint8Array(columns * rows) };
}

/** Copy a layer; undefined stays undefined. */
export const copyLayer = (layer) => layer && { ...layer, cells: layer.cells.slice() };

/** Whether anything is painted. */
export const isPainted = ({ cells }) => cells.some(Boolean);

/** Paint a disc. */
export function paintDisc({ columns, rows, cells }, x, y, radius, label) {
  const [top, bottom] = [Math.max(0, Math.floor(y - radius)), Math.min(rows - 1, Math.ceil(y + radius))];
  for (let row = top; row <= bottom; row += 1) {
    const half = Math.sqrt(radius ** 2 - (row + 0.5 - y) ** 2);
    if (Number.isNaN(half)) continue;
    const [from, to] = [Math.max(0, Math.round(x - half)), Math.min(columns, Math.round(x + half))];
    if (to > from) cells.fill(label, row * columns + from, row * columns + to);
  }
}

/** Paint a line without gaps. */
export function paintLine(layer, from, to, radius, label) {
  const steps = Math.max(1, Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / Math.max(1, radius / 3)));
  for (let step = 0; step <= steps; step += 1) {
    const part = step / steps;
    paintDisc(layer, from.x + (to.x - from.x) * part, from.y + (to.y - from.y) * part, radius, label);
  }
}

/** Draw a layer in colours of its labels, with the opacity of unpainted and of painted cells. */
export function pixels({ columns, rows, cells }, labels, [unpainted, painted] = [255, 255], colorOf = ({ color }) => color) {
  const image = new ImageData(columns, rows);
  cells.forEach((label, cell) => image.data.set([...colorOf(labels[label]), label ? painted : unpainted], cell * 4));
  return image;
}

/** Read the cells of a layer from a picture file. `labelsOf` turns its grey levels, 0 to 255, into labels, or throws. */
export async function readLayer(file, { columns, rows }, labelsOf) {
  const bitmap = await createImageBitmap(file, { resizeWidth: columns, resizeHeight: rows, resizeQuality: "pixelated" });
  const context = new OffscreenCanvas(columns, rows).getContext("2d");
  context.drawImage(bitmap, 0, 0, columns, rows);
  bitmap.close();
  const { data } = context.getImageData(0, 0, columns, rows);
  return labelsOf(Uint8Array.from({ length: columns * rows }, (_, cell) => Math.round(0.299 * data[cell * 4] + 0.587 * data[cell * 4 + 1] + 0.114 * data[cell * 4 + 2])));
}

/** Create a PNG file of a layer, enlarged to the size of its picture, or less for a very large one. Its name ends with `suffix`; `smooth` gives it soft edges. */
export async function layerFile(layer, labels, { width, height, name }, { suffix, smooth }) {
  const small = new OffscreenCanvas(layer.columns, layer.rows);
  small.getContext("2d").putImageData(pixels(layer, labels), 0, 0);
  const scale = Math.min(1, MAX_FILE_SIDE / Math.max(width, height));
  const large = new OffscreenCanvas(Math.round(width * scale), Math.round(height * scale));
  const context = large.getContext("2d");
  context.imageSmoothingEnabled = smooth;
  context.drawImage(small, 0, 0, large.width, large.height);
  const blob = await large.convertToBlob({ type: "image/png" });
  return new File([blob], `${name.replace(/\.[^.]*$/, "")}-${suffix}.png`, { type: "image/png" });
}
