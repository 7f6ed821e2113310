// Regions on the pictures: each region of the photograph takes its style from the same region of the paintings.

import { isPainted, layerFile } from "./layers.js";

export const REGIONS = [
  { name: "Background", color: [0, 0, 0] },
  { name: "Region 1", color: [230, 97, 60] },
  { name: "Region 2", color: [52, 120, 246] },
  { name: "Region 3", color: [34, 160, 107] },
  { name: "Region 4", color: [214, 170, 30] },
];

/** Whether regions can be painted: there is a photograph and a painting, and this browser displays all of them. */
export const canHaveRegions = ({ content, styles }) => Boolean(content?.width && styles.length && styles.every(({ picture }) => picture.width));

const labelsIn = ({ cells }) => new Set(cells);

/** Whether any picture has a region. */
export const hasRegions = ({ content, styles }) => [content, ...styles].some(isPainted);

/** Return what is wrong with the regions, or "". Each region must be on the photograph and on a painting. */
export function regionProblem({ content, styles }) {
  const contentLabels = labelsIn(content);
  const styleLabels = new Set(styles.flatMap((layer) => [...labelsIn(layer)]));
  const name = (labels) => [...labels].map((label) => REGIONS[label].name.toLowerCase()).join(", ");
  const missing = [...contentLabels].filter((label) => !styleLabels.has(label));
  if (missing.length) return `No painting has ${name(missing)}. Paint it on a painting too.`;
  const extra = [...styleLabels].filter((label) => !contentLabels.has(label));
  if (extra.length) return `The photograph does not have ${name(extra)}. Paint it on the photograph too.`;
  return "";
}

/** The labels of a mask with one grey level for each region; the darkest is the background. Throws for too many. */
export function regionsOf(levels) {
  const counts = new Map();
  for (const level of levels) counts.set(level, (counts.get(level) ?? 0) + 1);
  const known = [...counts].filter(([, count]) => count > levels.length / 2000).map(([level]) => level).sort((a, b) => a - b);
  if (known.length > REGIONS.length) throw new Error(`it has ${known.length} grey levels. Expected at most ${REGIONS.length}, one for each region.`);
  const nearest = (level) => known.reduce((best, other, index) => (Math.abs(other - level) < Math.abs(known[best] - level) ? index : best), 0);
  return levels.map(nearest);
}

/** Create the mask files, `[field, File]`, for the photograph and each painting. Pictures of the same name have masks of different names. */
export async function maskFiles({ content, styles }, picture, others) {
  const file = (layer, of, suffix) => layerFile(layer, REGIONS, of, { suffix, smooth: false });
  const files = [["content_mask", await file(content, picture, "content_mask")]];
  for (const [index, layer] of styles.entries()) files.push(["style_mask", await file(layer, others[index].picture, `style_mask-${index + 1}`)]);
  return files;
}
