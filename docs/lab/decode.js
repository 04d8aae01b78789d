// From a network's answers to colours, as colorlab's objectives, regions, hints and edges do it.

import { around, averaged, enlarged, plane } from "./planes.js";

export const AB_SCALE = 110; // a network answers numbers near 1
export const ANSWER_EVERY = 4; // pixels between two answers
const RADIUS = 4, EDGE = 1e-3, SHARE = 0.3; // regions.py
const FAINT = 2e-3; // a bin that is nowhere likelier is not shared: nobody would see it
const NEGLIGIBLE = 1e-7; // of the likeliest bin's weight
const STEPS = 4096; // of a table between 0 and the likeliest
const REACH = 0.15, LIKENESS = 8, PULL = 0.3; // hints.heed
const EDGE_NOISE = 256; // edges.py

// Logits (Q planes) -> likelihoods, 1 for the likeliest bin of each place: what λ and T work on, computed once.
export function likelihoods({ data, channels, width, height }) {
  const places = width * height, result = new Float32Array(data.length);
  for (let i = 0; i < places; i++) {
    let most = -Infinity;
    for (let q = 0; q < channels; q++) most = Math.max(most, data[q * places + i]);
    for (let q = 0; q < channels; q++) result[q * places + i] = Math.exp(data[q * places + i] - most);
  }
  return { data: result, channels, width, height };
}

// What every bin gains when λ moves from the one it was trained with: w' / w, with w = 1 / ((1-λ) prior + λ/Q).
export function reweighting(prior, trained, wanted) {
  const total = prior.reduce((sum, p) => sum + p, 0), Q = prior.length;
  const mixed = (mix) => prior.map((p) => ((1 - mix) * p) / total + mix / Q);
  const now = mixed(wanted);
  return mixed(trained).map((value, q) => value / now[q]);
}

// Likelihoods times factors -> probabilities that sum to 1 at every place; written into `result`.
export function probabilities({ data, channels, width, height }, factors, result = new Float32Array(data.length)) {
  const places = width * height;
  for (let q = 0, at = 0; q < channels; q++, at += places) {
    for (let i = 0; i < places; i++) result[at + i] = data[at + i] * factors[q];
  }
  return normalized({ data: result, channels, width, height });
}

// Distributions averaged within regions of similar lightness, in place: a guided filter with L as guide.
export function shared(all, L) {
  const share = filter(averaged(L, ANSWER_EVERY)), places = all.width * all.height;
  for (let at = 0; at < all.data.length; at += places) {
    const bin = all.data.subarray(at, at + places);
    if (reaches(bin, FAINT)) share(bin);
  }
  return normalized(all);
}

function reaches(values, limit) {
  for (let i = 0; i < values.length; i++) if (values[i] > limit) return true;
  return false;
}

// A function that shares the numbers of one bin along L, in place.
function filter({ width, height, data: L }) {
  const places = width * height, guide = L.map((value) => value / 100);
  const [meanGuide, closeness, product, means, slopes, rests] = Array.from({ length: 6 }, () => new Float32Array(places));
  const mean = (one, other, into, intoOther) => around(one, other, width, height, RADIUS, into, intoOther);
  mean(guide, guide.map((value) => value * value), meanGuide, closeness);
  for (let i = 0; i < places; i++) closeness[i] = 1 / (closeness[i] - meanGuide[i] ** 2 + EDGE);
  return (bin) => {
    for (let i = 0; i < places; i++) product[i] = guide[i] * bin[i];
    mean(bin, product, means, slopes);
    for (let i = 0; i < places; i++) {
      slopes[i] = (slopes[i] - meanGuide[i] * means[i]) * closeness[i];
      means[i] -= slopes[i] * meanGuide[i]; // the rest of the line
    }
    mean(slopes, means, product, rests);
    for (let i = 0; i < places; i++) bin[i] += SHARE * (Math.max(0, product[i] * guide[i] + rests[i]) - bin[i]);
  };
}

// Divided by their sums, so that they sum to 1 at every place; in place.
function normalized(all) {
  const { data, channels, width, height } = all, places = width * height, sums = new Float64Array(places);
  for (let q = 0, at = 0; q < channels; q++, at += places) for (let i = 0; i < places; i++) sums[i] += data[at + i];
  const shares = sums.map((sum) => 1 / sum);
  for (let q = 0, at = 0; q < channels; q++, at += places) for (let i = 0; i < places; i++) data[at + i] *= shares[i];
  return all;
}

