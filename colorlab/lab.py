"""sRGB <-> CIE Lab on tensors: any device, any leading dimensions, differentiable.

Lab separates what a grey photograph knows from what it has lost. `L` is the lightness, `a` runs from
green to red, `b` from blue to yellow, and equal distances look roughly equally different. A colorizer
reads L and guesses (a, b).

The formulas are those of CIE 1976 with the D65 white point and the 2° observer; matrix and white are
scikit-image's, which the tests use as the oracle.

Each curve is a straight line near black and a power above. Here every colour runs through both: the power stops
where they meet, and the line, counted from there, ends at 0; the two are added. So no gradient passes through an
infinite slope, and no mask is needed.

The formulas are written once, in what torch's tensors and NumPy's arrays have in common. Where a gradient is wanted,
and on a GPU, they run on tensors; else on arrays, whose powers and logarithms take a third of a thread's time.
"""

from collections.abc import Callable
from math import inf, prod
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.autograd.forward_ad import unpack_dual

from colorlab.blocks import on_arrays

# Linear sRGB -> CIE XYZ (ITU-R BT.709 primaries, D65).
RGB_TO_XYZ = torch.tensor(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]],
    dtype=torch.float64,
)
WHITE = torch.tensor([0.95047, 1.0, 1.08883], dtype=torch.float64)  # XYZ of D65

# In units of the white point, and Y first, so that L = 116 y - 16, a = 500 (x - y) and b = -200 (z - y) take the
# places of Y, X and Z.
RGB_TO_YXZ = (RGB_TO_XYZ / WHITE[:, None])[[1, 0, 2]].numpy()
YXZ_TO_RGB = np.linalg.inv(RGB_TO_YXZ)
SPREAD = np.array([[116.0], [500.0], [-200.0]])

# CIE's cube root gives way to a straight line near black; the two meet, with equal slope, at t = (6/29)³.
KNEE = 6 / 29
SLOPE = 7.787  # 1 / (3 KNEE²) = 7.78704 rounded as in scikit-image; the rounding moves a by up to 2e-4
# The curve of sRGB: what a file stores, and the light it stands for, where line and power meet.
DARK, DARK_LIGHT = 0.04045, 0.0031308

Pixels: TypeAlias = Tensor | np.ndarray

# The numbers of so many stay in the cache of a processor core, and are enough for NumPy to compute in place what
# stands between two operators.
PIXELS_AT_ONCE = 3 << 13

# Whether NumPy computes these functions of many float32 at once on this processor: with AVX-512 it does.
_known = (
    np.lib.introspect.opt_func_info("^(log2|exp2|cbrt)$", "float32") if hasattr(np.lib, "introspect") else {}
)
VECTORISED = len(_known) == 3 and all(
    "baseline" not in kinds.get("ff", {}).get("current", "baseline") for kinds in _known.values()
)

CHROMA_STEPS, ROUNDING = 10, 1e-4  # halvings that bring a colour into the gamut; what rounding may miss it by


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """Convert sRGB to CIE Lab.

    Args:
        rgb: `(..., 3, H, W)`, float in [0, 1] or uint8 in 0..255.

    Returns:
        `(..., 3, H, W)` float: L in [0, 100], a in about [-86, 98], b in about [-108, 95].
        uint8 becomes float32; float32 and float64 are kept, float16 and bfloat16 are computed in float32.

    Raises:
        TypeError: not a tensor, or an integer type other than uint8.
        ValueError: no axis of 3 channels, or a value outside [0, 1].

    References:
        CIE 015:2018, Colorimetry; IEC 61966-2-1 for the sRGB curve.
    """
    return _by_pixel(_to_lab, _check_rgb, _as_rgb(rgb))


