"""Colorizer = a network + an objective: the one place where L goes in scaled and ab comes out in Lab units."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

import colorlab.weighted_regression  # noqa: F401 (nobody asks for it by name, but its files are opened)
from colorlab.arguments import true_or_false, whole_number
from colorlab.bars import Within, everything, lightness_of, picture_within, without_color
from colorlab.bins import Temperature, checked_temperature
from colorlab.data import resized, shrink, to_lab, to_lightness
from colorlab.device import choose_device
from colorlab.edges import along_edges, edge_slope, enlarged
from colorlab.files.faults import short_of_memory
from colorlab.files.media import bands, read_image
from colorlab.files.tensors import with_sorted_header
from colorlab.files.whole import write_whole
from colorlab.hints import GLOBAL_LENGTH, HINT_CHANNELS, Hint, encode, global_hint, heed
from colorlab.lab import lab_to_rgb_in_gamut, to_levels
from colorlab.networks.base import Trunk
from colorlab.networks.published import build
from colorlab.networks.unet import UNet
from colorlab.objective_base import Objective, at_resolution_of
from colorlab.regions import shared

WEIGHTS = Path(__file__).parent / "weights"
LONGEST = 16  # of a picture longer than 16:1 the network sees a smaller one: its memory has a bound too
MOST_WORKING_SIZE = 1024  # over four times what ships; so 16 megapixels are the most that a network sees
FARTHEST = 5e3  # Lab units: what lies beyond comes into the gamut anyway; more is no Lab for `lab.py`
MOST_AB = 1e6  # Lab units; colours have at most 150, but a network that has learnt nothing may say anything
REFERENCE_SIDE = 256  # pixels of the shorter side are plenty to count colours in
PRETRAINED = ("regression", "classification", "guided")

AnyPicture = np.ndarray | Image.Image | str | Path


class Colorizer:
    """Colours grey pictures.

    Args:
        network: maps scaled L `(N, 1, H, W)` to `(N, objective.out_channels, h, w)`.
        objective: `Regression` or `Classification`; knows how the network's answer is read.
        working_size: pixels of the shorter side at which the network sees a picture. Full-resolution L
            is kept, so a coloured picture is as sharp as the grey one.
        temperature: how a distribution becomes a colour, unless a call says otherwise; 1.0 is the mean,
            "mode" the mode. Ignored by regression, which has no distribution.
        by_region: share distributions within regions of L before one becomes a colour, see `colorlab.regions`,
            unless a call says otherwise. Ignored by regression.
        about: where it comes from, as stored with the weights: recipe, data, scores. For reading only.
    """

    def __init__(
        self,
        network: Trunk,
        objective: Objective,
        working_size: int = 128,
        temperature: Temperature = 0.38,
        by_region: bool = False,
        about: dict | None = None,
    ):
        if network.config["out_channels"] != objective.out_channels:
            raise ValueError(
                f"the network answers {network.config['out_channels']} channels, but {objective!r} reads "
                f"{objective.out_channels}: build it with out_channels=objective.out_channels"
            )
        if about is not None and not isinstance(about, dict):
            raise ValueError(f"about: expected a dict, got {type(about).__name__}")
        about = about or {}
        if not isinstance(about.get("data", {}), dict):
            raise ValueError(f"about: expected a dict as its data, got {type(about['data']).__name__}")
        self.network, self.objective = network, objective
        self.working_size = whole_number("working_size", working_size, 1, MOST_WORKING_SIZE)
        self.temperature = checked_temperature(temperature)
        self.by_region = true_or_false("by_region", by_region)
        self.about = about

    @classmethod
    def new(
        cls,
        objective: Objective,
        width: int = 16,
        depth: int = 3,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ) -> "Colorizer":
        """A U-Net that has learnt nothing yet, for this objective.

        With one seed two objectives begin with the same weights, the last layer's apart, so that whatever
        differs after training comes from the objective. Seeds torch's own generator.
        """
        torch.manual_seed(seed)
        return cls(UNet(1, objective.out_channels, width=width, depth=depth), objective).to(device)

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    def to(self, device: str | torch.device) -> "Colorizer":
        """Move the network; returns itself."""
        self.network.to(device)
        return self

    def scale(self, L: Tensor) -> Tensor:
        """L in [0, 100] -> what a network likes, in [-1, 1]."""
        return L.to(next(self.network.parameters())) / 50 - 1

    @property
    def takes_hints(self) -> bool:
        """Whether the network has channels for a person's hints beside L."""
        return self.network.config["in_channels"] == 1 + HINT_CHANNELS

    @property
    def takes_global_hint(self) -> bool:
        """Whether colours of a whole picture, without places, can be given to the network."""
        return self.network.config.get("vector") == GLOBAL_LENGTH

    def inputs(self, L: Tensor, hints: Tensor | None = None) -> Tensor:
        """What the network is shown: scaled L `(N, 1, H, W)`, and hints `(N, 3, H, W)` if it takes them.

        Training and use both go through here. None stands for no hint at all.

        Raises:
            ValueError: hints for a network that takes none.
        """
        x = self.scale(L)
        if not self.takes_hints:
            if hints is not None:
                raise ValueError('hints: this network was trained without them; use the model "guided"')
            return x
        if hints is None:
            hints = x.new_zeros(len(x), HINT_CHANNELS, *x.shape[-2:])
        return torch.cat([x, hints.to(x)], dim=1)

    def answer(self, L: Tensor, hints: Tensor | None = None, like: Tensor | None = None) -> Tensor:
        """What the network says: L `(N, 1, H, W)` in [0, 100] -> `(N, C, h, w)`, on the network's device.

        Args:
            L: lightness.
            hints: `(N, 3, H, W)`, see `colorlab.hints`.
            like: `(N, GLOBAL_LENGTH)`, a global hint. None stands for none at all.
        """
        if like is not None and not self.takes_global_hint:
            raise ValueError('like: this network was trained without global hints; use the model "guided"')
        x = self.inputs(L, hints)
        return self.network(x) if like is None else self.network(x, like.to(self.device))

    @torch.no_grad()
    def beliefs(
        self,
        L: Tensor,
        hints: Tensor | None = None,
        like: Tensor | None = None,
        by_region: bool | None = None,
    ) -> Tensor:
        """What colours are decided from, `(N, C, h, w)`: probabilities of the bins, or a regression's one colour.

        Args:
            L, hints, like: as in `answer`.
            by_region: share distributions within regions of L; None does as this colorizer does.
        """
        regions = self.by_region if by_region is None else true_or_false("by_region", by_region)
        beliefs = self.objective.beliefs(self.answer(L, hints, like).float())
        if regions and self.objective.has_distribution:
            beliefs = shared(beliefs, at_resolution_of(beliefs, L.to(beliefs), beliefs.shape[1]))
        return beliefs

    def decide(self, beliefs: Tensor, temperature: Temperature | None = None) -> Tensor:
        """Beliefs `(N, C, h, w)` -> ab `(N, 2, h, w)` in Lab units.

        Raises:
            ValueError: a temperature where there is no distribution.
        """
        if temperature is not None and not self.objective.has_distribution:
            raise ValueError("temperature: regression answers one colour, it has no distribution to anneal")
        return self.objective.decide(beliefs, self.temperature if temperature is None else temperature)

    def decode(self, output: Tensor, temperature: Temperature | None = None) -> Tensor:
        """An answer `(N, C, h, w)`, pixel by pixel -> ab `(N, 2, h, w)` in Lab units; see `decide`."""
        return self.decide(self.objective.beliefs(output), temperature)

    @torch.no_grad()
    def predict_ab(
        self,
        L: Tensor,
        temperature: Temperature | None = None,
        hints: Tensor | None = None,
        like: Tensor | None = None,
        by_region: bool | None = None,
    ) -> Tensor:
        """L `(N, 1, H, W)` in [0, 100] -> ab `(N, 2, H, W)` in Lab units, at the size of L.

        Raises:
            ValueError: the network answers what are no colours.
        """
        return self.ab_from(self.beliefs(L, hints, like, by_region), L, temperature, hints)

    @torch.no_grad()
    def ab_from(
        self, beliefs: Tensor, L: Tensor, temperature: Temperature | None = None, hints: Tensor | None = None
    ) -> Tensor:
        """The second half of `predict_ab`, from beliefs that are known already."""
        ab = self.decide(beliefs, temperature)
        if not (ab.abs() < MOST_AB).all():  # nor is NaN
            raise ValueError(
                "the network answers no colours but NaN or huge numbers; its weights are damaged"
            )
        ab = self.to_size(ab, L)
        return ab if hints is None else heed(ab, hints.to(ab), L.to(ab))

    def to_size(self, ab: Tensor, L: Tensor) -> Tensor:
        """ab at the network's answers `(N, 2, h, w)` -> at the size of the L `(N, 1, H, W)` it was shown."""
        return ab if ab.shape[-2:] == L.shape[-2:] else enlarged(ab, L.shape[-2:])

    @torch.no_grad()
    def colorize(
        self,
        image: AnyPicture,
        temperature: Temperature | None = None,
        hints: Sequence[Hint] | None = None,
        like: AnyPicture | None = None,
        by_region: bool | None = None,
    ) -> np.ndarray:
        """Colour a picture of any size. Only its lightness is looked at.

        What needs many bytes a pixel is done on some rows at a time, without a seam: each row is computed as
        if all were. Memory: at most 10 bytes a pixel with the file or array and the result (3 each), and
        100 MB; some hundred where one side is many times the other. See benchmarks/pictures.md.

        Args:
            image: a path, a PIL image, or a uint8 array `(H, W)` or `(H, W, 3)`.
            temperature: see `decode`.
            hints: [(x, y, (r, g, b)), …] in pixels of the picture, uint8 colours. Only a guided network
                takes them.
            like: a colour picture; how often each colour occurs in it, and how saturated it is, are given to
                the network as a global hint. Only a guided network takes it.
            by_region: True shares distributions within regions of L before colours are chosen, False lets every
                pixel decide by itself, None does what is stored with the weights.

        Returns:
            `(H, W, 3)` uint8, with the L of the picture that came in. A colour that sRGB cannot show at that L
            gives up chroma, so black and white stay neutral.

        Raises:
            ImageError: an unreadable file.
            TypeError, ValueError: no picture; a hint outside it, or for a network without; a word for `by_region`.
        """
        rgb = _to_array(image)
        small = self.small_copy(rgb)
        planes = None if not hints else encode(hints, rgb.shape[:2], tuple(small.shape[-2:]))
        overall = None if like is None else global_hint_of(like)
        ab = self.predict_ab(small, temperature, planes, overall, by_region).cpu()
        return painted(rgb, ab, small, everything(rgb) if hints else None)

    def small_copy(self, rgb: np.ndarray) -> Tensor:
        """What the network sees of a picture: the L of a copy of `working_size`, `(1, 1, h, w)`.

        A smaller picture is shown as it is, or enlarged to networks that want this (`Trunk.enlarges`).

        Args:
            rgb: uint8 `(H, W, 3)`.
        """
        height, width = rgb.shape[:2]
        longest = LONGEST * self.working_size * min(height, width) // max(height, width)
        side = max(1, min(self.working_size, longest))
        enlarges = getattr(self.network, "enlarges", False)  # a network of your own need only answer
        seen = resized(rgb, side) if enlarges else shrink(rgb, side)
        return to_lightness(seen)[None]

    def save(self, path: str | Path, half_precision: bool = False) -> Path:
        """Write weights and everything needed to use them as safetensors, via a temporary name.

        Args:
            path: of the file.
            half_precision: store 16 bits a weight: half the size, three significant digits.
        """
        kind = torch.float16 if true_or_false("half_precision", half_precision) else torch.float32
        weights = {k: v.to("cpu", kind).contiguous() for k, v in self.network.state_dict().items()}
        write_whole(path, with_sorted_header(save(weights, self._metadata())))
        return Path(path)

    @classmethod
    def pretrained(cls, name: str = "classification", device: str | torch.device = "cpu") -> "Colorizer":
        """One of the networks that come with colorlab; nothing is downloaded.

        Args:
            name: "regression", "classification", or "guided", which takes colour hints.

        Raises:
            ValueError: an unknown name.
        """
        if name not in PRETRAINED:
            raise ValueError(f"name: expected one of {', '.join(PRETRAINED)}, got {name!r}")
        return cls.load(WEIGHTS / f"{name}.safetensors", device)

    @classmethod
    def load(cls, path: str | Path, device: str | torch.device = "cpu") -> "Colorizer":
        """Read what `save` wrote. Nothing in the file is executed.

        Raises:
            OSError: no such file, or the system refuses to read it.
            ValueError: not a file that `save` wrote, or one whose weights do not fit its description or
                cannot colour.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"{path}: no such file; check the path")
        open(path, "rb").close()  # says what the system refuses; safetensors would call the file missing
        try:
            with safe_open(path, framework="pt") as file:
                metadata = {k: json.loads(v) for k, v in (file.metadata() or {}).items()}
                weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            with torch.device("meta"):  # a lying description allocates nothing; its shapes will not fit
                network = build(**metadata["network"])
            if metadata.get("reads") != network.reads:
                reads = f"it looks through a path down with the checksum {metadata.get('reads')}"
                raise ValueError(f"{reads}, not ours; use it with the edition of colorlab that saved it")
            network.load_state_dict({k: v.float() for k, v in weights.items()}, assign=True)
            colorizer = cls(
                network.eval(),
                Objective.from_dict(metadata["objective"]),
                metadata["working_size"],
                metadata["temperature"],
                metadata.get("by_region", False),  # files of before had no such thing
                metadata["about"],
            )
            colorizer.predict_ab(torch.linspace(0, 100, 256).reshape(1, 1, 16, 16))  # it does colour
        except Exception as error:
            if short_of_memory(error):
                raise
            reason = f"{type(error).__name__}: {error}"[:500]  # a lying file may hold a name of megabytes
            raise ValueError(f"{path}: not a colorizer saved by colorlab ({reason})") from error
        return colorizer.to(device)

    def _metadata(self) -> dict[str, str]:
        values = {
            "reads": self.network.reads,
            "network": {"architecture": type(self.network).__name__, **self.network.config},
            "objective": self.objective.to_dict(),
            "working_size": self.working_size,
            "temperature": self.temperature,
            "by_region": self.by_region,
            "about": self.about,
        }
        return {k: json.dumps(v) for k, v in values.items()}  # safetensors' metadata are strings


def open_model(name: str | Path, device: str = "auto") -> Colorizer:
    """A shipped network by its name, or one from a file; unless told otherwise on a GPU where there is one."""
    device = choose_device(device)
    return Colorizer.pretrained(str(name), device) if name in PRETRAINED else Colorizer.load(name, device)


def global_hint_of(like: AnyPicture) -> Tensor:
    """The global hint that a colour picture gives, `(1, GLOBAL_LENGTH)`."""
    reference = shrink(_to_array(like), REFERENCE_SIDE)
    return global_hint(to_lab(reference)[None])


def painted(rgb: np.ndarray, ab: Tensor, small: Tensor, within: Within | None = None) -> np.ndarray:
    """A picture in new colours: its own L, and ab `(1, 2, h, w)` of its small copy laid under that.

    Args:
        rgb: uint8 `(H, W, 3)`; or finer greys, uint16 `(H, W)`, for colours as fine.
        ab, small: see `along_edges`.
        within: where colour may be; None leaves out letterbox bars and flat frames, see `colorlab.bars`.
    """
    height, width = rgb.shape[:2]
    colored, slope = np.empty((height, width, 3), rgb.dtype), edge_slope(ab, small)
    within = within or picture_within(rgb)
    for rows in bands(height, width):
        L = lightness_of(rgb[rows])[None]
        ab_there = without_color(along_edges(ab, small, L, rows.start, height, slope), rows.start, within)
        colored[rows] = to_picture(torch.cat([L, ab_there], dim=1)[0], rgb.dtype)
    return colored


def to_picture(lab: Tensor, kind: np.typing.DTypeLike = np.uint8) -> np.ndarray:
    """Lab `(3, H, W)` -> uint8 or uint16 `(H, W, 3)`, brought into the gamut at its own L, rounded to its levels."""
    within = lab.detach().cpu().float().clamp(-FARTHEST, FARTHEST)
    rgb = lab_to_rgb_in_gamut(within)
    return np.stack(to_levels(rgb, np.iinfo(kind).max).numpy().astype(kind), axis=-1)


def _to_array(image: AnyPicture) -> np.ndarray:
    if isinstance(image, (str, Path, Image.Image)):
        return read_image(image)
    if not isinstance(image, np.ndarray):
        raise TypeError(f"image: expected a path, a PIL image or an array, got {type(image).__name__}")
    if image.dtype != np.uint8:
        raise TypeError(f"image: expected uint8 in 0..255, got {image.dtype}; multiply by 255 and round")
    if 0 in image.shape or not (image.ndim == 2 or image.shape[2:] == (3,)):
        raise ValueError(f"image: expected (H, W) or (H, W, 3), got {image.shape}")
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
