// The settings of the server, which are part of the page.

/** `max_size`, `max_picture_bytes`, `max_picture_pixels`, `min_side`, `presets`, `style_statistics`, `learning_rates`, `not_displayable`, `films`. */
export const server = JSON.parse(document.querySelector('meta[name="easel"]').content);

/** The URL of the static files, with a trailing slash. */
export const ASSETS = new URL("../..", import.meta.url);
