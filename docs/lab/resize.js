// Pictures made smaller as Pillow does it (Lanczos, whole numbers in between), so that a network sees the same pixels
// here and in Python.

const REACH = 3; // of the Lanczos kernel, in pixels of the smaller picture
const BITS = 22; // Pillow's fixed point

// { width, height, data: RGBA } with the shorter side of `side` pixels; a smaller picture stays as it is.
export function shrunk(image, side) {
  return Math.min(image.width, image.height) <= side ? image : sized(image, side);
}

// The same, and a smaller picture is enlarged.
export function sized(image, side) {
  const factor = side / Math.min(image.width, image.height);
  return resized(image, Math.max(1, evenRound(image.width * factor)), Math.max(1, evenRound(image.height * factor)));
}

export function resized(image, width, height) {
  return down(across(image, width), height);
}

// Python's round: a half goes to the even neighbour.
export function evenRound(x) {
  const whole = Math.round(x);
  return Math.abs(x % 1) === 0.5 && whole % 2 ? whole - 1 : whole;
}

function across({ width, height, data }, newWidth) {
  if (width === newWidth) return { width, height, data };
  const result = new Uint8ClampedArray(4 * newWidth * height);
  taps(width, newWidth).forEach(({ first, weights }, x) => {
    for (let y = 0; y < height; y++) mix(data, 4 * (y * width + first), 4, weights, result, 4 * (y * newWidth + x), 4);
  });
  return { width: newWidth, height, data: result };
}

function down({ width, height, data }, newHeight) {
  if (height === newHeight) return { width, height, data };
  const result = new Uint8ClampedArray(4 * width * newHeight);
  taps(height, newHeight).forEach(({ first, weights }, y) => {
    mix(data, 4 * width * first, 4 * width, weights, result, 4 * width * y, 4 * width);
  });
  return { width, height: newHeight, data: result };
}

// `count` weighted sums side by side, of bytes that lie `step` apart from `at` on.
function mix(data, at, step, weights, result, to, count) {
  for (let c = 0; c < count; c++) {
    let sum = 2 ** (BITS - 1);
    for (let i = 0; i < weights.length; i++) sum += weights[i] * data[at + i * step + c];
    result[to + c] = Math.floor(sum / 2 ** BITS);
  }
}

// For every new pixel: the first old one it looks at, and what each counts, in units of 2^-22.
function taps(size, newSize) {
  const scale = size / newSize, filterScale = Math.max(1, scale), support = REACH * filterScale;
  return Array.from({ length: newSize }, (_, at) => {
    const center = (at + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - support + 0.5));
    const end = Math.min(size, Math.trunc(center + support + 0.5));
    const weights = Array.from({ length: end - first }, (_, i) => lanczos((first + i - center + 0.5) / filterScale));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const whole = weights.map((w) => Math.trunc((w / total) * 2 ** BITS + (w < 0 ? -0.5 : 0.5)));
    return { first, weights: Float64Array.from(whole) };
  });
}

function lanczos(x) {
  return x >= -REACH && x < REACH ? sinc(x) * sinc(x / REACH) : 0;
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}