def lightness(rgb: Tensor) -> Tensor:
    """L alone, as `rgb_to_lab` gives it, at a third of the cost: `(..., 3, H, W)` -> `(..., 1, H, W)`."""
    return _by_pixel(_to_lightness, _check_rgb, _as_rgb(rgb), channels=1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """Convert CIE Lab to sRGB, clipping what a screen cannot show.

    Args:
        lab: `(..., 3, H, W)` float: L in [0, 100], a and b in Lab units. Colours outside the sRGB
            gamut are legal; `in_gamut` says which they are.

    Returns:
        `(..., 3, H, W)` float in [0, 1]. Where a channel was clipped its gradient is 0.

    Raises:
        TypeError: not a tensor of floats.
        ValueError: no axis of 3 channels, L outside [0, 100], or a value that is not finite.
    """
    return _by_pixel(lambda lab: _to_rgb(lab).clip(0, 1), _check_lab, _as_lab(lab))


def lab_to_rgb_in_gamut(lab: Tensor) -> Tensor:
    """As `lab_to_rgb`, but what a screen cannot show gives up chroma until it can: L and hue stay.

    Clipping each of R, G and B moves lightness and hue too: a blue too strong for a light sky comes out darker
    or violet. And near black and white, where sRGB has hardly any colour, none is left.

    Args:
        lab: `(..., 3, H, W)` float, as for `lab_to_rgb`.

    Returns:
        `(..., 3, H, W)` float in [0, 1]; not made for gradients.
    """
    lab = _as_lab(lab).detach()
    rgb = _lab_to_unclipped_rgb(lab)
    pixels, shown = (x.movedim(-3, 0).flatten(1) for x in (lab, rgb))  # (3, P) each
    outside = ((shown.amin(0) < -ROUNDING) | (shown.amax(0) > 1 + ROUNDING)).nonzero().squeeze(1)
    if len(outside):
        paler = _by_pixel(_paler, _check_lab, pixels[:, None, outside])
        shown.index_copy_(1, outside, paler[:, 0])
    return shown.clamp_(0, 1).reshape(3, *lab.shape[:-3], *lab.shape[-2:]).movedim(0, -3)


def grey_of(L: Tensor) -> Tensor:
    """The sRGB grey of a lightness, as `lab_to_rgb` gives it for a = b = 0, at a third of the cost.

    Args:
        L: any shape, float in [0, 100]; what lies beyond is clipped.

    Returns:
        The same shape, float in [0, 1].
    """
    return _stored(_cubed((L.clamp(0, 100) + 16) / 116)).clamp(0, 1)


def to_levels(rgb: Tensor, most: int = 255) -> Tensor:
    """sRGB in [0, 1] -> the nearest of the levels 0, 1, … `most` that a file stores. Any shape; the type stays."""
    return (rgb * most).round_()


def in_gamut(lab: Tensor, tolerance: float = ROUNDING) -> Tensor:
    """Which pixels an sRGB screen can show.

    Args:
        lab: `(..., 3, H, W)` float, as for `lab_to_rgb`.
        tolerance: how far outside [0, 1] a channel may lie, for rounding errors.

    Returns:
        `(..., H, W)` bool.
    """
    rgb = _lab_to_unclipped_rgb(lab)
    return ((rgb >= -tolerance) & (rgb <= 1 + tolerance)).all(dim=-3)


def chroma(ab: Tensor) -> Tensor:
    """How colourful: the distance from grey, sqrt(a² + b²). `(..., 2, H, W)` -> `(..., H, W)`, Lab units.

    Of a difference of two colours it is their distance. Not made for gradients: at grey, or between equal colours,
    that is NaN.
    """
    return torch.hypot(*ab.unbind(-3))  # a norm along an axis of two takes a hundred times as long


def _lab_to_unclipped_rgb(lab: Tensor) -> Tensor:
    return _by_pixel(_to_rgb, _check_lab, _as_lab(lab))


# ---- the formulas, on pixels (N, 3, P): tensors, or where no gradient is wanted NumPy's arrays -------


def _to_lab(rgb: Pixels) -> Pixels:
    lab = _cube_root(_yxz_of(rgb))
    lab[:, 1] -= lab[:, 0]
    lab[:, 2] -= lab[:, 0]
    lab *= _like(lab, SPREAD)
    lab[:, 0] -= 16
    return lab


def _to_lightness(rgb: Pixels) -> Pixels:
    return 116 * _cube_root(_yxz_of(rgb, slice(1))) - 16


def _to_rgb(lab: Pixels) -> Pixels:
    """Beyond [0, 1] where a screen cannot follow."""
    return _stored(_light_of(lab))


def _light_of(lab: Pixels) -> Pixels:
    """Light of R, G and B, linear."""
    roots = lab * _like(lab, 1 / SPREAD)
    roots[:, 0] += 16 / 116
    roots[:, 1] += roots[:, 0]
    roots[:, 2] += roots[:, 0]
    return _like(lab, YXZ_TO_RGB) @ _cubed(roots)


def _paler(lab: Pixels) -> Pixels:
    """sRGB of the colours with as much of their chroma as a screen can show at their L and hue."""
    scaled, to_rgb = lab * _like(lab, 1 / SPREAD), _like(lab, YXZ_TO_RGB)
    y, away = scaled[:, :1] + 16 / 116, scaled[:, 1:]
    of_y = to_rgb[:, :1] @ _cubed(y)  # the part of the light that no chroma changes

    def light(share: Pixels) -> Pixels:
        return of_y + to_rgb[:, 1:] @ _cubed(y + share * away)

    # Told by the light, as the curve costs the most.
    least, most = _light(np.array([-ROUNDING, 1 + ROUNDING])).tolist()
    share = 0 * y  # of the chroma; grey is inside, the colour itself is not
    for halving in range(1, CHROMA_STEPS + 1):
        more = _like(lab, np.array(0.5**halving))
        r, g, b = light(share + more).swapaxes(0, 1)
        inside = (r >= least) & (r <= most) & (g >= least) & (g <= most) & (b >= least) & (b <= most)
        share += more * inside[:, None]
    return _stored(light(share))


def _yxz_of(rgb: Pixels, which: slice = slice(None)) -> Pixels:
    """CIE Y, X and Z in units of the white point, or some of the three."""
    if rgb.dtype in (torch.uint8, np.uint8):  # there are but 256 levels
        light = _light(np.arange(256, dtype=np.float32) / 255)
        light = light.take(rgb) if isinstance(rgb, np.ndarray) else _like(rgb.float(), light)[rgb.int()]
    else:
        light = _light(rgb)
    return _like(light, RGB_TO_YXZ[which]) @ light


def _light(stored: Pixels) -> Pixels:
    """The curve of sRGB: what a file stores -> light."""
    power = _power((stored.clip(DARK, inf) + 0.055) * (1 / 1.055), 2.4)
    return power + (stored * (1 / 12.92) - DARK_LIGHT).clip(-inf, 0)


def _stored(light: Pixels) -> Pixels:
    """The curve of sRGB: light -> what a file stores."""
    power = 1.055 * _power(light.clip(DARK_LIGHT, inf), 1 / 2.4) - 0.055
    return power + (light * 12.92 - DARK).clip(-inf, 0)


def _cube_root(t: Pixels) -> Pixels:
    """CIE's, with its line near black."""
    return _power(t.clip(KNEE**3, inf), 1 / 3) + (SLOPE * t + (4 / 29 - KNEE)).clip(-inf, 0)


def _cubed(t: Pixels) -> Pixels:
    """The other way."""
    root = t.clip(KNEE, inf)
    return root * root * root + (t * (1 / SLOPE) - (4 / 29 / SLOPE + KNEE**3)).clip(-inf, 0)


def _power(x: Pixels, exponent: float) -> Pixels:
    """x ** exponent of x > 0, in half the time that pow takes for a broken exponent."""
    if not isinstance(x, np.ndarray):
        return torch.log2(x).mul_(exponent).exp2_()
    if exponent == 1 / 3 and VECTORISED:
        return np.cbrt(x)
    log, exp = (np.log2, np.exp2) if VECTORISED else (np.log, np.exp)
    return exp(exponent * log(x))


def _like(pixels: Pixels, constant: np.ndarray) -> Pixels:
    """A constant of the kind that pixels are."""
    if isinstance(pixels, np.ndarray):
        return constant.astype(pixels.dtype)
    return torch.from_numpy(constant).to(pixels)


def _by_pixel(
    convert: Callable[[Pixels], Pixels],
    check: Callable[[Pixels], None],
    pixels: Tensor,
    channels: int = 3,
) -> Tensor:
    """Convert `(..., 3, H, W)` by a function of `(N, 3, P)`, each block after a look at its numbers."""

    def checked(block: Pixels) -> Pixels:
        check(block)
        return convert(block)

    *leading, _, height, width = pixels.shape
    flat = pixels.reshape(prod(leading), 3, height * width)
    forward = unpack_dual(pixels).tangent is not None
    differentiable = forward or (pixels.requires_grad and torch.is_grad_enabled())
    if pixels.device.type == "cpu" and not differentiable:
        converted = on_arrays(checked, flat, channels, PIXELS_AT_ONCE)
    else:
        converted = checked(flat)
    return converted.reshape(*leading, channels, height, width)


# ---- what may come in ----------------------------------------------------------------------------


def _as_rgb(rgb: Tensor) -> Tensor:
    _check_channels(rgb, "rgb")
    return rgb if rgb.dtype == torch.uint8 else _as_float(rgb, "rgb", "float in [0, 1] or uint8 in 0..255")


def _as_lab(lab: Tensor) -> Tensor:
    _check_channels(lab, "lab")
    return _as_float(lab, "lab", "float, L in [0, 100]")


def _check_rgb(rgb: Pixels) -> None:
    if rgb.dtype not in (torch.uint8, np.uint8):
        _check_range(rgb, 0.0, 1.0, "rgb", "divide by the largest value, or pass uint8")


def _check_lab(lab: Pixels) -> None:
    # Rounding may carry L a hair outside; a picture in the wrong units lies far outside.
    _check_range(lab[:, :1], -0.01, 100.01, "lab: L", "L* runs from 0 to 100; was it scaled for a network?")
    _check_range(lab[:, 1:], -1e4, 1e4, "lab", "a and b are in Lab units, about -110..110")


def _check_channels(pixels: Tensor, name: str) -> None:
    if not isinstance(pixels, Tensor):
        raise TypeError(f"{name}: expected a torch tensor, got {type(pixels).__name__}; use torch.as_tensor")
    if pixels.ndim < 3 or pixels.shape[-3] != 3:
        hint = "; move the channels first: .movedim(-1, -3)" if pixels.shape[-1:] == (3,) else ""
        raise ValueError(f"{name}: expected shape (..., 3, H, W), got {tuple(pixels.shape)}{hint}")


def _as_float(pixels: Tensor, name: str, expected: str) -> Tensor:
    if not pixels.is_floating_point():
        raise TypeError(f"{name}: expected {expected}, got {pixels.dtype}")
    return pixels if pixels.dtype in (torch.float32, torch.float64) else pixels.float()


def _check_range(values: Pixels, low: float, high: float, name: str, remedy: str) -> None:
    if 0 in values.shape:
        return
    least, most = values.min().item(), values.max().item()
    if not (least >= low and most <= high):  # written so that NaN fails too
        wanted = f"values in [{max(low, 0):g}, {round(high):g}]" if low >= -1 else "finite values"
        raise ValueError(f"{name}: expected {wanted}, got {least:g}..{most:g}; {remedy}")
