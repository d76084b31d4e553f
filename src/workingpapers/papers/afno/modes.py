"""Adaptive Fourier Neural Operators: Efficient Token Mixers for Transformers, arXiv 2111.13587.
Official code: github.com/NVlabs/AFNO-transformer (CC BY-NC-SA 4.0); also NVIDIA PhysicsNeMo (Apache-2.0).
Which Fourier modes a mixer keeps: the hard truncation of section 4, before the soft-shrinkage.
Differs from the paper: the correct low-pass is the default; what the two public programs do is offered by name.
"""

import math
from typing import NamedTuple

from workingpapers.errors import InvalidParameterError

TRUNCATIONS = ("lowpass", "official", "physicsnemo")


class KeptModes(NamedTuple):
    """The kept part of a half spectrum `(rows, columns)`: ranges of rows in order, and the first `columns` columns."""

    rows: tuple[tuple[int, int], ...]
    columns: int


def check_truncation(keep_fraction: float, mode_truncation: str) -> None:
    """Refuse a fraction outside (0, 1] and an unknown truncation.

    Raises:
        InvalidParameterError: either is not allowed.
    """
    if not 0.0 < keep_fraction <= 1.0:
        raise InvalidParameterError(
            f"keep_fraction is {keep_fraction}; it must lie in (0, 1], where 1 keeps every mode; pass, say, 0.5"
        )
    if mode_truncation not in TRUNCATIONS:
        allowed = ", ".join(repr(name) for name in TRUNCATIONS)
        raise InvalidParameterError(f"mode_truncation is {mode_truncation!r}; choose one of {allowed}")


def _lowest(fraction: float, size: int) -> int:
    # floor(f·size/2); the small addend undoes the rounding of products such as 0.29·200/2 = 28.999…
    return math.floor(fraction * size / 2 + 1e-9)


def kept_modes_2d(height: int, width: int, keep_fraction: float, mode_truncation: str) -> KeptModes:
    """Modes that are kept of `rfft2` of a `height` × `width` grid, whose half spectrum has `width // 2 + 1` columns.

    * `lowpass`: |ky| ≤ ⌊f·height/2⌋, at both ends of the row axis, and kx ≤ ⌊f·width/2⌋.
    * `official`: every row; the first ⌊f·(height·width//2 + 1)⌋ columns, so that almost nothing is ever removed.
    * `physicsnemo`: with t = height//2 + 1 and m = ⌊f·t⌋, rows t−m … t+m−1 of the unshifted axis, which are the
      *highest* |ky|, and the first m columns. Where width > height this drops columns even at f = 1.

    Example:
        >>> kept_modes_2d(8, 8, 0.5, "lowpass")
        KeptModes(rows=((0, 3), (6, 8)), columns=3)
    """
    half = width // 2 + 1
    if mode_truncation == "physicsnemo":
        total = height // 2 + 1
        kept = int(total * keep_fraction)
        return KeptModes(((total - kept, min(total + kept, height)),), min(kept, half))
    if keep_fraction == 1.0:
        return KeptModes(((0, height),), half)
    if mode_truncation == "official":
        return KeptModes(((0, height),), min(int((height * width // 2 + 1) * keep_fraction), half))
    top = _lowest(keep_fraction, height)
    rows = ((0, height),) if 2 * top + 1 >= height else ((0, top + 1), (height - top, height))
    return KeptModes(tuple(span for span in rows if span[0] < span[1]), min(_lowest(keep_fraction, width) + 1, half))


def kept_modes_1d(tokens: int, keep_fraction: float, mode_truncation: str) -> int:
    """How many of the `tokens // 2 + 1` modes of `rfft` are kept, from the lowest on.

    `lowpass` keeps k ≤ ⌊f·tokens/2⌋; `official` and `physicsnemo` keep the first ⌊f·(tokens//2 + 1)⌋.

    Example:
        >>> kept_modes_1d(16, 0.5, "lowpass")
        5
    """
    half = tokens // 2 + 1
    if keep_fraction == 1.0:
        return half
    if mode_truncation == "lowpass":
        return min(_lowest(keep_fraction, tokens) + 1, half)
    return min(int(half * keep_fraction), half)
