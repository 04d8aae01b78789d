// sRGB <-> CIE Lab, as colorlab/lab.py: D65, 2° observer, scikit-image's matrix.

const RGB_TO_XYZ = [[0.412453, 0.35758, 0.180423], [0.212671, 0.71516, 0.072169], [0.019334, 0.119193, 0.950227]];
const WHITE = [0.95047, 1, 1.08883];
const KNEE = 6 / 29;
const SLOPE = 7.787; // rounded as in scikit-image
const CHROMA_STEPS = 10; // halvings that bring a colour into the gamut

// Light at which a screen's colour leaves [0, 1] by more than 1e-4, the rounding that lab.py allows.
const LEAST_LIGHT = -1e-4 / 12.92;
const MOST_LIGHT = ((1 + 1e-4 + 0.055) / 1.055) ** 2.4;

const TO_LMN = RGB_TO_XYZ.map((row, i) => row.map((value) => value / WHITE[i])).flat();
const FROM_LMN = Float64Array.from(inverse(TO_LMN));

const LIGHT_OF_BYTE = Float64Array.from({ length: 256 }, (_, byte) => decoded(byte / 255));
const STEPS = 1 << 14; // of light in the table below: a fifth of a level at the darkest
const BYTE_OF_LIGHT = Uint8ClampedArray.from({ length: STEPS + 1 }, (_, i) => Math.round(255 * encoded(i / STEPS)));

// Stored sRGB in [0, 1] -> light.
export function decoded(value) {
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
}

// Light -> stored sRGB.
export function encoded(light) {
  return light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055;
}

// Light of red, green, blue -> [L, a, b].
export function labOfLight(r, g, b) {
  const m = TO_LMN;
  const x = bent(m[0] * r + m[1] * g + m[2] * b);
  const y = bent(m[3] * r + m[4] * g + m[5] * b);
  const z = bent(m[6] * r + m[7] * g + m[8] * b);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

// RGBA bytes -> { L, a, b }, a Float32Array each.
export function labOf(rgba) {
  const pixels = rgba.length / 4;
  const L = new Float32Array(pixels), a = new Float32Array(pixels), b = new Float32Array(pixels);
  for (let i = 0; i < pixels; i++) {
    [L[i], a[i], b[i]] = labOfLight(
      LIGHT_OF_BYTE[rgba[4 * i]], LIGHT_OF_BYTE[rgba[4 * i + 1]], LIGHT_OF_BYTE[rgba[4 * i + 2]],
    );
  }
  return { L, a, b };
}

// Planes of L, a, b -> RGBA bytes. What a screen cannot show gives up chroma until it can: L and hue stay.
export function rgbaOf(L, a, b) {
  const rgba = new Uint8ClampedArray(4 * L.length);
  const light = new Float64Array(3);
  for (let i = 0; i < L.length; i++) {
    if (!lightOf(L[i], a[i], b[i], light)) {
      let least = 0, most = 1;
      for (let step = 0; step < CHROMA_STEPS; step++) {
        const middle = (least + most) / 2;
        if (lightOf(L[i], middle * a[i], middle * b[i], light)) least = middle;
        else most = middle;
      }
      lightOf(L[i], least * a[i], least * b[i], light);
    }
    for (let c = 0; c < 3; c++) {
      rgba[4 * i + c] = BYTE_OF_LIGHT[(STEPS * Math.min(1, Math.max(0, light[c])) + 0.5) | 0];
    }
    rgba[4 * i + 3] = 255;
  }
  return rgba;
}

// A colour to show a place of the ab plane with: at the lightness nearest to 60 that a screen can show there.
export function cssOf(a, b) {
  const light = new Float64Array(3);
  let L = [60, 70, 50, 80, 40, 90, 30, 95, 20, 10].find((tried) => lightOf(tried, a, b, light)) ?? 60;
  const [red, green, blue] = rgbaOf([L], [a], [b]);
  return `rgb(${red} ${green} ${blue})`;
}

// The sRGB grey of a lightness, in [0, 1].
export function greyOf(L) {
  const y = (Math.min(100, Math.max(0, L)) + 16) / 116;
  return Math.min(1, Math.max(0, encoded(straightened(y))));
}

// Writes the light of a Lab colour into `light`; says whether a screen can show it.
function lightOf(L, a, b, light) {
  const y = (L + 16) / 116, f = FROM_LMN;
  const l = straightened(y + a / 500), m = straightened(y), n = straightened(y - b / 200);
  const red = light[0] = f[0] * l + f[1] * m + f[2] * n;
  const green = light[1] = f[3] * l + f[4] * m + f[5] * n;
  const blue = light[2] = f[6] * l + f[7] * m + f[8] * n;
  return Math.min(red, green, blue) >= LEAST_LIGHT && Math.max(red, green, blue) <= MOST_LIGHT;
}

function bent(t) {
  return t > KNEE ** 3 ? Math.cbrt(t) : SLOPE * t + 4 / 29;
}

function straightened(t) {
  return t > KNEE ? t * t * t : (t - 4 / 29) / SLOPE;
}

function inverse(m) {
  const [a, b, c, d, e, f, g, h, i] = m;
  const cofactors = [
    e * i - f * h, c * h - b * i, b * f - c * e,
    f * g - d * i, a * i - c * g, c * d - a * f,
    d * h - e * g, b * g - a * h, a * e - b * d,
  ];
  const determinant = a * cofactors[0] + b * cofactors[3] + c * cofactors[6];
  return cofactors.map((value) => value / determinant);
}
