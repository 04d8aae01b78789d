// Two pictures of one size, one on top of the other; a slider moves the line between them.
function render({ model, el }) {
  const make = (tag, css, parent) => {
    const made = document.createElement(tag);
    made.style.cssText = css;
    parent.append(made);
    return made;
  };
  const box = make("div", "display: inline-block; max-width: 100%", el);
  box.className = "colorlab-before-after";
  const choice = make("div", "display: flex; justify-content: space-between; gap: 1em", box);
  const frame = make("div", "position: relative; touch-action: none; cursor: ew-resize", box);
  const right = make("img", "display: block; width: 100%", frame);
  const left = make("img", "position: absolute; inset: 0; width: 100%", frame);
  const line = make("div", "position: absolute; top: 0; bottom: 0; width: 3px; margin-left: -1px;" +
    "background: white; outline: 1px solid black; pointer-events: none", frame);
  const slider = make("input", "width: 100%; margin: 0", box);
  Object.assign(slider, { type: "range", min: 0, max: 100, step: 1 });
  slider.setAttribute("aria-label", "where the line stands, percent from the left");

  const pictures = model.get("pictures");
  const urls = {};
  for (const [name, bytes] of Object.entries(pictures)) {
    urls[name] = URL.createObjectURL(new Blob([bytes], { type: "image/png" }));
  }
  const lists = { left: null, right: null };
  for (const side of ["left", "right"]) {
    const label = make("label", "", choice);
    label.textContent = `${side}: `;
    lists[side] = make("select", "", label);
    for (const name of Object.keys(pictures)) {
      const option = make("option", "", lists[side]);
      option.textContent = option.value = name;
    }
    lists[side].addEventListener("change", () => { model.set(side, lists[side].value); model.save_changes(); });
  }

  const spoken = make("div", "", box);
  spoken.setAttribute("role", "status");

  const show = () => {
    const position = model.get("position");
    left.src = urls[model.get("left")];
    right.src = urls[model.get("right")];
    left.alt = `left of the line: ${model.get("left")}`;
    right.alt = `right of the line: ${model.get("right")}`;
    left.style.clipPath = `inset(0 ${100 - position}% 0 0)`;
    line.style.left = `${position}%`;
    slider.value = position;
    for (const side of ["left", "right"]) lists[side].value = model.get(side);
    const sentence = `${left.alt}; ${right.alt}.`;
    if (spoken.textContent !== sentence) spoken.textContent = sentence; // not spoken again when only the line moves
  };
  const moveTo = (position) => {
    model.set("position", Math.round(Math.min(100, Math.max(0, position))));
    show(); // at once; Python hears of it when the pointer is let go
  };
  const follow = (event) => {
    const place = frame.getBoundingClientRect();
    moveTo((100 * (event.clientX - place.left)) / place.width);
  };
  frame.addEventListener("pointerdown", (event) => {
    frame.setPointerCapture(event.pointerId);
    follow(event);
    event.preventDefault(); // or the browser drags the picture away
  });
  frame.addEventListener("pointermove", (event) => { if (frame.hasPointerCapture(event.pointerId)) follow(event); });
  frame.addEventListener("pointerup", () => model.save_changes());
  slider.addEventListener("input", () => { moveTo(Number(slider.value)); model.save_changes(); });
  box.addEventListener("keydown", (event) => event.stopPropagation()); // the notebook has its own plans for arrows

  model.on("change", show);
  show();
  return () => {
    model.off("change", show);
    Object.values(urls).forEach((url) => URL.revokeObjectURL(url));
  };
}

export default { render };
