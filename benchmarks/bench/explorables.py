"""Rows about explorables: from a moved control to the new picture, in the kernel; a browser's share comes on top."""

import time
from collections.abc import Iterator

import torch

from colorlab.colorizer import Colorizer, to_picture
from colorlab.config import History
from colorlab.data import photo, photos, to_lab
from colorlab.datasets import middle_square
from colorlab.flicker import static_clip
from colorlab.kernels import KERNELS
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

STEPS = 12  # values that a drag passes through


def drags() -> Iterator[dict]:
    """For each explorable the seconds of every step of a drag to and fro between two states."""
    for name, (explorer, moves) in explorables().items():
        for move in moves:
            explorer.set(**move)  # the first call fills caches
        seconds = []
        for step in range(STEPS):
            start = time.perf_counter()
            explorer.set(**moves[step % len(moves)])
            seconds.append(time.perf_counter() - start)
        yield {"explorable": name, "seconds": sorted(seconds)}


def explorables() -> dict[str, tuple[Explorable | HintPainter, list[dict]]]:
    """Every explorable at the size the course shows it in, and states to go through: to and fro between two."""
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
    # Another colour at every step: the painter remembers its last answers.
    hints = [{"hints": [(80, 180, (150 - 9 * step, 50, 20 + 12 * step))]} for step in range(STEPS)]
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
        "10 hint painter, 256 pixels": (painter, hints),
        "11 steadiness": (clip.explorer((110, 20), (30, 57)), [{"smoothing": 0.5}, {"smoothing": 0.95}]),
    }
