// How the settings are arranged, and the plain words for their values.

/** The groups of the drawer. A field of the schema that no group names is in the last one. */
export const GROUPS = [
  { title: "Brushwork", sentence: "Which features of the painting are transferred, and how smooth the result is.",
    fields: ["style_layers", "style_layer_weights", "style_statistics", "tv_weight"] },
  { title: "Likeness", sentence: "What keeps the result close to the photograph. Usually, the strength sets it.",
    fields: ["content_weight", "style_weight", "content_layers"] },
  { title: "Start", sentence: "The picture that the painting begins with, and its sizes on the way.",
    fields: ["init", "init_image", "seed", "pyramid"] },
  { title: "Calculation", sentence: "How the computer searches for the result, and how long.",
    fields: ["optimizer", "learning_rate", "network", "pooling", "padding", "precision", "max_seconds"] },
  { title: "File", sentence: "What you download. The page can also convert the finished picture.",
    fields: ["format", "quality", "metadata"] },
  { title: "For programs", sentence: "Messages to another server, and the order of your jobs. They have no effect on the picture.",
    fields: ["webhook_url", "webhook_events", "webhook_secret", "priority"] },
];

/** What the picture of a field shows, from left to right. The pictures are cut from the figures of docs/algorithm.md. */
export const FIGURES = {
  style_layers: "small, medium, large features",
  style_layer_weights: "more small features, all equal, more large features",
  tv_weight: "0, 30, 300, 3000",
  content_weight: "0, 0.3, 3, 30",
  style_weight: "1, 5, 20, 100, 1000",
  content_layers: "conv2_2, conv4_2, conv5_1",
  init: "the photograph, the painting, noise",
  seed: "0, 1, 2",
  pyramid: "one size, from 128 pixels, from 64 pixels",
  optimizer: "L-BFGS, Adam",
  learning_rate: "0.005, 0.02, 0.1",
  pooling: "maximum, average",
  padding: "zeros, repeated edge",
  precision: "32-bit, 16-bit, 8-bit",
};

/** The values of fields, in words. A value without words is shown as it is. */
export const VALUES = {
  optimizer: { lbfgs: "L-BFGS: few large steps", adam: "Adam: many small steps" },
  init: { content: "The photograph", style: "The painting", noise: "Noise", image: "A picture of yours" },
  pooling: { max: "Maximum", average: "Average: softer" },
  padding: { zero: "Zeros, as in the paper", replicate: "Repeated edge" },
  network: { "vgg19-normalized": "VGG-19 of the paper", "vgg19-torchvision": "VGG-19 of torchvision" },
  precision: { auto: "Automatic", float32: "32-bit: exact", bfloat16: "16-bit: fast", int8: "8-bit: fastest" },
  style_statistics: { covariance: "Means and covariances", gram: "Gram matrices, as in the paper" },
  format: { png: "PNG: exact", jpeg: "JPEG: small", webp: "WebP: smaller", tiff: "TIFF: 16-bit" },
};

/** The names of the two ends of the layers, which are chips in order. */
export const LAYER_ENDS = ["Fine features", "Large shapes"];

/** Fields whose values are chosen by pictures: the label and a sentence for each value. */
export const CHOICES = {
  preset: {
    fast: ["Fast", "For a first look"],
    balanced: ["Balanced", "For most pictures"],
    fine: ["Fine", "More steps, for prints"],
    classic: ["Classic", "One scale, Adam and 300 steps"],
    gatys2015: ["Paper", "The settings of Gatys et al., 2015"],
  },
  color: {
    style: ["Painting’s", "The result takes the colours of the painting"],
    match: ["Adapted", "The painting first takes the colours of the photograph"],
    content: ["Photo’s", "The photograph keeps its colours, and takes only the texture"],
  },
};
