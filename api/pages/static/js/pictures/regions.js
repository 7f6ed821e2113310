// Regions on the pictures: each region of the photograph takes its style from the same region of the paintings.
//
// A layer is a small map of labels, one for each cell; 0 is the background. The uploaded masks are these maps,
// enlarged to the size of their pictures without interpolation.

export const LABELS = [
  { name: "Background", color: [0, 0, 0] },
  { name: "Region 1", color: [230, 97, 60] },
  { name: "Region 2", color: [52, 120, 246] },
  { name: "Region 3", color: [34, 160, 107] },
  { name: "Region 4", color: [214, 170, 30] },
];

const LONGER_SIDE = 384;

/** Create an empty layer for a picture. */
export function newLayer({ width, height }) {
  const scale = Math.min(1, LONGER_SIDE / Math.max(width, height));
  const [columns, rows] = [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
  return { columns, rows, cells: new Uint8Array(columns * rows) };
}

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

const labelsIn = ({ cells }) => new Set(cells);

/** Whether any picture has a region. */
export const isPainted = ({ content, styles }) => [content, ...styles].some(({ cells }) => cells.some(Boolean));

/** Return what is wrong with the regions, or "". Each region must be on the photograph and on a painting. */
export function regionProblem({ content, styles }) {
  const contentLabels = labelsIn(content);
  const styleLabels = new Set(styles.flatMap((layer) => [...labelsIn(layer)]));
  const name = (labels) => [...labels].map((label) => LABELS[label].name.toLowerCase()).join(", ");
  const missing = [...contentLabels].filter((label) => !styleLabels.has(label));
  if (missing.length) return `No painting has ${name(missing)}. Paint it on a painting too.`;
  const extra = [...styleLabels].filter((label) => !contentLabels.has(label));
  if (extra.length) return `The photograph does not have ${name(extra)}. Paint it on the photograph too.`;
  return "";
}

/** Draw the labels as pixels, with the opacity of the background and of the regions. */
export function pixels({ columns, rows, cells }, [background, region] = [255, 255]) {
  const image = new ImageData(columns, rows);
  cells.forEach((label, cell) => image.data.set([...LABELS[label].color, label ? region : background], cell * 4));
  return image;
}

/** Create the mask files, `[field, File]`, for the photograph and each painting. */
export async function maskFiles({ content, styles }, picture, others) {
  const files = [["content_mask", await maskFile(content, picture)]];
  for (const [index, layer] of styles.entries()) files.push(["style_mask", await maskFile(layer, others[index].picture)]);
  return files;
}

async function maskFile(layer, { width, height, name }) {
  const small = new OffscreenCanvas(layer.columns, layer.rows);
  small.getContext("2d").putImageData(pixels(layer), 0, 0);
  const large = new OffscreenCanvas(width, height);
  const context = large.getContext("2d");
  context.imageSmoothingEnabled = false;
  context.drawImage(small, 0, 0, width, height);
  const blob = await large.convertToBlob({ type: "image/png" });
  return new File([blob], `${name.replace(/\.[^.]*$/, "")}-regions.png`, { type: "image/png" });
}
