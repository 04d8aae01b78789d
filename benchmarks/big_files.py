"""Peak memory and time of `colorlab colorize` on files of 1, 10 and 100 megapixels, and on clips of 10 and 60 s.

    python benchmarks/big_files.py

Each file is coloured in a process of its own, with one thread. For reading, colouring and writing, the peak
of resident memory less what was resident before the file was opened; of a clip, the peak of all together.
Linux with glibc only; the videos need the extra `video`. Figures: pictures.md.
"""

import argparse
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
CLIPS = {  # name: (seconds, frames a second, ending); 240 pixels high, panned over a photograph
    "video": (10, 25, "mp4"),
    "video, longer": (60, 25, "mp4"),
    "GIF": (10, 10, "gif"),
    "GIF, longer": (60, 10, "gif"),
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
        print(f"{'clip':<26}{'s':>6}{'frames':>11}{'peak':>11}{'seconds':>11}")
        for name, (length, rate, ending) in CLIPS.items():
            path = Path(folder) / f"in.{ending}"
            answer(write_clip, name, path)
            found = answer(color_clip, path, Path(folder) / f"out.{ending}")
            print(
                f"{name:<26}{length:>6}{length * rate:>11}{found['peak']:>11.0f}{found['seconds']:>11.1f}",
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
        def call(*words, **options):
            Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
            result = function(*words, **options)
            peaks[stage] = resident("VmHWM") - before
            return result

        return call

    batch.read_original = measured(batch.read_original, "read")
    batch.write_image = measured(batch.write_image, "write")
    batch._paint = measured(batch._paint, "colour")
    before, start = resident("VmRSS"), time.perf_counter()
    color(colorizer, source, target)
    return peaks | {"seconds": time.perf_counter() - start}


def write_clip(name: str, path: str) -> dict:
    """A camera that pans to and fro over one of the photographs."""
    import numpy as np

    from colorlab.data import photo
    from colorlab.files.gif import Frame, write_gif

    length, rate, ending = CLIPS[name]
    wide = photo("china", side=240).rgb
    way = wide.shape[1] - 320
    places = (way - abs(i % (2 * way) - way) for i in range(length * rate))
    frames = (np.ascontiguousarray(wide[:, x : x + 320]) for x in places)
    if ending == "gif":
        opaque = np.ones((240, 320), bool)
        write_gif(path, (Frame(frame, opaque, 1000 // rate, 1) for frame in frames), loop=0)
        return {}
    import av

    with av.open(path, "w") as made:
        stream = made.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for frame in frames:
            made.mux(stream.encode(av.VideoFrame.from_ndarray(frame)))
        made.mux(stream.encode(None))
    return {}


def color_clip(source: str, target: str) -> dict:
    """The peak in MB of reading, colouring and writing together, and seconds."""
    from colorlab.colorizer import Colorizer
    from colorlab.data import photo

    colorizer = Colorizer.pretrained()
    colorizer.colorize(photo("coffee", side=64).rgb)
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, start = resident("VmRSS"), time.perf_counter()
    color(colorizer, source, target)
    return {"peak": resident("VmHWM") - before, "seconds": time.perf_counter() - start}


def color(colorizer, source: str, target: str) -> None:
    from colorlab import batch

    jobs = batch.plan([Path(source)], Path(target))
    ((_source, outcome),) = batch.colorize_files(colorizer, jobs, batch.Settings(force=True))
    if outcome != "written":
        raise outcome


def resident(which: str) -> float:
    """VmRSS or VmHWM, its peak, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(which))


PARTS = {part.__name__: part for part in (write_file, color_file, write_clip, color_clip)}

if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in PARTS:  # a process of `answer`
        print(json.dumps(PARTS[sys.argv[1]](*sys.argv[2:])))
    else:
        argparse.ArgumentParser(
            description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        ).parse_args()
        main()
