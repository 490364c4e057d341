"""From the rate of a voice to the rate of a telephone. Pure."""

from __future__ import annotations

import math
from array import array
from functools import lru_cache
from operator import mul

_ZEROS = 8
"""Zero crossings of the filter to each side: more is sharper and slower."""


def resampled(samples: array[int], rate: int, to: int) -> array[int]:
    """16-bit mono at another rate, without what the lower one cannot hold (a windowed sinc)."""
    if rate == to:
        return array("h", samples)
    divisor = math.gcd(rate, to)
    up, down = to // divisor, rate // divisor
    reach, phases = _filters(up, down)
    padded = array("h", bytes(2 * reach)) + samples + array("h", bytes(2 * (reach + 1)))
    width = 2 * reach
    out = array("h")
    for number in range(len(samples) * up // down):
        place, phase = divmod(number * down, up)
        window = padded[place + 1 : place + 1 + width]
        value = int(sum(map(mul, window, phases[phase])))
        out.append(max(-32768, min(32767, value)))
    return out


@lru_cache(maxsize=8)
def _filters(up: int, down: int) -> tuple[int, list[list[float]]]:
    """How many samples it reaches to each side, and the weights for each of `up` places between two samples."""
    cutoff = min(1.0, up / down) * 0.95
    reach = math.ceil(_ZEROS / cutoff)
    return reach, [_weights(phase / up, reach, cutoff) for phase in range(up)]


def _weights(offset: float, reach: int, cutoff: float) -> list[float]:
    """Samples -reach+1 .. reach, seen from a place `offset` after sample 0; they add up to 1."""
    weights = []
    for place in range(1 - reach, reach + 1):
        distance = place - offset
        angle = math.pi * distance * cutoff
        sinc = 1.0 if angle == 0 else math.sin(angle) / angle
        window = 0.5 + 0.5 * math.cos(math.pi * distance / (reach + 1))
        weights.append(sinc * window)
    whole = sum(weights)
    return [weight / whole for weight in weights]
