// A sentence in one lasting element: only a change inside of an element that was there before is spoken.
// The sliders beside it get their names here too: ipywidgets' labels stand beside them and name nothing.
async function render({ model, el }) {
  const held = await model.widget_manager.get_model(model.get("held").slice("IPY_MODEL_".length)); // see held.py
  const sentence = document.createElement("div");
  sentence.setAttribute("role", "status");
  const show = () => { sentence.innerHTML = held.get("value"); };
  el.append(sentence);
  held.on("change:value", show);
  show();

  let box = null;
  const nameSliders = () => {
    for (const handle of box.querySelectorAll(".noUi-handle:not([aria-label])")) {
      const label = handle.closest(".widget-slider")?.querySelector("label");
      if (label?.textContent) handle.setAttribute("aria-label", label.textContent);
    }
  };
  const observer = new MutationObserver(nameSliders); // sliders come in their own time
  let waiting = 0;
  const whenShown = () => {
    if (!el.isConnected) {
      waiting = requestAnimationFrame(whenShown);
      return;
    }
    box = el.closest(".widget-vbox") ?? el;
    observer.observe(box, { childList: true, subtree: true });
    nameSliders();
  };
  waiting = requestAnimationFrame(whenShown);
  return () => {
    cancelAnimationFrame(waiting); // closed before it was ever shown
    observer.disconnect();
    held.off("change:value", show);
  };
}

export default { render };
