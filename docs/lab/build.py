"""The lab page, ready for any static host: sources, networks, photographs and onnxruntime-web in one folder.

python docs/lab/build.py build/site/lab      # after `npm ci` in docs/
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path

from export import export  # beside this file
from PIL import Image

from colorlab.data import photos
from colorlab.files.whole import in_one_piece, write_whole

HERE = Path(__file__).parent
RUNTIME = HERE.parent / "node_modules" / "onnxruntime-web"
ENGINES = {"wasm": "ort-wasm-simd-threaded.wasm", "webgpu": "ort-wasm-simd-threaded.asyncify.wasm"}


def build(folder: Path) -> None:
    if not RUNTIME.is_dir():
        raise SystemExit(f"{RUNTIME} is missing; run `npm ci` in {HERE.parent} first, or `make site`")
    for part in ("vendor", "networks", "photos"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for source in sorted(p for p in HERE.iterdir() if p.suffix in (".html", ".css", ".js")):
        write_whole(folder / source.name, source.read_bytes())
    found = export(folder / "networks")
    for engine, runtime in ENGINES.items():
        for name in (f"ort.{engine}.bundle.min.mjs", runtime):
            shutil.copy(RUNTIME / "dist" / name, folder / "vendor" / name)
        found[engine] = entry(folder / "vendor" / runtime)
    write_whole(folder / "networks" / "networks.json", json.dumps(found))
    write_whole(
        folder / "photos" / "photos.json",
        json.dumps([photograph(p, folder / "photos") for p in photos("all")]),
    )


def entry(path: Path) -> dict:
    content = path.read_bytes()
    return {"file": path.name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def photograph(photo, folder: Path) -> dict:
    """Written without loss, so that the page begins with the pixels that Python begins with."""
    with in_one_piece(folder / f"{photo.name}.webp") as partial:
        Image.fromarray(photo.rgb).save(partial, "WEBP", lossless=True)
    about = {name: getattr(photo, name) for name in ("name", "alt", "author", "licence")}
    return about | {"file": f"{photo.name}.webp"}


if __name__ == "__main__":
    build(Path(sys.argv[1]))
