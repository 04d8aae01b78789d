// Drawings of the ab plane: squares of the bins, by their colour and a strength or a share; in the ink of the page.

import { cssOf } from "./lab.js";

const REACH = 125; // Lab units from the middle to the border

// `look(q)` -> { side: 0..1 of a cell, alpha }; `marks`: [{ a, b, name }].
export function drawPlane(canvas, { gridSize, centers }, look, marks = []) {
  const pen = canvas.getContext("2d"), size = canvas.width, unit = size / (2 * REACH);
  const ink = getComputedStyle(canvas).color, paper = getComputedStyle(document.body).backgroundColor;
  const at = (a, b) => [size / 2 + a * unit, size / 2 - b * unit];
  pen.clearRect(0, 0, size, size);
  pen.strokeStyle = ink;
  pen.globalAlpha = 0.3;
  pen.lineWidth = 1;
  pen.strokeRect(size / 2, 0, 0, size);
  pen.strokeRect(0, size / 2, size, 0);
  centers.forEach(([a, b], q) => {
    const { side, alpha } = look(q), length = 0.9 * side * gridSize * unit, [x, y] = at(a, b);
    pen.globalAlpha = alpha;
    pen.fillStyle = cssOf(a, b);
    pen.fillRect(x - length / 2, y - length / 2, length, length);
    pen.lineWidth = 0.6;
    pen.strokeRect(x - length / 2, y - length / 2, length, length);
  });
  pen.globalAlpha = 1;
  pen.font = "22px system-ui, sans-serif";
  pen.fillStyle = ink;
  pen.fillText("a: red", size - 70, size / 2 - 8);
  pen.fillText("green", 8, size / 2 - 8);
  pen.fillText("b: yellow", size / 2 + 8, 24);
  pen.fillText("blue", size / 2 + 8, size - 10);
  marks.forEach(({ a, b, name }, i) => {
    const [x, y] = at(a, b);
    pen.beginPath();
    pen.arc(x, y, 9, 0, 2 * Math.PI);
    pen.fillStyle = paper;
    pen.fill();
    pen.lineWidth = 3;
    pen.stroke();
    pen.fillStyle = ink;
    pen.fillText(name, x + 14, y + (i ? 24 : -10)); // two that lie together are still read apart
  });
}
