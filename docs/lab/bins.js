// The ab plane cut into Q bins, as colorlab/bins.py with its rule "nearest": a centre of the grid is kept if it is
// the nearest one to some sRGB colour. Q is counted here and looked up nowhere.

import { decoded, labOfLight } from "./lab.js";

const SIDE = 512; // samples along an edge of the RGB cube
const MIDDLE = 32; // cells from grey to the border of the table

let gamut = null; // the ab of the six faces of the cube: a line parallel to L that meets the gamut meets its surface

export function bins(gridSize) {
  gamut ??= facesOfTheCube();
  const kept = new Uint8Array((2 * MIDDLE + 1) ** 2);
  for (let i = 0; i < gamut.length; i += 2) {
    kept[cell(gamut[i], gamut[i + 1], gridSize)] = 1;
  }
  const centers = []; // [a, b] each, sorted by a, then b
  const bin = new Int16Array(kept.length).fill(-1);
  kept.forEach((is, at) => {
    if (!is) return;
    const row = Math.floor(at / (2 * MIDDLE + 1)), column = at % (2 * MIDDLE + 1);
    bin[at] = centers.length;
    centers.push([(row - MIDDLE) * gridSize, (column - MIDDLE) * gridSize]);
  });
  return { gridSize, centers, bin };
}

// The nearest bin of a colour.
export function nearest({ gridSize, centers, bin }, a, b) {
  const found = bin[cell(a, b, gridSize)];
  if (found >= 0) return found;
  let best = 0, least = Infinity;
  centers.forEach(([x, y], q) => {
    const distance = (a - x) ** 2 + (b - y) ** 2;
    if (distance < least) [best, least] = [q, distance];
  });
  return best;
}

// A picture whose every pixel has the colour of its bin: planes of a and b, how far they moved, the bins used.
export function quantized(table, a, b) {
  const through = { a: new Float32Array(a.length), b: new Float32Array(a.length) };
  const used = new Uint8Array(table.centers.length);
  let moved = 0;
  for (let i = 0; i < a.length; i++) {
    const q = nearest(table, a[i], b[i]);
    used[q] = 1;
    [through.a[i], through.b[i]] = table.centers[q];
    moved += Math.hypot(a[i] - through.a[i], b[i] - through.b[i]);
  }
  return { ...through, used, moved: moved / a.length };
}

function cell(a, b, gridSize) {
  const row = Math.round(Math.fround(a / gridSize)), column = Math.round(Math.fround(b / gridSize));
  return (row + MIDDLE) * (2 * MIDDLE + 1) + column + MIDDLE;
}

function facesOfTheCube() {
  const light = Float64Array.from({ length: SIDE }, (_, i) => decoded(i / (SIDE - 1)));
  const ab = new Float32Array(6 * SIDE * SIDE * 2);
  const rgb = [0, 0, 0];
  let at = 0;
  for (let channel = 0; channel < 3; channel++) {
    for (const value of [0, 1]) {
      rgb[channel] = value;
      for (let u = 0; u < SIDE; u++) {
        for (let v = 0; v < SIDE; v++) {
          rgb[(channel + 1) % 3] = light[u];
          rgb[(channel + 2) % 3] = light[v];
          const lab = labOfLight(rgb[0], rgb[1], rgb[2]);
          ab[at++] = lab[1];
          ab[at++] = lab[2];
        }
      }
    }
  }
  return ab;
}
