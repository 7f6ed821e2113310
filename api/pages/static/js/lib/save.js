// Saving files on the user's computer.

/** Save a blob as a file. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  saveFrom(url, name);
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Save what a URL of this site returns, which the browser need not hold in memory. */
export function saveFrom(url, name) {
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
}
