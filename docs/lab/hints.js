// Colour hints as channels for a network, as colorlab/hints.py.

import { AB_SCALE } from "./decode.js";
import { labOf } from "./lab.js";
import { plane } from "./planes.js";
import { evenRound } from "./resize.js";

const POINT_SIDE = 3; // pixels of the network's input that a hint covers

// [{ x, y, rgb }] in pixels of `picture` -> planes a, b (/ 110) and mask at the size of the small picture.
export function hintPlanes(hints, picture, { width, height }) {
  const planes = { a: plane(width, height), b: plane(width, height), mask: plane(width, height) };
  for (const { x, y, rgb } of hints) {
    const lab = labOf([...rgb, 255]);
    const left = first((x + 0.5) * (width / picture.width) - 0.5, width);
    const top = first((y + 0.5) * (height / picture.height) - 0.5, height);
    for (let v = top; v < Math.min(height, top + POINT_SIDE); v++) {
      for (let u = left; u < Math.min(width, left + POINT_SIDE); u++) {
        planes.a.data[v * width + u] = lab.a[0] / AB_SCALE;
        planes.b.data[v * width + u] = lab.b[0] / AB_SCALE;
        planes.mask.data[v * width + u] = 1;
      }
    }
  }
  return planes;
}

function first(place, size) {
  const side = Math.min(POINT_SIDE, size);
  return Math.min(Math.max(evenRound(place - (side - 1) / 2), 0), size - side);
}
