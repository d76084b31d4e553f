"""How Many Heads Make an SSM? (arXiv 2512.15115): how far back gradients reach in a mixing layer.

Official code: none found.
Implements the gradient statements: ||dy_i / dx_j|| against i - j, and inputs on which attention does not attenuate.
Differences from the paper: both constructed inputs are re-derived; "independent of distance" is not "of length".
"""

import warnings
from collections.abc import Iterable
from typing import SupportsIndex

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.heads_ssm.checks import tokens
from workingpapers.papers.heads_ssm.layers import LinearSSM
from workingpapers.papers.heads_ssm.operators import Layer, apply_layer
from workingpapers.parts.checks import whole_number

# norms at or below this are rounding, not attenuation
FLOOR = 1e-12


def gradient_profile(
    layer: Layer,
    X: Float[Tensor, "n d"],
    i: SupportsIndex,
    distances: Iterable[SupportsIndex],
    *,
    causal: bool = False,
    norm: str = "spectral",
) -> pd.DataFrame:
    r"""How strongly output i depends on the token `distance` steps before it, by automatic differentiation.

    One row for each distance: `|| dy_i / dx_{i - distance} ||`. For an SSM it is `||C A^distance B||`; for a softmax
    head `a_ij V + a_ij (V x_j - y_i) (q_i^T W_K) / sqrt(d_h)` with `j < i`.

    Args:
        layer: As in `apply_layer`: nn.MultiheadAttention, nn.Conv1d, LinearSSM, ..., or a callable (n, d) -> (n, p).
        X: One sequence, `(n, d)`.
        i: Index of the output token, from 0; negative counts from the end.
        distances: Distances in 0..i.
        causal: For nn.MultiheadAttention only: whether to mask the future.
        norm: `spectral` (largest singular value) or `frobenius`.

    Returns:
        Columns `distance` and `norm`. `attrs["slope"]` holds the slope of log norm against distance (`fit_slope`), None
        where fewer than two norms are above rounding, or where the layer is a LinearSSM that is not stable.

    Raises:
        InvalidTypeError: the layer is of no supported kind.
        InvalidParameterError: `X` has a wrong shape, `i` or a distance lies outside the sequence, or an unknown norm.

    Warns:
        UserWarning: the layer is a LinearSSM of spectral radius one or more: nothing attenuates and no slope is fitted.

    Example:
        >>> import torch
        >>> from workingpapers.papers.heads_ssm import LinearSSM, gradient_profile
        >>> ssm = LinearSSM(0.8 * torch.eye(2), torch.eye(2), torch.eye(2))
        >>> profile = gradient_profile(ssm, torch.randn(64, 2, dtype=torch.float64), i=63, distances=range(1, 33))
        >>> round(profile.attrs["slope"], 6)  # log 0.8
        -0.223144
    """
    tokens(X)
    n = X.shape[0]
    output = whole_number("i", i, least=-n)
    if output >= n:
        raise InvalidParameterError(f"i is {output}; with {n} tokens it must lie in 0..{n - 1}")
    output %= n
    steps = [whole_number("distance", distance, least=0) for distance in distances]
    if not steps or max(steps) > output:
        raise InvalidParameterError(
            f"distances are {steps}; from output {output} they must lie in 0..{output}, at least one"
        )
    if norm not in ("spectral", "frobenius"):
        raise InvalidParameterError(f"norm is {norm!r}; choose spectral or frobenius")
    with torch.enable_grad():
        x = X.detach().clone().requires_grad_(True)
        y = apply_layer(layer, x, causal=causal)[output]
        # one vector-Jacobian product for each output channel, all in one batch
        (rows,) = torch.autograd.grad(y, x, torch.eye(len(y), dtype=y.dtype, device=y.device), is_grads_batched=True)
    jacobians = rows.detach()[:, [output - step for step in steps]].transpose(0, 1)
    norms = torch.linalg.matrix_norm(jacobians, ord=2 if norm == "spectral" else "fro")
    frame = pd.DataFrame({"distance": steps, "norm": norms.double().cpu().numpy()})
    frame.attrs["slope"] = _slope_of(layer, frame)
    return frame


def _slope_of(layer: Layer, frame: pd.DataFrame) -> float | None:
    if isinstance(layer, LinearSSM):
        radius = layer.spectral_radius()
        if radius >= 1.0:
            warnings.warn(
                f"the spectral radius of A is {radius:.6g}, not below 1: gradients need not attenuate, and no slope is "
                "fitted",
                UserWarning,
                stacklevel=3,
            )
            return None
    usable = frame.loc[frame["norm"] > FLOOR, "distance"]
    return fit_slope(frame) if usable.nunique() >= 2 else None


