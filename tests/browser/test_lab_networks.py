"""The built lab page: its networks answer as the library's do, it loads what it says, and axe-core finds no fault.

`make site` builds the page and runs these; without a built page they are skipped.
"""

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from static import HELPERS, array, serious_faults, served, text

from colorlab.colorizer import Colorizer
from colorlab.data import photo, to_lab
from colorlab.hints import encode

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "build" / "site" / "lab"
ENGINES = {"wasm": "ort-wasm-simd-threaded.wasm", "webgpu": "ort-wasm-simd-threaded.asyncify.wasm"}
LOGIT, LEVELS = 1e-3, 2
MOST_BYTES = 30e6  # to load before the first colouring

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (BUILT / "index.html").exists(), reason="no page is built; `make site` builds one"
    ),
]

ANSWER = """
async ({ name, width, height, rgba, hints }) => {
  const { Networks } = await import("./networks.js");
  const { Answer, lightness } = await import("./colorize.js");
  const image = { width, height, data: new Uint8ClampedArray(bytes(rgba)) };
  window.networks ??= new Networks();
  await networks.load([name]);
  const answer = await Answer.ask(networks, name, image, hints);
  return [text(answer.answers.data), text(answer.paint(lightness(image), answer.settings()))];
}
"""


@pytest.fixture(scope="module")
def site():
    with served(BUILT) as url:
        yield url


@pytest.fixture(scope="module")
def page(browser, site):
    page = browser.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{site}/lab.css")
    page.evaluate(HELPERS)
    yield page
    page.close()


def answered(page, name, rgb, hints=()):
    rgba = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    points = [dict(x=x, y=y, rgb=color) for x, y, color in hints]
    given = dict(name=name, width=rgb.shape[1], height=rgb.shape[0], rgba=text(rgba), hints=points)
    logits, colored = page.evaluate(ANSWER, given)
    return array(logits, np.float32), array(colored, np.uint8).reshape(*rgb.shape[:2], 4)[..., :3]


@pytest.mark.parametrize("picture", ["chelsea", "rocket"])
@pytest.mark.parametrize("name", ["regression", "classification"])
def test_the_networks_say_in_the_browser_what_they_say_in_python(page, name, picture):
    rgb, colorizer = photo(picture).rgb, Colorizer.pretrained(name)
    logits, colored = answered(page, name, rgb)
    with torch.no_grad():
        expected = colorizer.answer(colorizer.small_copy(rgb)).numpy().ravel()
    assert np.abs(logits - expected).max() < LOGIT
    assert np.abs(colored.astype(int) - colorizer.colorize(rgb)).max() <= LEVELS


def test_the_guided_network_heeds_hints_as_in_python(page):
    rgb, guided = photo("chelsea").rgb, Colorizer.pretrained("guided")
    hints = [(100, 80, (200, 30, 30)), (300, 200, (20, 60, 200))]
    logits, colored = answered(page, "guided", rgb, hints)
    small = guided.small_copy(rgb)
    with torch.no_grad():
        expected = guided.answer(small, encode(hints, rgb.shape[:2], tuple(small.shape[-2:]))).numpy().ravel()
    assert np.abs(logits - expected).max() < LOGIT
    assert np.abs(colored.astype(int) - guided.colorize(rgb, hints=hints)).max() <= LEVELS


ON_THE_CARD = """
async (L) => {
  const { Networks } = await import("./networks.js");
  const networks = new Networks(() => {}, "webgpu");
  await networks.load(["classification"]);
  return text((await networks.answer("classification", { width: 64, height: 64, data: floats(L) })).data);
}
"""


def test_a_graphics_card_says_the_same_with_an_engine_that_is_loaded_only_then(browser, chromium, site):
    """Chromium's own software in place of a card: slow, but all goes through WebGPU."""
    software = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"]
    with browser.browser_type.launch(executable_path=chromium, args=software) as other:
        page = other.new_page()
        page.set_default_timeout(120_000)
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{site}/index.html")
        page.evaluate(HELPERS)
        if not page.evaluate("async () => !!(await navigator.gpu?.requestAdapter())"):
            pytest.skip("this browser has no WebGPU, not even in software")
        page.wait_for_selector("#gpu-label", state="visible")
        colorizer = Colorizer.pretrained("classification")
        L = to_lab(photo("chelsea", 64).rgb)[:1, :64, :64]  # small: software is slow
        logits = array(page.evaluate(ON_THE_CARD, text(L.numpy())), np.float32)
        with torch.no_grad():
            expected = colorizer.answer(L[None]).numpy().ravel()
        assert np.abs(logits - expected).max() < LOGIT
        assert [url for url in asked if url.endswith("wasm")] == [f"{site}/vendor/{ENGINES['webgpu']}"]


