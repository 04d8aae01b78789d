// What the page asks of the networks in the worker.

import { greyOf } from "./lab.js";
import { ANSWER_EVERY } from "./decode.js";
import { padded, plane } from "./planes.js";

const MULTIPLE = 32; // sides that the path down can halve five times

export class Networks {
  // `engine`: "wasm", or "webgpu" where there is a graphics card; `told` hears how many bytes came.
  constructor(told = () => {}, engine = "wasm") {
    this.engine = engine;
    this.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
    this.waiting = new Map();
    this.about = null;
    this.worker.onmessage = ({ data }) => {
      if (data.loaded) return told(data.loaded);
      const { resolve, reject } = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (data.error) reject(new Error(data.error));
      else resolve(data.result);
    };
    this.worker.onerror = () => this.waiting.forEach(({ reject }) => reject(new Error("the networks did not start")));
  }

  // Loads what is not loaded yet: any of "regression", "classification", "guided".
  async load(names) {
    ({ about: this.about } = await this.send({ load: names, engine: this.engine }));
  }

  // A network's answers to a small lightness, at every fourth pixel; hints as of `hintPlanes`.
  async answer(name, L, hints = null) {
    const grey = padded(plane(L.width, L.height, L.data.map(greyOf)), MULTIPLE);
    const told = hints && Float32Array.from([hints.a, hints.b, hints.mask].flatMap((p) => [...padded(p, MULTIPLE).data]));
    const answers = await this.send({ ask: name, grey, hints: told });
    return cropped(answers, Math.ceil(L.width / ANSWER_EVERY), Math.ceil(L.height / ANSWER_EVERY));
  }

  send(message) {
    const id = crypto.getRandomValues(new Uint32Array(1))[0];
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...message });
    });
  }
}

function cropped({ data, channels, width, height }, newWidth, newHeight) {
  const result = new Float32Array(channels * newWidth * newHeight);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < newHeight; y++) {
      const from = (c * height + y) * width;
      result.set(data.subarray(from, from + newWidth), (c * newHeight + y) * newWidth);
    }
  }
  return { data: result, channels, width: newWidth, height: newHeight };
}
