"""How fast, compared with a named peer in the same run: ratios travel between machines, seconds do not.

    python benchmarks/speed.py

Each line: our median time, the peer's, and peer / ours (above 1: ours is faster). Run it on an idle machine.
"""

import statistics
import time
from collections.abc import Callable

import torch
from skimage.color import rgb2lab

from colorlab.bins import ColorBins
from colorlab.lab import rgb_to_lab
from colorlab.widgets.brown_well import brown_well_explorer
from colorlab.widgets.color_bins import color_bins_explorer
from colorlab.widgets.lightness_slice import lightness_slice_explorer


def median_ms(function: Callable[[], object], runs: int = 9) -> float:
    function()  # the first call fills caches
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return 1000 * statistics.median(seconds)


def compare(name: str, ours: Callable[[], object], peer_name: str, peer: Callable[[], object]) -> None:
    a, b = median_ms(ours), median_ms(peer)
    print(f"{name:<34} {a:8.1f} ms   {peer_name:<34} {b:8.1f} ms   ratio {b / a:5.1f}")


def main() -> None:
    torch.manual_seed(0)
    rgb = torch.rand(8, 3, 256, 256)
    as_arrays = rgb.movedim(1, -1).numpy()
    compare(
        "rgb_to_lab, 8×256²", lambda: rgb_to_lab(rgb), "skimage.color.rgb2lab", lambda: rgb2lab(as_arrays)
    )

    bins, ab = ColorBins(10), 25 * torch.randn(1, 2, 256, 256)
    points = ab.movedim(1, -1).reshape(-1, 2)

    def nearest() -> torch.Tensor:
        return torch.cdist(points, bins.centers).argmin(1)

    def ten_nearest() -> torch.Tensor:
        squared, indices = torch.cdist(points, bins.centers).square().topk(10, largest=False)
        return torch.zeros(len(points), bins.n_bins).scatter_(1, indices, torch.softmax(-squared / 50, 1))

    compare("encode, 65,536 pixels", lambda: bins.encode(ab), "torch.cdist + argmin", nearest)
    compare(
        "encode_soft, 65,536 pixels", lambda: bins.encode_soft(ab), "torch.cdist + topk, dense", ten_nearest
    )

    print("\nExplorables, from a moved control to a new picture (aim: under 150 ms):")
    for explorer, name, values in (
        (lightness_slice_explorer(), "L", (40, 60)),
        (brown_well_explorer(), "red", (0.3, 0.6)),
        (color_bins_explorer(), "grid_size", (10, 12)),
    ):
        values = list(values)

        def move(explorer=explorer, name=name, values=values) -> None:
            values.reverse()
            explorer.set(**{name: values[0]})

        print(f"{name:<34} {median_ms(move):8.1f} ms")


if __name__ == "__main__":
    main()
