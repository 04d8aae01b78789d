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
from colorlab.colorizer import Colorizer, to_picture
from colorlab.config import History
from colorlab.data import photo, photos, to_lab
from colorlab.datasets import middle_square
from colorlab.flicker import static_clip
from colorlab.kernels import KERNELS
from colorlab.lab import rgb_to_lab
from colorlab.networks.unet import UNet
from colorlab.objectives import Regression
from colorlab.toy import CoinToss
from colorlab.widgets.brown_well import brown_well_explorer
from colorlab.widgets.color_bins import color_bins_explorer
from colorlab.widgets.explorable import Explorable
from colorlab.widgets.hint_painter import HintPainter
from colorlab.widgets.kernel_playground import kernel_playground
from colorlab.widgets.lightness_slice import lightness_slice_explorer
from colorlab.widgets.pixel_inspector import PixelInspector
from colorlab.widgets.rebalancing import RebalancingView
from colorlab.widgets.soft_labels import SoftLabels
from colorlab.widgets.steadiness import SteadinessView
from colorlab.widgets.temperature import TemperatureView
from colorlab.widgets.training_replay import TrainingReplay
from colorlab.widgets.unet_explorer import UNetView


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
    for name, (explorer, moves) in explorables().items():

        def move(explorer=explorer, moves=moves) -> None:
            moves.reverse()
            explorer.set(**moves[0])

        print(f"{name:<34} {median_ms(move):8.1f} ms")


def explorables() -> dict[str, tuple[Explorable | HintPainter, list[dict]]]:
    """Every explorable at the size the course shows it in, and two states to go to and fro between."""
    trained = Colorizer.pretrained("classification")
    objective, bins = trained.objective, trained.objective.bins
    fixed = CoinToss([photo("astronaut", side=48), photo("coffee", side=48)]).evaluation()
    logits = torch.randn(len(fixed.L), bins.n_bins, *fixed.L.shape[-2:])
    squares = torch.stack([to_lab(middle_square(p.rgb, 64)) for p in photos()])
    with torch.no_grad():
        stored = trained.answer(squares[:, :1])
    history = History(*(list(range(21)) for _ in range(5)))
    frames = {step: [to_picture(lab) for lab in squares[:2]] for step in history.step}
    torch.manual_seed(0)
    pair = [Colorizer(UNet(1, 2, width=8, depth=2, skips=skips), Regression()) for skips in (True, False)]
    kernels = [{"kernel": tuple(KERNELS[name].flatten().tolist())} for name in list(KERNELS)[:2]]
    clip = SteadinessView(trained, static_clip("rocket", "flower", frames=16, side=96)[0], 0.38)
    painter = HintPainter(Colorizer.pretrained("guided"), photo("coffee", side=256).rgb)
    red, blue = (80, 180, (150, 50, 20)), (80, 180, (40, 70, 170))
    return {
        "01 lightness slice": (lightness_slice_explorer(), [{"L": 40}, {"L": 60}]),
        "02 kernel playground": (kernel_playground(), kernels),
        "03 U-Net": (UNetView(*pair, squares[1]).explorer(), [{"side": 33}, {"side": 48}]),
        "04 training replay": (
            TrainingReplay(history, frames, ["a", "b"], "nats").explorer(),
            [{"step": 5}, {"step": 9}],
        ),
        "05 brown well": (brown_well_explorer(), [{"first": 0.3}, {"first": 0.6}]),
        "06 color bins": (color_bins_explorer(), [{"grid_size": 10}, {"grid_size": 12}]),
        "07 pixel inspector": (PixelInspector(bins, logits, fixed).explorer(5, 6, 20), [{"x": 3}, {"x": 9}]),
        "07 temperature": (
            TemperatureView(bins, logits, fixed).explorer(),
            [{"temperature": 0.38}, {"temperature": 1.0}],
        ),
        "08 what one pixel teaches": (
            SoftLabels(bins, objective.prior).explorer(),
            [{"sigma": 5.0}, {"sigma": 8.0}],
        ),
        "08 rebalancing": (
            RebalancingView(objective, stored, squares).explorer(),
            [{"uniform_mix": 0.5}, {"uniform_mix": 1.0}],
        ),
        "10 hint painter, 256 pixels": (painter, [{"hints": [red]}, {"hints": [blue]}]),
        "11 steadiness": (clip.explorer((110, 20), (30, 57)), [{"smoothing": 0.5}, {"smoothing": 0.95}]),
    }


if __name__ == "__main__":
    main()
