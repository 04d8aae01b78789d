// The networks, in a thread of their own, so that the page answers while they think.
// Messages in: { id, load: [names], engine } or { id, ask: name, grey, hints }; out: { id, … } or { loaded: bytes }.

import { download } from "./download.js";

const SEEN = ["stride4", "stride8", "stride16", "stride32", "pooled"];

const sessions = {};
let about = null, ort = null;
let last = { grey: null, seen: null }; // the path down sees a picture once, however many networks read it

// `engine`: "wasm" or "webgpu"; the first load decides.
async function load(names, engine) {
  about ??= await (await fetch("networks/networks.json")).json();
  const told = (bytes) => postMessage({ loaded: bytes });
  if (!ort) {
    const { file, sha256 } = about[engine];
    const wasmBinary = (await download(`vendor/${file}`, sha256, told)).buffer;
    ort = await import(`./vendor/ort.${engine}.bundle.min.mjs`);
    Object.assign(ort.env.wasm, { wasmBinary, numThreads: 1 }); // more threads would need headers that a plain host does not send
  }
  for (const name of ["trunk", ...names]) {
    if (sessions[name]) continue;
    const { file, sha256 } = about[name];
    const bytes = await download(`networks/${file}`, sha256, told);
    sessions[name] = await ort.InferenceSession.create(bytes, { executionProviders: [engine] });
  }
  return { about };
}

async function ask(name, grey, hints) {
  if (!last.grey || last.grey.width !== grey.width || last.grey.data.some((value, i) => value !== grey.data[i])) {
    const seen = await sessions.trunk.run({ grey: tensor(grey.data, 1, grey) });
    last = { grey, seen };
  }
  const inputs = Object.fromEntries(SEEN.map((seen) => [seen, last.seen[seen]]));
  if (hints) inputs.hints = tensor(hints, 3, grey);
  const { answers } = await sessions[name].run(inputs);
  const [, channels, height, width] = answers.dims;
  return { data: answers.data.slice(), channels, height, width };
}

function tensor(data, channels, { height, width }) {
  return new ort.Tensor("float32", data, [1, channels, height, width]);
}

onmessage = async ({ data: { id, load: names, engine, ask: name, grey, hints } }) => {
  try {
    postMessage({ id, result: names ? await load(names, engine) : await ask(name, grey, hints) });
  } catch (error) {
    postMessage({ id, error: error.message });
  }
};
