// Four small pictures of the same photograph, to choose from: of four strengths, or of four paintings of the library.

import { abandon, newKey, postForm } from "../lib/api.js";
import { remember } from "../lib/storage.js";
import { readPicture, reduced } from "../pictures/files.js";
import { sampleFile, SAMPLES } from "../pictures/samples.js";
import { Draft } from "../form/draft.js";

const STRENGTHS = [0.2, 0.4, 0.6, 0.8];

/** The size of the small pictures, and the longer side of what is uploaded for them. */
const [SIZE, UPLOADED_SIDE] = [192, 512];

const THUMBNAIL_SIDE = 320;

/** Settings that only cost time in a small picture. */
const SLOW = ["steps", "optimizer", "learning_rate", "pyramid", "precision", "format", "max_seconds", "init"];

const copyOf = (draft) => {
  const copy = new Draft();
  copy.fields = draft.fields;
  copy.put({ ...draft.snapshot(), files: {} });
  return copy;
};

/** Drafts of four strengths. */
function strengths(draft) {
  return STRENGTHS.map((strength) => {
    const variant = copyOf(draft);
    variant.set("strength", strength);
    return variant;
  });
}

/** Drafts of four paintings of the library, others each time. */
async function paintings(draft) {
  const chosen = new Set(draft.styles.map(({ picture }) => picture.name));
  const others = SAMPLES.style.filter(({ name }) => !chosen.has(name));
  const picked = Array.from({ length: 4 }, () => others.splice(Math.floor(Math.random() * others.length), 1)[0]);
  return Promise.all(picked.map(async (sample) => {
    const variant = copyOf(draft);
    variant.setStyle(await readPicture(await sampleFile(sample)));
    return variant;
  }));
}

/** Post four small pictures, or none. `over` is "strengths" or "paintings". Resolves with the ids of the jobs. */
export async function tryFour(draft, over) {
  await draft.load();
  const variants = over === "strengths" ? strengths(draft) : await paintings(draft);
  const posts = await Promise.allSettled(variants.map((variant) => post(variant)));
  const failed = posts.find(({ status }) => status === "rejected");
  if (!failed) return posts.map(({ value }) => value);
  await Promise.all(posts.filter(({ value }) => value).map(({ value }) => abandon(value)));
  throw failed.reason;
}

/** Post the small picture of a draft, and store the draft itself, to be painted large. */
async function post(draft) {
  const small = copyOf(draft);
  for (const name of SLOW) delete small.explicit[name];
  small.setPreset("fast");
  small.explicit.size = SIZE;
  const form = await small.form();
  form.set("content", await reduced(draft.content, UPLOADED_SIDE), draft.content.name);
  form.delete("style");
  for (const { picture } of draft.styles) form.append("style", await reduced(picture, UPLOADED_SIDE), picture.name);
  const thumbnail = await reduced(draft.content, THUMBNAIL_SIDE);
  const job = await postForm("jobs", form, () => {}, { "Idempotency-Key": newKey() });
  const { preset, explicit } = draft.snapshot();
  if (explicit.init === "image") delete explicit.init; // the initial image is not stored
  await remember(job.id, {
    content: draft.content.file,
    styles: draft.styles.map(({ picture, weight }) => ({ file: picture.file, weight })),
    regions: draft.regions,
    detail: draft.detail,
    thumbnail,
    large: { preset, explicit },
  });
  return job.id;
}
