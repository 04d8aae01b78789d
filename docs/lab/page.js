// The page: controls in, pictures and sentences out. What is computed lies in the other files.

import { bins, quantized } from "./bins.js";
import { Answer, lightness } from "./colorize.js";
import { labOf, rgbaOf } from "./lab.js";
import { Networks } from "./networks.js";
import { drawPlane } from "./planeview.js";
import { shrunk } from "./resize.js";

const SHOWN = 400; // pixels of the shorter side on the page; what is saved is as large as what came in
const MOST = 4096; // pixels of the longer side: what every browser's canvas takes
const PAIR = ["regression", "classification"];

const $ = (id) => document.getElementById(id);
const say = (id, text) => { $(id).textContent = text; };

let picture = null; // { image, shown, lab, L, name }
let answers = {}; // name -> Answer
let pixel = null; // [x, y] as fractions
let points = []; // hints: { x, y, rgb } in pixels of the picture
let table = bins(Number($("grid").value));
let sizes = {}; // name of a network or an engine -> bytes to load
let guidedLoaded = false, received = 0;

const networks = new Networks((bytes) => {
  received += bytes;
  $("progress").value = received / toLoad();
});

function toLoad() {
  return [networks.engine, "trunk", ...PAIR].reduce((sum, name) => sum + sizes[name].bytes, 0);
}

function chooseEngine() {
  networks.engine = $("gpu").checked ? "webgpu" : "wasm";
  say("megabytes", Math.round(toLoad() / 1e6));
}

// ---- pictures in, pictures out ---------------------------------------------------------------------

function show(canvas, { width, height }, rgba) {
  Object.assign(canvas, { width, height });
  canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
}

async function pixelsOf(blob) {
  const bitmap = await createImageBitmap(blob);
  const factor = Math.min(1, MOST / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: Math.round(bitmap.width * factor), height: Math.round(bitmap.height * factor) });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff"; // what is transparent lies on white, as in the library
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return pen.getImageData(0, 0, canvas.width, canvas.height);
}

async function take(blob, name, alt) {
  let image;
  try {
    image = await pixelsOf(blob);
  } catch {
    return say("said", `${name} is no picture that this browser can read; choose a JPEG, PNG or WebP.`);
  }
  const shown = shrunk(image, SHOWN);
  picture = { image, shown, lab: labOf(shown.data), L: lightness(shown), name, alt };
  [answers, points, pixel] = [{}, [], null];
  say("said", `${name}: ${image.width} × ${image.height} pixels. ${alt}`);
  drawBins();
  if (networks.about) await colour();
}

