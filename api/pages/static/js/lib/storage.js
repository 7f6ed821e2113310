// What this browser stores (IndexedDB): the pictures of each job, and the form.

const MAX_JOBS = 40;
const VERSION = 2;
const FORM = "form"; // the key of the form in its store
let opening = null;

function database() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("easel", VERSION);
    request.onupgradeneeded = ({ oldVersion }) => {
      if (oldVersion < 1) request.result.createObjectStore("jobs", { keyPath: "id" });
      request.result.createObjectStore("form");
    };
    request.onsuccess = () => {
      request.result.onversionchange = () => request.result.close(); // a newer page is open elsewhere
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
  return opening;
}

async function run(store, mode, work) {
  try {
    const transaction = (await database()).transaction(store, mode);
    const request = work(transaction.objectStore(store));
    return await new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } catch (error) {
    // A private window may have no database, or the disk may be full. The page works without.
    console.info("not stored in this browser:", error?.message);
    return undefined;
  }
}

/** `{id, content, styles: [{file, weight}], regions, detail, thumbnail}`, or undefined. */
export const recall = (id) => run("jobs", "readonly", (jobs) => jobs.get(id));

export const forget = (id) => run("jobs", "readwrite", (jobs) => jobs.delete(id));

/** Add fields to a stored job, and remove the oldest jobs over the limit (ids sort by time). */
export async function remember(id, fields) {
  const stored = (await recall(id)) ?? { id };
  await run("jobs", "readwrite", (jobs) => jobs.put({ ...stored, ...fields }));
  const ids = (await run("jobs", "readonly", (jobs) => jobs.getAllKeys())) ?? [];
  for (const old of ids.sort().slice(0, -MAX_JOBS)) await forget(old);
}

/** The form as `keepForm` stored it, or undefined. */
export const recallForm = () => run("form", "readonly", (form) => form.get(FORM));

export const keepForm = (fields) => run("form", "readwrite", (form) => form.put(fields, FORM));
