"""Peak memory and time of `colorlab colorize` on files of 1, 10 and 100 megapixels.

    python benchmarks/big_files.py

Each file is coloured in a process of its own, with one thread. For reading, colouring and writing, the peak
of resident memory less what was resident before the file was opened; Linux with glibc only. Figures: pictures.md.
"""

import ctypes
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STAGES = ("read", "colour", "write")
FILES = {  # name: (megapixels, ending, how Pillow writes it, mode)
    "JPEG": (1, "jpg", {}, "RGB"),
    "JPEG, ten": (10, "jpg", {}, "RGB"),
    "JPEG, progressive": (10, "jpg", {"progressive": True}, "RGB"),
    "JPEG, turned": (10, "jpg", {"turned": True}, "RGB"),
    "JPEG, grey": (10, "jpg", {}, "L"),
    "PNG": (10, "png", {"compress_level": 1}, "RGB"),
    "PNG, alpha": (10, "png", {"compress_level": 1}, "RGBA"),
    "PNG, 16 bit": (10, "png", {"compress_level": 1}, "I;16"),
    "TIFF, float": (10, "tif", {}, "F"),
    "WebP": (10, "webp", {}, "RGB"),
    "WebP, alpha": (10, "webp", {}, "RGBA"),
    "AVIF": (10, "avif", {"speed": 10}, "RGB"),
    "JPEG, hundred": (100, "jpg", {}, "RGB"),
    "PNG, alpha, hundred": (100, "png", {"compress_level": 1}, "RGBA"),
}


def main() -> None:
    print("megabytes above what was resident before, bytes a pixel at the peak, seconds")
    print(f"{'file':<26}{'MP':>6}" + "".join(f"{stage:>11}" for stage in (*STAGES, "peak", "seconds")))
    with tempfile.TemporaryDirectory() as folder:
        for name, (megapixels, ending, _options, _mode) in FILES.items():
            path = Path(folder) / f"in.{ending}"
            answer(write_file, name, path)
            found = answer(
                color_file, path, Path(folder) / ("out.png" if ending == "avif" else f"out.{ending}")
            )
            peaks = [found[stage] for stage in STAGES]
            print(
                f"{name:<26}{megapixels:>6g}"
                + "".join(f"{peak:>11.0f}" for peak in peaks)
                + f"{max(peaks) / megapixels:>8.1f} B {found['seconds']:>10.1f}",
                flush=True,
            )


def answer(function, *words) -> dict:
    """What a function says in a process of its own."""
    command = [sys.executable, __file__, function.__name__, *map(str, words)]
    result = subprocess.run(
        command, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    if result.returncode:
        sys.exit(result.stderr)
    return json.loads(result.stdout)


def write_file(name: str, path: str) -> dict:
    """One of the photographs, enlarged."""
    import numpy as np
    from PIL import Image

    from colorlab.data import photo

    megapixels, _ending, options, mode = FILES[name]
    image = Image.fromarray(photo("coffee").rgb)
    side = round((megapixels * 1e6) ** 0.5)
    image = image.resize((side, side), Image.Resampling.BILINEAR)
    if mode == "RGBA":
        image.putalpha(image.convert("L"))
    elif mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    elif mode != "RGB":
        image = image.convert(mode)
    if options.pop("turned", False):
        options["exif"] = Image.Exif()
        options["exif"][0x0112] = 6
    image.save(path, **options)
    return {}


def color_file(source: str, target: str) -> dict:
    """What `colorlab.batch.colorize_files` does; the peak of each stage in MB, and seconds."""
    from colorlab import batch
    from colorlab.colorizer import Colorizer
    from colorlab.data import photo

    colorizer = Colorizer.pretrained()
    colorizer.colorize(photo("coffee", side=64).rgb)  # whatever is allocated once
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # what was freed is given back, so that it is not used unseen
    peaks = {}

    def measured(function, stage):
        def call(*words):
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
            result = function(*words)
            peaks[stage] = resident("VmHWM") - before
            return result

        return call

    batch.read_picture = measured(batch.read_picture, "read")
    batch.write_image = measured(batch.write_image, "write")
    colorizer.colorize = measured(colorizer.colorize, "colour")
    before, start = resident("VmRSS"), time.perf_counter()
    ((_source, outcome),) = batch.colorize_files(colorizer, [(Path(source), Path(target))], force=True)
    if outcome != "written":
        raise outcome
    return peaks | {"seconds": time.perf_counter() - start}


def resident(which: str) -> float:
    """VmRSS or VmHWM, its peak, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(which))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        main()
    else:
        print(json.dumps(globals()[sys.argv[1]](*sys.argv[2:])))
