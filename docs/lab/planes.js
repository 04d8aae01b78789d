// Planes: { width, height, data: Float32Array }, one number a place, row by row.

export function plane(width, height, data = new Float32Array(width * height)) {
  return { width, height, data };
}

// The last row and column repeated until both sides divide by `multiple`.
export function padded({ width, height, data }, multiple) {
  const wide = Math.ceil(width / multiple) * multiple, high = Math.ceil(height / multiple) * multiple;
  const result = plane(wide, high);
  for (let y = 0; y < high; y++) {
    for (let x = 0; x < wide; x++) {
      result.data[y * wide + x] = data[Math.min(y, height - 1) * width + Math.min(x, width - 1)];
    }
  }
  return result;
}

// The mean over squares of `every` pixels, of those there are at the right and at the bottom.
export function averaged({ width, height, data }, every) {
  const result = plane(Math.ceil(width / every), Math.ceil(height / every));
  for (let y = 0; y < result.height; y++) {
    for (let x = 0; x < result.width; x++) {
      let sum = 0, count = 0;
      for (let v = y * every; v < Math.min(height, (y + 1) * every); v++) {
        for (let u = x * every; u < Math.min(width, (x + 1) * every); u++, count++) sum += data[v * width + u];
      }
      result.data[y * result.width + x] = sum / count;
    }
  }
  return result;
}

// The means over squares of 2 · radius + 1 places, less at the border, of two sets of numbers row by row, written
// into two others. Two at once, and sums along rows out of sums of columns: what does not wait for one another is
// added faster, and nothing is read twice.
export function around(one, other, width, height, radius, into, intoOther) {
  const reach = 2 * radius + 1, last = height - 1;
  const columns = new Float64Array(width + reach), others = new Float64Array(width + reach); // nothing beyond the border
  const shares = Float64Array.from({ length: width }, (_, x) => 1 / (Math.min(x + radius, width - 1) - Math.max(x - radius, 0) + 1));
  for (let y = -radius; y < height; y++) {
    const comes = (y + radius) * width, goes = (y - radius - 1) * width;
    if (y > radius && y + radius <= last) {
      for (let x = 0, at = radius + 1; x < width; x++, at++) {
        columns[at] += one[comes + x] - one[goes + x];
        others[at] += other[comes + x] - other[goes + x];
      }
    } else {
      for (let x = 0, at = radius + 1; x < width; x++, at++) {
        columns[at] += (y + radius <= last ? one[comes + x] : 0) - (y > radius ? one[goes + x] : 0);
        others[at] += (y + radius <= last ? other[comes + x] : 0) - (y > radius ? other[goes + x] : 0);
      }
    }
    if (y < 0) continue;
    const ofRows = 1 / (Math.min(y + radius, last) - Math.max(y - radius, 0) + 1);
    let sum = 0, sumOther = 0;
    for (let x = radius + 1; x < reach; x++) {
      sum += columns[x];
      sumOther += others[x];
    }
    for (let x = 0, at = y * width; x < width; x++, at++) {
      const share = shares[x] * ofRows;
      into[at] = (sum += columns[x + reach] - columns[x]) * share;
      intoOther[at] = (sumOther += others[x + reach] - others[x]) * share;
    }
  }
}

// Bilinear, as torch's interpolate with align_corners=False.
export function enlarged({ width, height, data }, newWidth, newHeight) {
  const columns = between(width, newWidth), rows = between(height, newHeight);
  const result = plane(newWidth, newHeight);
  for (let y = 0; y < newHeight; y++) {
    const above = rows.first[y] * width, below = rows.second[y] * width, low = rows.part[y];
    for (let x = 0; x < newWidth; x++) {
      const left = columns.first[x], right = columns.second[x], part = columns.part[x];
      const top = data[above + left] + part * (data[above + right] - data[above + left]);
      const bottom = data[below + left] + part * (data[below + right] - data[below + left]);
      result.data[y * newWidth + x] = top + low * (bottom - top);
    }
  }
  return result;
}

function between(size, newSize) {
  const first = new Int32Array(newSize), second = new Int32Array(newSize), part = new Float64Array(newSize);
  for (let i = 0; i < newSize; i++) {
    const place = Math.min(size - 1, Math.max(0, ((i + 0.5) * size) / newSize - 0.5));
    first[i] = Math.floor(place);
    second[i] = Math.min(first[i] + 1, size - 1);
    part[i] = place - first[i];
  }
  return { first, second, part };
}