function save(name) {
  const { image } = picture;
  const canvas = document.createElement("canvas");
  show(canvas, image, answers[name].paint(lightness(image), settings(name)));
  canvas.toBlob((blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = `${picture.name.replace(/\.\w+$/, "")}-${name}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  });
}

// ---- the bins --------------------------------------------------------------------------------------

function drawBins() {
  table = bins(Number($("grid").value));
  say("grid-shown", $("grid").value);
  const { lab, L, shown, name } = picture;
  const through = quantized(table, lab.a, lab.b);
  drawPlane($("bin-plane"), table, (q) => ({ side: 1, alpha: through.used[q] ? 1 : 0.25 }));
  show($("quantized"), shown, rgbaOf(L.data, through.a, through.b));
  const used = through.used.reduce((sum, one) => sum + one, 0);
  const sentence = `Q = ${table.centers.length} bins (grid ${table.gridSize}); ${name} uses ${used} of them, and its ` +
    `pixels move by ${through.moved.toFixed(1)} Lab units on average.`;
  say("bins-said", sentence);
  $("bin-plane").setAttribute("aria-label", `The ab plane with ${table.centers.length} bins, strong where the photograph uses them.`);
  $("quantized").setAttribute("aria-label", `The photograph through ${table.centers.length} bins.`);
}

// ---- two networks, side by side --------------------------------------------------------------------

async function load() {
  $("load").disabled = $("gpu").disabled = true;
  $("progress").hidden = false;
  try {
    await networks.load(PAIR);
  } catch (error) {
    $("load").disabled = $("gpu").disabled = false;
    return say("said", error.message);
  }
  $("loading").hidden = true;
  $("colored").hidden = false;
  asShipped();
  await colour();
}

async function colour() {
  const mine = picture;
  say("colour-said", "The networks look at the picture …");
  const began = performance.now();
  for (const name of PAIR) {
    const answer = await Answer.ask(networks, name, mine.image);
    if (picture !== mine) return; // another was chosen meanwhile
    answers[name] = answer;
  }
  draw(PAIR);
  say("colour-said", `Coloured in ${((performance.now() - began) / 1000).toFixed(1)} s.`);
  inspect(0.5, 0.5);
  await startHints();
}

function settings(name) {
  if (name !== "classification") return answers[name].settings();
  return {
    temperature: Number($("temperature").value), uniformMix: Number($("mix").value), byRegion: $("regions").checked,
  };
}

function draw(names) {
  for (const name of names) {
    const canvas = $(name === "regression" ? "left" : "right");
    show(canvas, picture.shown, answers[name].paint(picture.L, settings(name)));
  }
  $("compare").setAttribute("aria-label", `${picture.alt}, coloured by regression (left) and classification (right)`);
}

function asShipped() {
  const { temperature, uniform_mix: mix, by_region: byRegion } = networks.about.classification;
  $("temperature").value = temperature;
  $("mix").value = mix;
  $("regions").checked = byRegion;
  showSettings();
}

function showSettings() {
  say("temperature-shown", $("temperature").value);
  say("mix-shown", $("mix").value);
}

function moved() {
  showSettings();
  if (!answers.classification) return;
  draw(["classification"]);
  if (pixel) inspect(...pixel);
}

function divide() {
  const percent = $("divider").value;
  $("left").style.clipPath = `inset(0 ${100 - percent}% 0 0)`;
  document.querySelector("#compare .line").style.left = `${percent}%`;
}

// ---- one pixel -------------------------------------------------------------------------------------

function inspect(x, y) {
  pixel = [x, y];
  if (!answers.classification || !answers.regression) return;
  place(document.querySelector("#compare .cross"), x, y);
  const answer = answers.classification, chosen = settings("classification");
  const { data, channels, width, height } = answer.beliefs(chosen);
  const at = Math.min(height - 1, Math.floor(y * height)) * width + Math.min(width - 1, Math.floor(x * width));
  const share = (q) => data[q * width * height + at];
  const order = [...Array(channels).keys()].sort((one, other) => share(other) - share(one));
  const most = share(order[0]);
  const [mine, other] = [answer.ab(chosen), answers.regression.ab()].map((ab) => colorAt(ab, x, y));
  const marks = [{ ...mine, name: "classification" }, { ...other, name: "regression" }];
  const look = (q) => ({ side: Math.sqrt(Math.max(share(q) / most, 0.004)), alpha: 1 });
  drawPlane($("pixel-plane"), { gridSize: answer.about.grid_size, centers: answer.centers }, look, marks);
  const likely = order.slice(0, 3).map((q) => `(${answer.centers[q].join(", ")}) ${(100 * share(q)).toFixed(0)} %`);
  const sentence = `Pixel (${Math.floor(x * picture.image.width)}, ${Math.floor(y * picture.image.height)}): the likeliest ` +
    `colours (a, b) are ${likely.join(", ")}. Classification decides for (${mine.a.toFixed(0)}, ${mine.b.toFixed(0)}), ` +
    `regression answers (${other.a.toFixed(0)}, ${other.b.toFixed(0)}).`;
  say("pixel-said", sentence);
  $("pixel-plane").setAttribute("aria-label", `The distribution over the ab plane. ${sentence}`);
}

function colorAt({ a, b }, x, y) {
  const at = Math.min(a.height - 1, Math.floor(y * a.height)) * a.width + Math.min(a.width - 1, Math.floor(x * a.width));
  return { a: a.data[at], b: b.data[at] };
}

function place(element, x, y) {
  element.style.left = `${100 * x}%`;
  element.style.top = `${100 * y}%`;
}

// A picture that says where it was clicked, by pointer and by keyboard.
function clickable(frame, click, onMove = () => {}) {
  let [x, y] = [0.5, 0.5];
  place(frame.querySelector(".cross"), x, y);
  frame.addEventListener("click", (event) => {
    const box = frame.getBoundingClientRect();
    [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    place(frame.querySelector(".cross"), x, y);
    click(x, y);
  });
  frame.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 0.1 : 0.01;
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (way) {
      [x, y] = [x + way[0] * step, y + way[1] * step].map((v) => Math.min(0.999, Math.max(0, v)));
      place(frame.querySelector(".cross"), x, y);
      onMove(x, y);
    } else if (event.key === "Enter") {
      click(x, y);
    } else {
      return;
    }
    event.preventDefault();
  });
}

// ---- hints -----------------------------------------------------------------------------------------

async function hint(x, y) {
  const rgb = [1, 3, 5].map((at) => parseInt($("hint-color").value.slice(at, at + 2), 16));
  points.push({ x: Math.floor(x * picture.image.width), y: Math.floor(y * picture.image.height), rgb });
  await followHints();
}

// Before the first hint the picture is grey, and the guided network is not loaded.
async function startHints() {
  $("guided").hidden = false;
  $("marks").replaceChildren();
  if (guidedLoaded) return followHints();
  const nothing = new Float32Array(picture.L.data.length);
  show($("hinted-picture"), picture.shown, rgbaOf(picture.L.data, nothing, nothing));
  $("hinted").setAttribute("aria-label", `${picture.alt}, grey. Arrow keys move the cross, Enter gives a hint.`);
  const megabytes = (networks.about.guided.bytes / 1e6).toFixed(0);
  say("hints-said", `Click the picture, or move the cross with the arrow keys and press Enter; the guided network (${megabytes} MB) is loaded then.`);
}

async function followHints() {
  const mine = picture, given = [...points];
  say("hints-said", "The guided network looks …");
  try {
    await networks.load(["guided"]);
    guidedLoaded = true;
  } catch (error) {
    return say("hints-said", error.message);
  }
  const answer = await Answer.ask(networks, "guided", mine.image, given);
  if (picture !== mine || given.length !== points.length) return; // a newer one is on its way
  answers.guided = answer;
  show($("hinted-picture"), mine.shown, answer.paint(mine.L));
  $("marks").replaceChildren(...given.map(({ x, y, rgb }) => {
    const mark = document.createElement("div");
    mark.className = "mark";
    mark.style.background = `rgb(${rgb.join(" ")})`;
    place(mark, (x + 0.5) / mine.image.width, (y + 0.5) / mine.image.height);
    return mark;
  }));
  const sentence = given.length === 1 ? "One hint." : `${given.length || "No"} hints.`;
  say("hints-said", sentence);
  $("hinted").setAttribute("aria-label", `${mine.alt}, coloured with hints: ${sentence} Arrow keys move the cross, Enter gives a hint.`);
}

// ---- begin -----------------------------------------------------------------------------------------

function oncePerFrame(act) { // sliders fire faster than a picture is painted
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; act(); });
  };
}

async function choose(button, { file, name, alt, author, licence }) {
  document.querySelectorAll("#photos button").forEach((b) => b.setAttribute("aria-pressed", b === button));
  say("credit", `Photograph: ${author}, ${licence}.`);
  await take(await (await fetch(`photos/${file}`)).blob(), name, alt);
}

function own(file) {
  if (!file) return;
  document.querySelectorAll("#photos button").forEach((b) => b.setAttribute("aria-pressed", false));
  say("credit", "");
  take(file, file.name, "Your own picture.");
}

async function begin() {
  const photos = await (await fetch("photos/photos.json")).json();
  for (const photo of photos) {
    const button = document.createElement("button");
    const image = Object.assign(document.createElement("img"), { src: `photos/${photo.file}`, alt: "" });
    Object.assign(button, { type: "button", title: photo.alt });
    button.append(image, photo.name);
    button.addEventListener("click", () => choose(button, photo));
    $("photos").append(button);
  }
  for (const input of [$("file"), $("camera")]) input.addEventListener("change", () => own(input.files[0]));
  document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("dropping"); });
  document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    own(event.dataTransfer.files[0]);
  });
  $("grid").addEventListener("input", oncePerFrame(drawBins));
  $("load").addEventListener("click", load);
  for (const id of ["temperature", "mix", "regions"]) $(id).addEventListener("input", oncePerFrame(moved));
  $("shipped").addEventListener("click", () => { asShipped(); moved(); });
  $("divider").addEventListener("input", divide);
  for (const name of [...PAIR, "guided"]) {
    $(`save-${name}`).addEventListener("click", () => { if (answers[name]) save(name); });
  }
  $("undo").addEventListener("click", () => { if (points.pop()) followHints(); });
  $("clear").addEventListener("click", () => { if (points.splice(0).length) followHints(); });
  clickable($("compare"), inspect, inspect);
  clickable($("hinted"), hint);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { // planes are drawn in the page's ink
    if (picture) drawBins();
    if (pixel) inspect(...pixel);
  });
  sizes = await (await fetch("networks/networks.json")).json();
  $("gpu").addEventListener("change", chooseEngine);
  chooseEngine();
  divide();
  await choose($("photos").firstElementChild, photos[0]);
  $("gpu-label").hidden = !(await navigator.gpu?.requestAdapter());
}

begin();