def test_before_the_first_colouring_at_most_30_megabytes_are_loaded():
    about = json.loads((BUILT / "networks" / "networks.json").read_text())
    assert (
        sum(about[name]["bytes"] for name in ("wasm", "trunk", "regression", "classification")) <= MOST_BYTES
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reader_drags_loads_clicks_and_axe_finds_no_serious_fault(browser, site, scheme):
    context = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(120_000)
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{site}/index.html")
    page.wait_for_selector("#bins-said:has-text('Q = 262')")
    page.focus("#grid")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("#bins-said:has-text('grid 11')")
    page.focus("#load")
    page.keyboard.press("Enter")
    page.wait_for_selector("#pixel-said:has-text('likeliest')")
    shipped = Colorizer.pretrained("classification")  # its settings lie on the sliders' steps
    assert float(page.input_value("#temperature")) == shipped.temperature
    assert (
        float(page.input_value("#mix"))
        == float(page.inner_text("#mix-shown"))
        == shipped.objective.uniform_mix
    )
    before = page.inner_text("#pixel-said")
    page.focus("#compare")
    page.keyboard.press("Shift+ArrowLeft")
    assert page.inner_text("#pixel-said") != before
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert serious_faults(page) == []
    assert errors == []
    assert all(url.startswith((site, "blob:", "data:")) for url in asked)
    context.close()


DROP = """
([name, content]) => {
  const data = new DataTransfer();
  data.items.add(new File([bytes(content)], name, { type: "image/png" }));
  document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}
"""


def own_picture(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).save(file, "PNG")
    return file.getvalue()


def test_own_pictures_are_chosen_dropped_and_saved_and_a_second_visit_loads_no_network(browser, site):
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{site}/index.html")
    page.evaluate(HELPERS)
    page.wait_for_selector("#bins-said:has-text('Q = 262')")
    chosen = {"name": "chosen.png", "mimeType": "image/png", "buffer": own_picture(90, 60)}
    page.set_input_files("#file", chosen)
    page.wait_for_selector("#said:has-text('chosen.png: 90 × 60 pixels')")
    page.set_input_files("#file", chosen | {"name": "letter.txt", "buffer": b"no picture"})
    page.wait_for_selector("#said:has-text('letter.txt is no picture')")
    page.evaluate(DROP, ["dropped.png", base64.b64encode(own_picture(120, 80)).decode()])
    page.wait_for_selector("#said:has-text('dropped.png: 120 × 80 pixels')")
    page.click("#load")
    page.wait_for_selector("#pixel-said:has-text('likeliest')")
    with page.expect_download() as download:
        page.click("#save-classification")
    assert download.value.suggested_filename == "dropped-classification.png"
    with Image.open(download.value.path()) as saved:
        assert saved.size == (120, 80) and saved.convert("RGB").getcolors(2) is None
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.click("#load")
    page.wait_for_selector("#pixel-said:has-text('likeliest')")
    assert asked and not any(url.endswith((".onnx", ".wasm")) for url in asked)
    context.close()


def test_a_phone_offers_its_camera_and_what_it_took_stands_upright(browser, site):
    context = browser.new_context(has_touch=True, is_mobile=True, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.set_default_timeout(120_000)
    page.goto(f"{site}/index.html")
    page.wait_for_selector("#bins-said:has-text('Q = 262')")
    assert page.get_attribute("#camera", "capture") == "environment"
    lying, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # "turn me", as phones write it
    Image.new("RGB", (90, 60), "gray").save(lying, "JPEG", exif=exif)
    with page.expect_file_chooser() as chooser:
        page.tap("#camera-label")
    chooser.value.set_files({"name": "taken.jpg", "mimeType": "image/jpeg", "buffer": lying.getvalue()})
    page.wait_for_selector("#said:has-text('taken.jpg: 60 × 90 pixels')")
    context.close()


# How far the shown picture is from grey, in levels summed over its pixels; one level is rounding, as in Python.
SHOWN_COLORS = """
() => {
  const canvas = document.querySelector("#hinted-picture");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const apart = (one, other) => Math.max(0, Math.abs(one - other) - 1);
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += apart(data[i], data[i + 1]) + apart(data[i + 2], data[i + 1]);
  return sum;
}
"""


def test_hints_load_the_guided_network_once_follow_clicks_and_keys_and_are_taken_back(browser, site):
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(120_000)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{site}/index.html")
    page.click("#load")
    page.wait_for_selector("#hints-said:has-text('is loaded then')")
    assert not any("guided" in url for url in asked)
    grey = page.evaluate(SHOWN_COLORS)
    page.click("#undo")  # nothing to take back: nothing is loaded for it
    page.click("#hinted", position={"x": 60, "y": 60})
    page.wait_for_selector("#hints-said:has-text('One hint.')")
    one = page.evaluate(SHOWN_COLORS)
    page.focus("#hinted")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_selector("#hints-said:has-text('2 hints.')")
    assert page.locator("#marks .mark").count() == 2
    page.click("#undo")
    page.wait_for_selector("#hints-said:has-text('One hint.')")
    assert page.evaluate(SHOWN_COLORS) == one > grey == 0
    page.reload()
    page.click("#load")
    page.wait_for_selector("#hints-said:has-text('is loaded then')")
    page.click("#hinted", position={"x": 60, "y": 60})
    page.wait_for_selector("#hints-said:has-text('One hint.')")
    assert sum("guided" in url for url in asked) == 1  # a second visit has it
    context.close()
