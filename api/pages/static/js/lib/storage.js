// The input pictures and the thumbnail of each job, stored in this browser (IndexedDB).

const MAX_JOBS = 40;
let opening = null;

function database() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("easel", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("jobs", { keyPath: "id" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

async function run(mode, work) {
  try {
    const transaction = (await database()).transaction("jobs", mode);
    const request = work(transaction.objectStore("jobs"));
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
export const recall = (id) => run("readonly", (jobs) => jobs.get(id));

export const forget = (id) => run("readwrite", (jobs) => jobs.delete(id));

/** Add fields to a stored job, and remove the oldest jobs over the limit (ids sort by time). */
export async function remember(id, fields) {
  const stored = (await recall(id)) ?? { id };
  await run("readwrite", (jobs) => jobs.put({ ...stored, ...fields }));
  const ids = (await run("readonly", (jobs) => jobs.getAllKeys())) ?? [];
  for (const old of ids.sort().slice(0, -MAX_JOBS)) await forget(old);
}
