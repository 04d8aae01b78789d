"""Rows about colours: Lab both ways, bins, and from distributions back to colours."""

from collections.abc import Iterator

import cv2
import kornia
import numpy as np
import torch
from clock import Row
from skimage.color import lab2rgb, rgb2lab
from sklearn.neighbors import BallTree

from colorlab.bins import ColorBins
from colorlab.lab import lab_to_rgb, rgb_to_lab

TOLERANCE = 2e-4  # of scikit-image, in L, a, b and in rgb in [0, 1]
SIZES = {"256²": (1, 256, 256), "8×256²": (8, 256, 256), "1 MP": (1, 1000, 1000), "10 MP": (1, 2500, 4000)}
SIDE = 256


def rows() -> Iterator[Row]:
    cv2.setNumThreads(torch.get_num_threads())
    for name, shape in SIZES.items():
        yield from _lab_rows(name, *shape)
    yield from _bin_rows()
    yield _decoding()


def _lab_rows(name: str, n: int, height: int, width: int) -> Iterator[Row]:
    rgb = torch.rand(n, 3, height, width, generator=torch.Generator().manual_seed(0))
    levels = (255 * rgb).round().byte()
    array = np.ascontiguousarray(rgb.movedim(1, -1).reshape(-1, width, 3).numpy())  # one tall picture
    bytes_ = (255 * array).round().astype(np.uint8)
    truth = rgb2lab(array.astype(np.float64))
    lab, lab_array = rgb_to_lab(rgb), truth.astype(np.float32)

    def as_array(found: torch.Tensor) -> np.ndarray:
        return found.movedim(1, -1).reshape(-1, width, 3).numpy()

    yield Row(
        f"sRGB → Lab, float32, {name}",
        lambda: rgb_to_lab(rgb),
        {
            "OpenCV": lambda: cv2.cvtColor(array, cv2.COLOR_RGB2LAB),
            "kornia": lambda: kornia.color.rgb_to_lab(rgb),
            "scikit-image": lambda: rgb2lab(array),
        },
        "OpenCV's time",
        faster=1,
        accuracy=lambda: _near(as_array(rgb_to_lab(rgb)), truth, cv2.cvtColor(array, cv2.COLOR_RGB2LAB)),
    )
    yield Row(
        f"sRGB → Lab, uint8, {name}",
        lambda: rgb_to_lab(levels),
        {
            "OpenCV, float32": lambda: cv2.cvtColor(array, cv2.COLOR_RGB2LAB),
            "OpenCV, uint8": lambda: cv2.cvtColor(bytes_, cv2.COLOR_RGB2LAB),
            "scikit-image": lambda: rgb2lab(bytes_),
        },
        "OpenCV's float32 time",
        faster=1,
        accuracy=lambda: _near(as_array(rgb_to_lab(levels)), rgb2lab(bytes_.astype(np.float64) / 255)),
    )
    yield Row(
        f"Lab → sRGB, {name}",
        lambda: lab_to_rgb(lab),
        {
            "OpenCV": lambda: cv2.cvtColor(lab_array, cv2.COLOR_LAB2RGB),
            "kornia": lambda: kornia.color.lab_to_rgb(lab),
            "scikit-image": lambda: lab2rgb(lab_array),
        },
        "twice OpenCV's time",
        faster=0.5,
        accuracy=lambda: _near(
            as_array(lab_to_rgb(lab)), array, np.clip(cv2.cvtColor(lab_array, cv2.COLOR_LAB2RGB), 0, 1)
        ),
    )


def _near(found: np.ndarray, truth: np.ndarray, peer: np.ndarray | None = None) -> str:
    worst = float(np.abs(found - truth).max())
    assert worst <= TOLERANCE, worst
    return f"{worst:.1e}" + ("" if peer is None else f" (OpenCV {np.abs(peer - truth).max():.1e})")


def _bin_rows() -> Iterator[Row]:
    bins = ColorBins(10)
    inside = rgb_to_lab(torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)))[:, 1:]
    wide = 57 * torch.randn(
        1, 2, SIDE, SIDE, generator=torch.Generator().manual_seed(0)
    )  # a third lies outside
    far = 150 + wide.abs() / 2
    for name, ab, faster, faster_soft in (
        ("in the gamut", inside, 80, 5),
        ("a third outside", wide, 15, 3),
        ("all outside", far, 10, 3),
    ):
        points = ab.movedim(1, -1).reshape(-1, 2)
        tree = BallTree(bins.centers.numpy())

        def soft(points=points) -> tuple:
            squared, indices = torch.cdist(points, bins.centers).square().topk(10, largest=False)
            return indices, torch.softmax(-squared / 50, 1)

        yield Row(
            f"encode, 65,536 pixels, {name}",
            lambda ab=ab: bins.encode(ab),
            {
                "cdist + argmin": lambda points=points: torch.cdist(points, bins.centers).argmin(1),
                "ball tree": lambda points=points, tree=tree: tree.query(points.numpy()),
            },
            f"{faster} × cdist",
            faster=faster,
            accuracy=lambda ab=ab: _exact(bins, ab),
        )
        yield Row(
            f"encode_soft, 65,536 pixels, {name}",
            lambda ab=ab: bins.encode_soft(ab),
            {
                "cdist + topk": soft,
                "ball tree": lambda points=points, tree=tree: tree.query(points.numpy(), 10),
            },
            f"{faster_soft} × cdist + topk",
            faster=faster_soft,
            accuracy=lambda ab=ab: _exact(bins, ab),
        )


def _exact(bins: ColorBins, ab: torch.Tensor) -> str:
    points = ab.double().movedim(1, -1).reshape(-1, 1, 2)
    distance = (points - bins.centers.double()).norm(dim=-1)  # (P, Q)
    nearest = bins.encode(ab).flatten()
    excess = distance.gather(1, nearest[:, None])[:, 0] - distance.amin(1)
    assert excess.max() < 1e-4
    return "exact"


def _decoding() -> Row:
    bins, temperature = ColorBins(10), 0.38
    logits = 4 * torch.randn(1, bins.n_bins, SIDE, SIDE, generator=torch.Generator().manual_seed(0))

    def usual(logits: torch.Tensor = logits) -> torch.Tensor:
        chances = torch.softmax(logits / temperature, dim=1)
        return torch.einsum("nqhw,qc->nchw", chances, bins.centers.to(logits))

    def accuracy() -> str:
        worst = float((bins.decode(logits, temperature) - usual(logits.double())).abs().max())
        assert worst < 1e-3, worst
        return f"{worst:.1e}"

    return Row(
        f"decode 256² at T = {temperature}, Q = {bins.n_bins}",
        lambda: bins.decode(logits, temperature),
        {"softmax + einsum": usual},
        "2 × softmax + einsum",
        faster=2,
        accuracy=accuracy,
    )
