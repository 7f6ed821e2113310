// What this browser keeps of each job: the pictures it was made from, and a thumbnail.

const MOST_JOBS = 40;
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
    // A private window may have no database, or the disk be full: then nothing is remembered.
    console.info("not kept in this browser:", error?.message);
    return undefined;
  }
}

/** `{id, content, styles: [{file, weight}], regions, thumbnail}`, or undefined. */
export const recall = (id) => run("readonly", (jobs) => jobs.get(id));

export const forget = (id) => run("readwrite", (jobs) => jobs.delete(id));

/** Keep more of a job; ids sort by time, so the oldest go first. */
export async function remember(id, more) {
  const known = (await recall(id)) ?? { id };
  await run("readwrite", (jobs) => jobs.put({ ...known, ...more }));
  const ids = (await run("readonly", (jobs) => jobs.getAllKeys())) ?? [];
  for (const old of ids.sort().slice(0, -MOST_JOBS)) await forget(old);
}
