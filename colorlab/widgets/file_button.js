// A button that hands the file a reader chooses to Python, by its name and its bytes, and shows no count of files.
function render({ model, el }) {
  const button = document.createElement("button");
  const input = document.createElement("input");
  button.className = "jupyter-widgets jupyter-button widget-button"; // looks and is reached as the others are
  button.style.width = "auto";
  button.textContent = model.get("label");
  Object.assign(input, { type: "file", accept: "image/*", hidden: true });
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", async () => {
    const [file] = input.files;
    if (!file) return;
    const small = file.size <= model.get("most_bytes"); // a larger one would cut the connection
    model.send({ name: file.name, size: file.size }, undefined, small ? [await file.arrayBuffer()] : []);
    input.value = ""; // so that the same file can be chosen again
  });
  el.append(button, input);
}

export default { render };
