// Requests to the API, with the API key if the server requires one.

import { askKey, currentKey } from "./key.js";

/** An error response: `status`, `code`, and `errors` for the invalid fields. */
export class Problem extends Error {
  constructor(status, document, retryAfter) {
    super(document.detail ?? document.title ?? explain(status));
    this.status = status;
    this.code = document.code ?? "";
    this.errors = document.errors ?? [];
    this.retryAfter = retryAfter;
  }
}

/** Explain an error page that is not from Easel but from a proxy in front of it. */
function explain(status) {
  if (status === 413) return "A proxy in front of the server refuses uploads of this size (413). Use smaller pictures.";
  if ([502, 503, 504].includes(status)) return `The server does not respond to the proxy in front of it (${status}). Try again.`;
  return `The server responded with status ${status}.`;
}

/** The server could not be reached. */
class Unreachable extends Error {
  constructor() {
    super("Cannot reach the server. Check your connection and try again.");
  }
}

/** The URL of a path of the API below the page. A proxy's prefix may precede both. */
export const address = (path) => {
  const page = new URL(document.baseURI.split("#")[0]);
  const prefix = page.pathname.replace(/[^/]*$/, "");
  return new URL(path.startsWith(prefix) ? path : prefix + path.replace(/^\//, ""), page).href;
};

const authorised = (headers) => (currentKey() ? { ...headers, Authorization: `Bearer ${currentKey()}` } : headers);

/** A new random key for `Idempotency-Key`. */
export const newKey = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(16).padStart(8, "0")).join("");

const parsed = (text) => {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
};

async function problemOf(response) {
  const document = parsed(await response.text());
  return new Problem(response.status, document, Number(response.headers.get("Retry-After")) || null);
}

/** Fetch a path, and ask for a key on a 401. Throws Problem or Unreachable. */
export async function call(path, options = {}) {
  for (;;) {
    const used = currentKey();
    let response;
    try {
      response = await fetch(address(path), { ...options, headers: authorised(options.headers ?? {}) });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Unreachable();
    }
    if (response.ok || response.status === 304) return response;
    const problem = await problemOf(response);
    if (response.status !== 401 || !(await askKey(used))) throw problem;
  }
}

export const getJson = async (path, options) => (await call(path, options)).json();

export const getBlob = async (path, options) => (await call(path, options)).blob();

/** Cancel a job that nobody waits for. It may have ended already. */
export const abandon = (id) => call(`jobs/${id}/cancel`, { method: "POST" }).catch((error) => console.info("not canceled:", error.message));

/** Post a form. `onProgress` gets the sent fraction, from 0 to 1, which fetch cannot report. */
export async function postForm(path, form, onProgress, headers = {}) {
  for (;;) {
    const used = currentKey();
    const request = await send(path, form, onProgress, authorised(headers));
    const document = parsed(request.responseText);
    if (request.status < 300 && document.id) return document;
    const problem = new Problem(request.status, document, Number(request.getResponseHeader("Retry-After")) || null);
    if (request.status !== 401 || !(await askKey(used))) throw problem;
  }
}

function send(path, form, onProgress, headers) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address(path));
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    });
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", () => reject(new Unreachable()));
    request.send(form);
  });
}
