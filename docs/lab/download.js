// Files of this site, fetched with progress and kept by the browser, so that a second visit loads nothing.

const CACHE = "colorlab-networks";

// The bytes of a file; `sha256` is what it must have, `told` hears how many bytes came, as they come.
export async function download(url, sha256, told) {
  const kept = globalThis.caches && (await caches.open(CACHE)); // there is none on a page without https
  const key = `${url}?${sha256}`;
  const found = await kept?.match(key);
  const response = found ?? (await fetch(url));
  if (!response.ok) throw new Error(`${url} could not be loaded (${response.status}); reload the page`);
  const bytes = await read(response, told);
  if (globalThis.crypto?.subtle && (await checksum(bytes)) !== sha256) {
    await kept?.delete(key);
    throw new Error(`${url} arrived damaged; reload the page`);
  }
  if (!found) await kept?.put(key, new Response(bytes));
  return bytes;
}

async function read(response, told) {
  const parts = [], reader = response.body.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    told(part.value.length);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

async function checksum(bytes) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
