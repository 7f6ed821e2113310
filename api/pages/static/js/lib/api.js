// Requests to the API, with the key where the server wants one.

import { askKey, currentKey } from "./key.js";

/** An answer that is an error: `status`, `code`, and for bad fields `errors`. */
export class Problem extends Error {
  constructor(status, document, retryAfter) {
    super(document.detail ?? document.title ?? `The server answered ${status}.`);
    this.status = status;
    this.code = document.code ?? "";
    this.errors = document.errors ?? [];
    this.retryAfter = retryAfter;
  }
}

/** The server could not be reached. */
export class Unreachable extends Error {
  constructor() {
    super("The server cannot be reached. Check the connection, and try again.");
  }
}

/** The API is where the page is, also behind a proxy's prefix. */
export const address = (path) => new URL(path.replace(/^\//, ""), document.baseURI.split("#")[0]).href;

const authorised = (headers) => (currentKey() ? { ...headers, Authorization: `Bearer ${currentKey()}` } : headers);

async function problemOf(response) {
  const document = await response.json().catch(() => ({}));
  return new Problem(response.status, document, Number(response.headers.get("Retry-After")) || null);
}

/** A response that is no error; asks for a key, once, where one is wanted. */
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
    if (response.status !== 401 || !(await askKey(problem, used))) throw problem;
  }
}

export const getJson = async (path, options) => (await call(path, options)).json();

export const getBlob = async (path, options) => (await call(path, options)).blob();

/** Post a form and tell how much of it is sent, 0 to 1, which fetch cannot. */
export async function postForm(path, form, onSent, headers = {}) {
  for (;;) {
    const used = currentKey();
    const request = await send(path, form, onSent, authorised(headers));
    const answer = JSON.parse(request.responseText || "{}");
    if (request.status < 300) return answer;
    const problem = new Problem(request.status, answer, Number(request.getResponseHeader("Retry-After")) || null);
    if (request.status !== 401 || !(await askKey(problem, used))) throw problem;
  }
}

function send(path, form, onSent, headers) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address(path));
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => {
      if (event.lengthComputable) onSent(event.loaded / event.total);
    });
    request.addEventListener("load", () => resolve(request));
    request.addEventListener("error", () => reject(new Unreachable()));
    request.send(form);
  });
}