// Probabilities -> planes of a and b by the annealed mean.
export function decided({ data, channels, width, height }, centers, temperature) {
  const places = width * height, power = 1 / temperature;
  const a = plane(width, height), b = plane(width, height);
  const most = new Float32Array(places), total = new Float64Array(places);
  for (let q = 0, at = 0; q < channels; q++, at += places) {
    for (let i = 0; i < places; i++) if (data[at + i] > most[i]) most[i] = data[at + i];
  }
  // Sharpening by a table: a power for each of a million likelihoods would take longer than all else.
  const sharpened = Float64Array.from({ length: STEPS + 2 }, (_, i) => (i / STEPS) ** power);
  const least = most.map((value) => value * NEGLIGIBLE ** temperature); // its power is negligible beside that of the most
  const scale = most.map((value) => STEPS / value);
  for (let q = 0, at = 0; q < channels; q++, at += places) {
    const [centerA, centerB] = centers[q];
    for (let i = 0; i < places; i++) {
      if (data[at + i] < least[i]) continue;
      const place = data[at + i] * scale[i], step = place | 0;
      const weight = sharpened[step] + (place - step) * (sharpened[step + 1] - sharpened[step]);
      total[i] += weight;
      a.data[i] += weight * centerA;
      b.data[i] += weight * centerB;
    }
  }
  for (let i = 0; i < places; i++) {
    a.data[i] /= total[i];
    b.data[i] /= total[i];
  }
  return { a, b };
}

// A regression's two answers -> planes of a and b.
export function regressed({ data, width, height }) {
  const places = width * height;
  const [a, b] = [0, places].map((at) => plane(width, height, data.slice(at, at + places).map((v) => v * AB_SCALE)));
  return { a, b };
}

// Colours at the network's answers -> at the size of what it was shown.
export function toSize({ a, b }, { width, height }) {
  return { a: enlarged(a, width, height), b: enlarged(b, width, height) };
}

// What a network's colours still lack at the hints, spread around them and added. `hints`: planes a, b (/ 110), mask.
export function heeded({ a, b }, hints, L) {
  const { width, height } = L, shorter = REACH * Math.min(width, height);
  const places = [...hints.mask.data.keys()].filter((i) => hints.mask.data[i] > 0);
  const lacks = places.map((i) => [
    AB_SCALE * hints.a.data[i] - a.data[i], AB_SCALE * hints.b.data[i] - b.data[i], i % width, Math.floor(i / width),
  ]);
  const result = { a: plane(width, height, a.data.slice()), b: plane(width, height, b.data.slice()) };
  if (!places.length) return result;
  for (let i = 0; i < L.data.length; i++) {
    const x = i % width, y = Math.floor(i / width);
    let total = PULL, sumA = 0, sumB = 0;
    lacks.forEach(([lackA, lackB, u, v], k) => {
      const distance = Math.hypot(x - u, y - v) / shorter + Math.abs(L.data[i] - L.data[places[k]]) / LIKENESS;
      const weight = Math.exp(-distance);
      total += weight;
      sumA += weight * lackA;
      sumB += weight * lackB;
    });
    result.a.data[i] += sumA / total;
    result.b.data[i] += sumB / total;
  }
  return result;
}

// What colours are laid along: a lightness, and its small copy with its blurred forms.
export function ground(small, L) {
  const same = small.width === L.width && small.height === L.height;
  return { small, L, same, mean: blurred(small), square: blurred(times(small, small)), smooth: enlarged(small, L.width, L.height) };
}

// Colours at the size of the small lightness -> at that of the whole one, changing where lightness does.
export function alongEdges(ab, { small, L, same, mean, square, smooth }) {
  if (same) return ab;
  const laid = (color) => {
    const middle = blurred(color), product = blurred(times(small, color)), slope = plane(small.width, small.height);
    for (let i = 0; i < slope.data.length; i++) {
      slope.data[i] = (product.data[i] - mean.data[i] * middle.data[i]) /
        (square.data[i] - mean.data[i] ** 2 + EDGE_NOISE);
    }
    const result = enlarged(color, L.width, L.height), steep = enlarged(slope, L.width, L.height).data;
    for (let i = 0; i < steep.length; i++) result.data[i] += steep[i] * (L.data[i] - smooth.data[i]);
    return result;
  };
  return { a: laid(ab.a), b: laid(ab.b) };
}

function times(one, other) {
  const result = plane(one.width, one.height);
  for (let i = 0; i < result.data.length; i++) result.data[i] = one.data[i] * other.data[i];
  return result;
}

// The mean over 3×3 pixels, the border repeated.
function blurred({ width, height, data }) {
  const result = plane(width, height);
  for (let y = 0; y < height; y++) {
    const above = Math.max(0, y - 1) * width, row = y * width, below = Math.min(height - 1, y + 1) * width;
    for (let x = 0; x < width; x++) {
      const left = x ? x - 1 : 0, right = x < width - 1 ? x + 1 : x;
      result.data[row + x] = (data[above + left] + data[above + x] + data[above + right] + data[row + left] +
        data[row + x] + data[row + right] + data[below + left] + data[below + x] + data[below + right]) / 9;
    }
  }
  return result;
}
