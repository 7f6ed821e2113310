// The detail map: where the photograph's detail is kept. It is one layer over the photograph.

import { layerFile } from "./layers.js";

/** The labels of the layer, in the grey levels of the map. Mid-grey changes nothing. The editor shows the tints. */
export const DETAIL = [
  { name: "As usual", color: [128, 128, 128] },
  { name: "Keep detail", color: [255, 255, 255], tint: [34, 170, 110] },
  { name: "Paint freely", color: [0, 0, 0], tint: [128, 60, 190] },
];

/** The labels of a grey picture: light keeps detail, dark is painted freely, mid-grey changes nothing. */
export const detailOf = (levels) => levels.map((level) => (level > 170 ? 1 : level < 85 ? 2 : 0));

/** Create the file of the map, `[field, File]`. */
export const detailFile = async (layer, picture) => ["detail_map", await layerFile(layer, DETAIL, picture, { suffix: "detail_map", smooth: true })];
