// The sample photographs and the library of paintings. samples/README.md has their licences.

import { ASSETS } from "../lib/server.js";

const OWN = "Drawn for Easel, CC0";

const photo = (name, title, by) => ({ file: `photos/${name}.jpg`, name: `${name}.jpg`, title, by });
const painting = (name, title) => ({ file: `styles/${name}.jpg`, name: `${name}.jpg`, title, by: OWN });

/** By field: the file, its name, its title, and who made it. */
export const SAMPLES = {
  content: [
    photo("cat", "Cat", "Stéfan van der Walt, CC0"),
    photo("coffee", "Coffee", "Rachel Michetti, CC0"),
    photo("astronaut", "Astronaut", "NASA, public domain"),
    photo("rocket", "Rocket", "SpaceX, public domain"),
  ],
  style: [
    painting("swirls", "Swirls"),
    painting("inkwash", "Ink wash"),
    painting("watercolour", "Watercolour"),
    painting("mosaic", "Mosaic"),
    painting("embers", "Embers"),
    painting("points", "Points"),
    painting("woodblock", "Woodblock"),
    painting("glass", "Stained glass"),
    painting("charcoal", "Charcoal"),
    painting("pond", "Pond"),
    painting("linocut", "Linocut"),
    painting("rings", "Rings"),
    painting("cutouts", "Cut-outs"),
    painting("weave", "Carpet"),
  ],
};

const all = [...SAMPLES.content, ...SAMPLES.style];

/** Who made a sample; undefined for a picture of the user, whatever its name. The file of a sample is dated 1970. */
export const creditOf = ({ name, lastModified }) => (lastModified === 0 ? all.find((sample) => sample.name === name)?.by : undefined);

/** What people call a picture: the title of a sample, or the name of a file without its extension. */
export const titleOf = ({ name, lastModified }) =>
  (lastModified === 0 && all.find((sample) => sample.name === name)?.title) || name.replace(/\.[^.]*$/, "");

/** Fetch a sample in full size. */
export async function sampleFile({ file, name }) {
  const response = await fetch(new URL(`samples/${file}`, ASSETS));
  if (!response.ok) throw new Error(`The server responded with status ${response.status}.`);
  return new File([await response.blob()], name, { type: "image/jpeg", lastModified: 0 });
}

export const sampleThumbnail = ({ file }) => new URL(`samples/small/${file.replace("/", "-").replace(/jpg$/, "webp")}`, ASSETS).href;
