// The current settings as a curl command, a Python program or a JavaScript program.

import { address } from "../lib/api.js";
import { h, newId, toast } from "../lib/dom.js";
import { currentKey } from "../lib/key.js";
import { save } from "../lib/save.js";

const shell = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
const literal = JSON.stringify;

/** The code in each language, from the text fields, the files as `[field, name]`, the URL, and whether a key is needed. */
const LANGUAGES = {
  curl(texts, files, url, key) {
    const secret = key ? ' -H "Authorization: Bearer $EASEL_API_KEY"' : "";
    const lines = [
      ...files.map(([field, name]) => `-F ${shell(`${field}=@${name}`)}`),
      ...Object.entries(texts).map(([name, value]) => `-F ${shell(`${name}=${value}`)}`),
      shell(url),
    ];
    return [
      "# Post the pictures, wait until the job is done, and save the result.",
      "set -e",
      `job=$(curl -sS --fail-with-body${secret} \\\n  ${lines.join(" \\\n  ")})`,
      `job=${shell(url)}/$(echo "$job" | sed 's/.*"id":"\\([^"]*\\)".*/\\1/')`,
      "done=false",
      'while [ "$done" = false ]; do',
      `  done=$(curl -sS --fail-with-body${secret} "$job?wait=60" | sed 's/.*"done":\\([a-z]*\\).*/\\1/')`,
      "done",
      `curl -sS --fail-with-body${secret} -o painted.${texts.format ?? "png"} "$job/result"`,
      "",
    ].join("\n");
  },

  Python(texts, files, url, key) {
    const headers = key ? ['headers = {"Authorization": "Bearer " + os.environ["EASEL_API_KEY"]}'] : ["headers = {}"];
    return [
      ...(key ? ["import os"] : []), "import time", "", "import httpx", "",
      ...headers,
      "files = [", ...files.map(([field, name]) => `    (${literal(field)}, open(${literal(name)}, "rb")),`), "]",
      "settings = {", ...Object.entries(texts).map(([name, value]) => `    ${literal(name)}: ${literal(value)},`), "}",
      `with httpx.Client(base_url=${literal(url.replace(/jobs$/, ""))}, headers=headers, timeout=60) as easel:`,
      '    job = easel.post("/jobs", files=files, data=settings).raise_for_status().json()',
      '    while not job["done"]:',
      "        time.sleep(1)",
      '        job = easel.get("/jobs/" + job["id"]).raise_for_status().json()',
      '    result = easel.get("/jobs/" + job["id"] + "/result").raise_for_status()',
      'with open("painted." + job["params"]["format"], "wb") as picture:', "    picture.write(result.content)", "",
    ].join("\n");
  },

  JavaScript(texts, files, url, key) {
    return [
      "// Node 20 or later, in a file with the suffix .mjs",
      'import { openAsBlob } from "node:fs";', 'import { writeFile } from "node:fs/promises";', "",
      key ? "const headers = { Authorization: `Bearer ${process.env.EASEL_API_KEY}` };" : "const headers = {};",
      "const form = new FormData();",
      ...files.map(([field, name]) => `form.append(${literal(field)}, await openAsBlob(${literal(name)}), ${literal(name)});`),
      ...Object.entries(texts).map(([name, value]) => `form.append(${literal(name)}, ${literal(value)});`), "",
      "async function easel(path, options = {}) {",
      `  const response = await fetch(${literal(url.replace(/\/jobs$/, ""))} + path, { headers, ...options });`,
      "  if (!response.ok) throw new Error((await response.json()).detail);", "  return response;", "}", "",
      'let job = await (await easel("/jobs", { method: "POST", body: form })).json();',
      "while (!job.done) {", "  await new Promise((resolve) => setTimeout(resolve, 1000));", "  job = await (await easel(`/jobs/${job.id}`)).json();", "}",
      "const result = await easel(`/jobs/${job.id}/result`);",
      "await writeFile(`painted.${job.params.format}`, Buffer.from(await result.arrayBuffer()));", "",
    ].join("\n");
  },
};

/**
 * Open a dialog with the code in each language.
 *
 * `files` are the names of the pictures, and `painted` the files that were painted on the page. Both are by field.
 */
export function showCode(texts, pictures, painted) {
  const files = [...pictures, ...painted.map(([field, file]) => [field, file.name])];
  const [title, name] = [newId("code"), newId("language")];
  const code = h("pre", { tabIndex: 0, "aria-label": "Code" }, h("code", {}));
  const show = (language) => { code.firstChild.textContent = LANGUAGES[language](texts, files, address("jobs"), Boolean(currentKey())); };
  const radios = Object.keys(LANGUAGES).map((language, index) =>
    h("label", {}, h("input", { type: "radio", name, value: language, checked: !index, on: { change: () => show(language) } }), h("span", {}, language)));
  show("curl");
  const copy = h("button", { type: "button", class: "button primary", on: { click: async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      toast("The browser blocked copying. The code is selected: copy it with the keyboard.");
    }
  } } }, "Copy");
  const dialog = h("dialog", { class: "dialog code", "aria-labelledby": title, on: { close: () => dialog.remove() } },
    h("h2", { id: title }, "Code for these settings"),
    h("fieldset", { class: "choice" }, h("legend", { class: "visually-hidden" }, "Language"), h("div", { class: "segments" }, radios)), code,
    h("div", { class: "actions" }, painted.length > 0 && saveButton(painted), h("button", { type: "button", class: "button", on: { click: () => dialog.close() } }, "Close"), copy));
  document.body.append(dialog);
  dialog.showModal();
}

/** A button that saves the painted files, which the code reads. */
const saveButton = (painted) => h("button", { type: "button", class: "button", on: { click: () => painted.forEach(([, file]) => save(file, file.name)) } }, "Save painted maps");
