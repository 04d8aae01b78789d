// A picture with an alt text; if it `clicks`, it says where, as fractions of its width and height from the top left.
// By keyboard: Tab to it, move the cross with the arrow keys (with Shift ten times as far), click with Enter.
async function render({ model, el }) {
  const held = await model.widget_manager.get_model(model.get("held").slice("IPY_MODEL_".length)); // see held.py
  const clicks = model.get("clicks");
  const frame = document.createElement("div");
  const image = document.createElement("img");
  const cross = document.createElement("div");
  frame.style.cssText = "position: relative; display: inline-block; max-width: 100%";
  if (clicks) {
    frame.tabIndex = 0;
    frame.setAttribute("role", "application");
    frame.className = "colorlab-clickable";
    frame.style.cursor = "crosshair";
    frame.style.touchAction = "pinch-zoom"; // a finger that drags is meant for the picture, not for the page
  }
  image.style.cssText = "display: block; max-width: 100%";
  image.draggable = false;
  cross.style.cssText = "position: absolute; width: 17px; height: 17px; margin: -8px 0 0 -8px; display: none;" +
    "pointer-events: none; border: 2px solid white; outline: 2px solid black; border-radius: 50%; box-sizing: border-box";
  frame.append(image, cross);
  el.append(frame);

  let place = [0.5, 0.5];
  let url = null;
  const move = (x, y) => {
    place = [x, y].map((v) => Math.min(1, Math.max(0, v)));
    cross.style.left = `${100 * place[0]}%`;
    cross.style.top = `${100 * place[1]}%`;
  };
  const click = (start = place) => model.send({ click: place, start });
  const fractions = (event) => {
    const box = image.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  let pressed = null;

  const showPicture = () => {
    const old = url;
    url = URL.createObjectURL(new Blob([held.get("value")], { type: "image/png" }));
    image.src = url;
    if (old) URL.revokeObjectURL(old);
  };
  const showDescription = () => {
    image.alt = held.get("description");
    if (clicks) frame.setAttribute("aria-label", `${held.get("description")} Arrow keys move the cross, Enter clicks.`);
  };

  if (clicks) {
    frame.addEventListener("pointerdown", (event) => {
      if (event.button) return; // the other buttons have other meanings
      pressed = fractions(event);
      frame.setPointerCapture(event.pointerId); // a drag may end outside
    });
    frame.addEventListener("pointerup", (event) => {
      if (!pressed) return;
      move(...fractions(event));
      click(pressed);
      pressed = null;
    });
    frame.addEventListener("pointercancel", () => { pressed = null; });
    frame.addEventListener("focus", () => { if (frame.matches(":focus-visible")) cross.style.display = "block"; });
    frame.addEventListener("blur", () => { cross.style.display = "none"; });
    frame.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 0.05 : 0.005;
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (way) {
        cross.style.display = "block";
        move(place[0] + way[0] * step, place[1] + way[1] * step);
      } else if (event.key === "Enter") {
        click();
      } else {
        return;
      }
      event.preventDefault();
      event.stopPropagation(); // the notebook has its own plans for these keys
    });
  }

  held.on("change:value", showPicture);
  held.on("change:description", showDescription);
  move(...place);
  showPicture();
  showDescription();
  return () => {
    held.off("change:value", showPicture);
    held.off("change:description", showDescription);
    URL.revokeObjectURL(url);
  };
}

export default { render };
