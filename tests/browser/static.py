"""A folder of static files on loopback, and numbers to and from a page."""

import base64
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

# In the page: bytes of base64, and base64 of the numbers in a typed array.
HELPERS = """() => {
window.bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
window.floats = (text) => new Float32Array(bytes(text).buffer);
window.text = (array) => {
  let found = "";
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength).forEach((b) => { found += String.fromCharCode(b); });
  return btoa(found);
};
}"""

AXE = Path(__file__).parents[2] / "docs" / "node_modules" / "axe-core" / "axe.min.js"


def serious_faults(page, part: str = "html", rules: Sequence[str] = ()) -> list:
    """What axe-core calls serious or critical in a part of a page, with the elements; `rules`: only these."""
    page.evaluate("(script) => { (0, eval)(script); }", AXE.read_text(encoding="utf-8"))
    options = {"resultTypes": ["violations"]} | ({"runOnly": list(rules)} if rules else {})
    found = page.evaluate("([part, options]) => axe.run(part, options)", [part, options])["violations"]
    return [
        (f["id"], [n["html"] for n in f["nodes"]]) for f in found if f["impact"] in ("serious", "critical")
    ]


class Quiet(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".js": "text/javascript",
    }

    def log_message(self, *_):
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address at which the folder is served while the block runs."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def text(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def array(text: str, kind) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)
