"""Adaptive Fourier Neural Operators: Efficient Token Mixers for Transformers, arXiv 2111.13587.
Official code: github.com/NVlabs/AFNO-transformer (CC BY-NC-SA 4.0); later in NVIDIA PhysicsNeMo (Apache-2.0).
The table of section 4 that compares parameters and operations of the mixers.
Differs from the paper: counted for these implementations (half spectra, both layers), not as orders of growth.
"""

import math

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.afno.modes import check_truncation, kept_modes_1d, kept_modes_2d

COSTED = ("afno", "attention", "fused-attention", "gfn", "fno", "bfno")


def mixer_cost(
    dim: int,
    tokens: int | tuple[int, int],
    num_blocks: int = 8,
    *,
    mixer: str = "afno",
    hidden_factor: int = 1,
    keep_fraction: float = 1.0,
    mode_truncation: str = "lowpass",
    sparsity_threshold: float = 0.01,
    bias: bool = True,
    num_heads: int = 1,
    bytes_per_value: int = 4,
) -> dict[str, int]:
    """Operations, parameters and activations of one token mixer on one sample.

    With N tokens, M kept modes of the half spectrum (about N/2), C channels, k blocks and hidden factor f:

    * AFNO: 16·M·C²·f/k + 5·N·C·log₂N operations, 2·(2·C²·f/k + C·f + C) parameters.
    * attention: 8·N·C² + 4·N²·C operations, 4·C² + 4·C parameters.
    * GFN, FNO, BFNO: 6·M·C, 8·M·C² and 8·M·C²/k operations beside the transforms.

    Args:
        dim: Channels C.
        tokens: Number of tokens N, or height and width of their grid. A number that is no square is one row.
        num_blocks: Blocks k of the weights of AFNO and BFNO; divides `dim`.
        mixer: `"afno"`, `"attention"` (forms the N × N matrix), `"fused-attention"` (does not keep it), `"gfn"`,
            `"fno"` (a dense matrix for each mode) or `"bfno"`.
        hidden_factor: Hidden factor f of AFNO.
        keep_fraction: Fraction of the band that AFNO keeps.
        mode_truncation: How AFNO keeps it.
        sparsity_threshold: λ of AFNO; at 0 the shrinkage keeps nothing for the backward pass.
        bias: Whether AFNO has biases.
        num_heads: Heads of the attention; they share the channels.
        bytes_per_value: 4 for float32; the spectrum is never narrower.

    Returns:
        `flops` (a multiply-add counts two; a real FFT of n points 2.5·n·log₂n), `params` (real numbers) and
        `activation_bytes` (what the mixer keeps for its backward pass, its input and weights included).

    Raises:
        InvalidParameterError: `dim` is not divisible by `num_blocks` or `num_heads`, or an unknown mixer.

    Differs from the paper: its table gives leading terms, N·C²/k + N·C·log N for AFNO.

    Example:
        >>> from workingpapers.papers.afno import mixer_cost
        >>> mixer_cost(256, (32, 32))["params"]
        33792
    """
    if mixer not in COSTED:
        names = ", ".join(repr(name) for name in COSTED)
        raise InvalidParameterError(f"mixer is {mixer!r}; choose one of {names}")
    for name, value in (("num_blocks", num_blocks), ("num_heads", num_heads)):
        if value < 1 or dim % value:
            raise InvalidParameterError(f"dim ({dim}) is not divisible by {name} ({value}); choose a divisor of dim")
    check_truncation(keep_fraction, mode_truncation)
    height, width = _grid(tokens)
    count = height * width
    if mixer in ("attention", "fused-attention"):
        kept = count * dim * 5 + count * num_heads * (count if mixer == "attention" else 1) + 4 * dim**2
        return {
            "flops": 8 * count * dim**2 + 4 * count**2 * dim,
            "params": 4 * dim**2 + 4 * dim,
            "activation_bytes": kept * bytes_per_value,
        }
    transforms = round(5 * count * dim * math.log2(max(count, 2)))
    modes = height * (width // 2 + 1)
    spectrum = 2 * modes * dim  # real numbers
    if mixer == "afno":
        modes = _kept(height, width, keep_fraction, mode_truncation)
        pairs = dim * dim * hidden_factor // num_blocks
        params = 2 * (2 * pairs + (dim * hidden_factor + dim if bias else 0))
        # input, spectrum, hidden layer, input of the shrinkage; the weights as parameters and as complex numbers
        kept = count * dim + 2 * modes * dim * (1 + hidden_factor + (sparsity_threshold > 0)) + params + 4 * pairs
        return {
            "flops": 16 * modes * pairs + transforms,
            "params": params,
            "activation_bytes": kept * bytes_per_value,
        }
    per_mode, params = {
        "gfn": (6 * dim, spectrum),
        "fno": (8 * dim**2, 2 * modes * dim**2),
        "bfno": (8 * dim**2 // num_blocks, 2 * dim**2 // num_blocks),
    }[mixer]
    return {
        "flops": per_mode * modes + transforms,
        "params": params,
        "activation_bytes": (count * dim + spectrum + params) * bytes_per_value,
    }


def _grid(tokens: int | tuple[int, int]) -> tuple[int, int]:
    if not isinstance(tokens, int):
        return tokens[0], tokens[1]
    side = math.isqrt(tokens)
    return (side, side) if side * side == tokens else (1, tokens)


def _kept(height: int, width: int, keep_fraction: float, mode_truncation: str) -> int:
    if height == 1:
        return kept_modes_1d(width, keep_fraction, mode_truncation)
    rows, columns = kept_modes_2d(height, width, keep_fraction, mode_truncation)
    return sum(stop - start for start, stop in rows) * columns