def fit_slope(profile: pd.DataFrame, floor: float | int = FLOOR) -> float:
    """Least-squares slope of log norm against distance: 0 where gradients do not attenuate, log rho(A) for an SSM.

    Args:
        profile: Columns `distance` and `norm`.
        floor: Rows with norms at or below it are left out as rounding.

    Returns:
        The slope per token.

    Raises:
        InvalidParameterError: fewer than two distances have norms above the floor.

    Example:
        >>> import pandas as pd
        >>> from workingpapers.papers.heads_ssm import fit_slope
        >>> round(fit_slope(pd.DataFrame({"distance": [1, 2, 3], "norm": [0.5, 0.25, 0.125]})), 6)
        -0.693147
    """
    kept = profile[profile["norm"] > floor]
    if kept["distance"].nunique() < 2:
        raise InvalidParameterError(
            f"{len(kept)} of {len(profile)} norms are above {floor:g}; a slope needs two distances at least"
        )
    return float(np.polyfit(kept["distance"].to_numpy(float), np.log(kept["norm"].to_numpy(float)), 1)[0])


def needle_head(
    dim: SupportsIndex, *, device: torch.device | str | None = None, dtype: torch.dtype | None = None
) -> nn.MultiheadAttention:
    """One softmax head that looks for a needle: the second of the two inputs on which attention does not attenuate.

    Channel 0 marks the token that asks, channel 1 the needle; the rest is content, which the head copies. The logit of
    a needle made by `needle_input` is its margin, that of every other token 0.

    Args:
        dim: Width of the tokens, 3 or more.
        device: Where the parameters lie.
        dtype: Their type.

    Returns:
        A layer without biases.

    Raises:
        InvalidParameterError: `dim` is below 3.

    Example:
        >>> import math, torch
        >>> from workingpapers.papers.heads_ssm import needle_head, needle_input
        >>> head = needle_head(4, dtype=torch.float64)
        >>> X = needle_input(10, 4, position=3, margin=2.0, dtype=torch.float64)
        >>> weights = head(X, X, X)[1]
        >>> round(weights[9, 3].item(), 6), round(math.exp(2.0) / (math.exp(2.0) + 9), 6)
        (0.450853, 0.450853)
    """
    width = whole_number("dim", dim, least=3)
    head = nn.MultiheadAttention(width, 1, bias=False, device=device, dtype=dtype)
    query, key = torch.zeros(width, width), torch.zeros(width, width)
    query[0, 0] = key[0, 1] = 1.0
    content = torch.eye(width)
    content[:2] = 0.0
    with torch.no_grad():
        head.in_proj_weight.copy_(torch.cat([query, key, content]))
        head.out_proj.weight.copy_(torch.eye(width))
    return head


def needle_input(
    n: SupportsIndex,
    dim: SupportsIndex,
    position: SupportsIndex,
    margin: float | int,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> Float[Tensor, "n dim"]:
    """A sequence whose last token asks `needle_head` for the needle at `position`, among tokens that are zero.

    The weight on the needle is `e^m / (e^m + n - 1)` at every distance; with `m >= log(n - 1) + 5` it is above 0.99 at
    every length too.

    Args:
        n: Number of tokens, 2 or more.
        dim: Width, 3 or more.
        position: Index of the needle, 0..n-2.
        margin: m, by which the needle's logit exceeds the others'.
        device: Where the tokens lie.
        dtype: Their type.

    Returns:
        `(n, dim)`.

    Raises:
        InvalidParameterError: a size or the position is outside its range.

    Example:
        >>> from workingpapers.papers.heads_ssm import needle_input
        >>> needle_input(5, 4, position=0, margin=1.0)[0]
        tensor([0., 2., 1., 0.])
    """
    length, width = whole_number("n", n, least=2), whole_number("dim", dim, least=3)
    place = whole_number("position", position, least=0)
    if place >= length - 1:
        raise InvalidParameterError(
            f"position is {place}; the needle must lie in 0..{length - 2}, before the last token"
        )
    X = torch.zeros(length, width, device=device, dtype=dtype)
    X[-1, 0] = 1.0
    # softmax divides by sqrt(dim), so the needle carries it
    X[place, 1] = margin * width**0.5
    X[place, 2] = 1.0
    return X
