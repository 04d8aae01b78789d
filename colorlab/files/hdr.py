"""Films with a high dynamic range, PQ and HLG, and wide gamuts: brought to what a usual screen shows.

A usual film says how bright a pixel is in parts of the screen's white; PQ (SMPTE ST 2084) says it in candela
a square metre, HLG (ARIB STD-B67) in light of the scene. White paper lies at 203 cd/m² in both (ITU-R BT.2408).
Here it comes to 91 % of the signal; what is brighter, lamps and the sun, is squeezed into the rest.
"""

from functools import cache

import numpy as np

from colorlab.files.media import bands

PQ, HLG = 16, 18  # numbers of curves in FFmpeg, after ITU-T H.273
BT2020 = 9  # the number of these primaries, and of their matrix
PAPER = 203.0  # cd/m²
PEAK = 1000.0  # cd/m² of the screen that HLG is meant for
KNEE = 0.75  # of the signal; what is darker keeps its brightness
GAMMA = 2.4  # of the screens that films are graded on (ITU-R BT.1886)
LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)  # of BT.2020's red, green and blue
TO_BT709 = np.array(  # linear light, ITU-R BT.2087
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)


def to_usual(deep: np.ndarray, curve: int) -> np.ndarray:
    """uint16 `(H, W, 3)`, RGB with BT.2020's primaries -> uint8 `(H, W, 3)` with BT.709's.

    Args:
        deep: 65535 is a full signal.
        curve: the number of its transfer characteristics; what is neither `PQ` nor `HLG` is taken for a gamma.
    """
    light, shown = _light(curve), np.empty(deep.shape, np.uint8)
    for rows in bands(*deep.shape[:2]):
        linear = light[deep[rows]]
        if curve == HLG:  # the screen's own gamma, after BT.2100; 1000 cd/m² are the white of its signal
            linear *= (PEAK / PAPER) * ((linear @ LUMINANCE) ** 0.2)[..., None]
        signal = (linear @ TO_BT709.T).clip(0) ** (1 / GAMMA)
        if curve in (PQ, HLG):
            above = np.maximum(signal - KNEE, 0)
            room = 1 - KNEE
            signal = np.where(above > 0, KNEE + room * (1 - np.exp(-above / room)), signal)
        shown[rows] = np.round(signal.clip(0, 1) * 255)
    return shown


@cache
def _light(curve: int) -> np.ndarray:
    """`(65536,)` float32: the light of every signal; of PQ, and of a gamma, 1 is that of white paper."""
    signal = np.linspace(0, 1, 65536)
    if curve == PQ:
        powered = signal ** (32 / 2523)
        light = 10_000 * (np.maximum(powered - 0.8359375, 0) / (18.8515625 - 18.6875 * powered)) ** (
            8192 / 1305
        )
        return (light / PAPER).astype(np.float32)
    if curve == HLG:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12).astype(np.float32)
    return (signal**GAMMA).astype(np.float32)
