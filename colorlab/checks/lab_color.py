"""Exercises of notebook 01, Lab."""

import torch
from torch import Tensor

from colorlab.checks.exercise import exercise, numbers
from colorlab.lab import chroma, lab_to_rgb, rgb_to_lab


def lightness() -> float:
    return 116 * 0.125 ** (1 / 3) - 16  # the cube root of 0.125 is 0.5


@exercise(
    hints=(
        "Y = 0.125 is far from black, so the cube root applies and the straight line does not.",
        "0.5 · 0.5 · 0.5 = 0.125. Put the cube root into 116 · … − 16.",
    ),
    solution=lightness,
)
def q1(answer):
    """the L* of a surface that sends back Y = 0.125 of the light that white does."""
    L = float(numbers(answer, (), "L*"))
    mistakes = {
        12.5: "that is Y in per cent; the eye does not see light in proportion",
        50.0: "that is the cube root in per cent; L* = 116 · (cube root) − 16",
        58.0: "that is 116 times the cube root; the 16 is still in it",
        38.9: "that is the value sRGB stores for this light, in per cent: luma, not L*",
        25.0: "that takes the square root; L* takes the cube root",
        0.5: "that is the cube root alone; L* = 116 · (cube root) − 16",
        0.42: "right but for its scale: L* runs from 0 to 100",
    }
    for wrong, message in mistakes.items():
        if abs(L - wrong) < 0.06:
            return message
    if not abs(L - lightness()) <= 0.05:  # written so that NaN fails too
        return f"{L:g} is not it; which of the printed steps goes from Y to L*?"
    return None


def turn(lab: Tensor, degrees: float) -> Tensor:
    angle = torch.deg2rad(torch.tensor(float(degrees)))
    L, a, b = lab
    return torch.stack([L, a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()])


@exercise(
    hints=(
        "L goes through untouched; (a, b) is turned like any arrow in the plane, about the origin.",
        "90° carries (1, 0) to (0, 1): a' = a cos − b sin, b' = a sin + b cos, with the angle in radians.",
    ),
    solution=turn,
)
def q2(answer):
    """a function (lab of shape (3, H, W), degrees) -> the same L, (a, b) turned counter-clockwise, for 10 pictures."""
    if not callable(answer):
        return f"expected a function of (lab, degrees), got {type(answer).__name__}"
    generator = torch.Generator().manual_seed(1)
    for degrees in (90.0, -50.0, 25.0, 180.0, 120.0, 240.0, 7.0, -95.0, -135.0, 300.0):
        lab = torch.cat(
            [100 * torch.rand(1, 4, 5, generator=generator), 30 * torch.randn(2, 4, 5, generator=generator)]
        )
        given, wanted = lab.clone(), turn(lab, degrees).double()
        found = numbers(answer(given, degrees), (3, 4, 5), "the picture, L included,")
        if not torch.equal(given, lab):
            return "it changes the picture it was given; make a new one (torch.stack) and return that"
        if mistake := _wrong_turn(found, wanted, lab.double(), degrees):
            return mistake
    return None


def _wrong_turn(found: Tensor, wanted: Tensor, lab: Tensor, degrees: float) -> str | None:
    def equals(other: Tensor) -> bool:
        return torch.allclose(found, other.double(), atol=1e-3)

    if equals(wanted):
        return None
    if not found.isfinite().all():
        return f"at {degrees:g}° some values are not finite"
    if equals(lab):
        return "nothing was turned: it returns the picture as it came"
    drift = (found[0] - lab[0]).abs().max().item()
    if drift > 1e-3:
        return f"L* moved by up to {drift:.1f}: a grey photograph would betray it; only a and b may change"
    if equals(turn(lab, -degrees)):
        return "that is clockwise: a turn of 90° must carry +a (red) to +b (yellow)"
    angle, (L, a, b) = torch.deg2rad(torch.tensor(degrees)), lab
    if equals(torch.stack([L, a * angle.cos() + b * angle.sin(), a * angle.sin() + b * angle.cos()])):
        return f"at {degrees:g}° it mirrors: one of the two sines carries a minus"
    if equals(turn(lab, torch.rad2deg(torch.tensor(degrees)).item())):
        return f"it takes {degrees:g} as radians; sin and cos want radians, the exercise gives degrees"
    ratio = (chroma(found[1:]).mean() / chroma(lab[1:]).mean()).item()
    if abs(ratio - 1) > 1e-3:
        return f"at {degrees:g}° the mean chroma became {ratio:.2f} of what it was; a turn keeps it"
    return f"at {degrees:g}° the chroma is right and the hue is not"


RED = (255, 0, 0)
SAME_GREY, FAR_APART = 0.5, 130.0  # Lab units


def twin() -> list[int]:
    at_reds_lightness = torch.tensor([53.2, 20.0, -70.0]).reshape(
        3, 1, 1
    )  # a blue from the slice of red's L*
    return (255 * lab_to_rgb(at_reds_lightness)).round().int().flatten().tolist()


@exercise(
    hints=(
        "Red has L* = 53.2. Set the explorable to L* = 53: which corners of the slice lie farthest from (80, 67)?",
        "Take such a corner a little inside, put (53.2, a, b) through lab_to_rgb, times 255, and round.",
    ),
    solution=twin,
)
def q3(answer):
    """whole numbers R, G, B whose L* is that of pure red within 0.5, and whose (a, b) lies at least 130 from red's."""
    rgb = numbers(answer, (3,), "one colour [R, G, B]")
    if rgb.min() < 0 or rgb.max() > 255:
        return f"R, G and B run from 0 to 255, these from {rgb.min():g} to {rgb.max():g}"
    if not torch.equal(rgb, rgb.round()):
        inside = " (times 255, then round)" if rgb.max() <= 1 else "; round them"
        return f"a picture file stores whole numbers from 0 to 255{inside}"
    L, a, b = _lab(rgb)
    red_L, red_a, red_b = _lab(torch.tensor(RED).double())
    distance = ((a - red_a) ** 2 + (b - red_b) ** 2) ** 0.5
    if abs(L - red_L) > SAME_GREY:
        luma, red_luma = (
            float(c @ torch.tensor([0.2125, 0.7154, 0.0721]).double())
            for c in (rgb, torch.tensor(RED).double())
        )
        same_luma = " (their luma agrees, and that is the trap)" if abs(luma - red_luma) < 2.55 else ""
        return f"its L* is {L:.1f}, red's is {red_L:.1f}: a grey photograph tells them apart{same_luma}"
    if distance < FAR_APART:
        return f"the same grey, but only {distance:.0f} Lab units from red; look for a colour farther away"
    return None


def _lab(rgb: Tensor) -> tuple[float, float, float]:
    return tuple(rgb_to_lab((rgb / 255).reshape(3, 1, 1)).flatten().tolist())
