// Requests to the API, with the API key if the server requires one.

import { askKey, currentKey } from "./key.js";

/** An error response: `status`, `code`, and `errors` for the invalid fields. */
export class Problem extends Error {
  constructor(status, document, retryAfter) {
    super(document.detail ?? document.title ?? `The server responded with status ${status}.`);
    this.status = status;
    this.code = document.code ?? "";
    this.errors = document.errors ?? [];
    this.retryAfter = retryAfter;
  }
}

/** The server could not be reached. */
class Unreachable extends Error {
  constructor() {
    super("Cannot reach the server. Check your connection and try again.");
  }
}

/** The URL of a path of the API, which is relative to the page and so keeps a proxy's prefix. */
export const address = (path) => new URL(path.replace(/^\//, ""), document.baseURI.split("#")[0]).href;

const authorised = (headers) => (currentKey() ? { ...headers, Authorization: `Bearer ${currentKey()}` } : headers);

async function problemOf(response) {
  const document = await response.json().catch(() => ({}));
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

/** Post a form. `onProgress` gets the sent fraction, from 0 to 1, which fetch cannot report. */
export async function postForm(path, form, onProgress, headers = {}) {
  for (;;) {
    const used = currentKey();
    const request = await send(path, form, onProgress, authorised(headers));
    const document = JSON.parse(request.responseText || "{}");
    if (request.status < 300) return document;
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
