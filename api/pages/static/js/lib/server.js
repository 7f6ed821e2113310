// What the server said of itself when it sent the page.

/** `max_size`, `max_picture_bytes`, `max_picture_pixels`, `min_side`, `presets`, `learning_rates`. */
export const server = JSON.parse(document.querySelector('meta[name="easel"]').content);

/** Where the page's own files are, with a slash at the end. */
export const ASSETS = new URL("../..", import.meta.url);
