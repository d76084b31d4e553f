"""Accurate Estimation of Mutual Information in High Dimensional Data, arXiv 2506.00330: variational bounds.
Official code: none found; the first author's library NeuralMI (MIT) was not used.
Implements InfoNCE, Donsker-Varadhan, NWJ, TUBA, the f-GAN Jensen-Shannon objective and SMILE on a matrix of scores.
Differences: SMILE is the canonical one, which clips only in the partition function; nats throughout.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts.checks import real_number

TAU = 5.0


def infonce(scores: Float[Tensor, "batch batch2"]) -> Float[Tensor, ""]:
    """InfoNCE in nats: `ln B + mean_i [S_ii - logsumexp_j S_ij]`, never above `ln B`.

    Args:
        scores: `S_ij = f(x_i, y_j)`, shape `(batch, batch)`, pairs that belong together on the diagonal.

    Returns:
        A scalar, shape `()`; differentiable. Maximise it, so minimise its negative.

    Raises:
        InvalidTypeError: no square matrix of real floating-point numbers.
        InvalidParameterError: fewer than two rows.

    Example:
        >>> round(float(infonce(torch.zeros(8, 8))), 5)
        0.0
    """
    return value_of("infonce", _square(scores))


def donsker_varadhan(scores: Float[Tensor, "batch batch2"]) -> Float[Tensor, ""]:
    """Donsker-Varadhan (MINE) in nats: `mean_i S_ii - ln mean_{i≠j} exp S_ij`.

    Args:
        scores: `S_ij = f(x_i, y_j)`, shape `(batch, batch)`, pairs that belong together on the diagonal.

    Returns:
        A scalar, shape `()`; differentiable. Adding one number to all scores changes nothing.

    Raises:
        InvalidTypeError: no square matrix of real floating-point numbers.
        InvalidParameterError: fewer than two rows.

    Example:
        >>> float(donsker_varadhan(torch.eye(4)))
        1.0
    """
    return value_of("dv", _square(scores))


def nwj(scores: Float[Tensor, "batch batch2"]) -> Float[Tensor, ""]:
    """Nguyen-Wainwright-Jordan in nats: `1 + mean_i (S_ii - 1) - mean_{i≠j} exp(S_ij - 1)`.

    Args:
        scores: `S_ij = f(x_i, y_j)`, shape `(batch, batch)`, pairs that belong together on the diagonal.

    Returns:
        A scalar, shape `()`; differentiable.

    Raises:
        InvalidTypeError: no square matrix of real floating-point numbers.
        InvalidParameterError: fewer than two rows.

    Example:
        >>> round(float(nwj(torch.zeros(4, 4))), 6)
        -0.367879
    """
    return value_of("nwj", _square(scores))


def tuba(scores: Float[Tensor, "batch batch2"]) -> Float[Tensor, ""]:
    """TUBA with a baseline of one, in nats: `1 + mean_i S_ii - mean_{i≠j} exp S_ij`.

    Args:
        scores: `S_ij = f(x_i, y_j)`, shape `(batch, batch)`, pairs that belong together on the diagonal.

    Returns:
        A scalar, shape `()`; differentiable.

    Raises:
        InvalidTypeError: no square matrix of real floating-point numbers.
        InvalidParameterError: fewer than two rows.

    Example:
        >>> float(tuba(torch.zeros(4, 4)))
        0.0
    """
    return value_of("tuba", _square(scores))


def js_fgan(scores: Float[Tensor, "batch batch2"]) -> Float[Tensor, ""]:
    """The f-GAN Jensen-Shannon objective: `-mean_i softplus(-S_ii) - mean_{i≠j} softplus(S_ij)`.

    It trains a critic stably; its value is no mutual information (it is `-2 ln 2` for a critic that knows nothing).

    Args:
        scores: `S_ij = f(x_i, y_j)`, shape `(batch, batch)`, pairs that belong together on the diagonal.

    Returns:
        A scalar, shape `()`; differentiable.

    Raises:
        InvalidTypeError: no square matrix of real floating-point numbers.
        InvalidParameterError: fewer than two rows.

    Example:
        >>> round(float(js_fgan(torch.zeros(4, 4))), 6)
        -1.386294
    """
    return value_of("js", _square(scores))


def smile(scores: Float[Tensor, "batch batch2"], tau: float = TAU) -> Float[Tensor, ""]:
    """SMILE in nats: value `mean_i S_ii - ln mean_{i≠j} exp clip(S_ij, -τ, τ)`, gradient of `js_fgan`.

    Only the partition function is clipped, never the joint term: clipping both would cap the value near 2τ.

    Args:
        scores: `S_ij = f(x_i, y_j)`, shape `(batch, batch)`, pairs that belong together on the diagonal.
        tau: Where scores are clipped; infinity gives the value of `donsker_varadhan`.

    Returns:
        A scalar, shape `()`; its gradient is that of `js_fgan`.

    Raises:
        InvalidTypeError: no square matrix of real floating-point numbers.
        InvalidParameterError: fewer than two rows, or `tau` not above 0.

    Example:
        >>> float(smile(10 * torch.eye(4)))
        10.0
    """
    matrix = _square(scores)
    limit = tau if isinstance(tau, float) and math.isinf(tau) and tau > 0 else real_number("tau", tau, above=0)
    surrogate = value_of("js", matrix)
    return surrogate + (value_of("smile", matrix, limit) - surrogate).detach()


def _square(scores: Any) -> Tensor:
    if not isinstance(scores, Tensor):
        raise InvalidTypeError(f"scores is {type(scores).__name__}; give a tensor (batch, batch) of critic scores")
    if not scores.is_floating_point():
        raise InvalidTypeError(f"scores has dtype {scores.dtype}; give floating-point scores")
    if scores.ndim != 2 or scores.shape[0] != scores.shape[1]:
        raise InvalidTypeError(
            f"scores has shape {tuple(scores.shape)}; give a square matrix (batch, batch), positives on the diagonal"
        )
    if len(scores) < 2:
        raise InvalidParameterError(f"scores has {len(scores)} rows; give at least 2, or there is no negative pair")
    return scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores


def _diagonal(scores: Tensor) -> Tensor:
    return scores.diagonal(dim1=-2, dim2=-1)


def _without_diagonal(scores: Tensor, filling: float) -> Tensor:
    eye = torch.eye(scores.shape[-1], dtype=torch.bool, device=scores.device)
    return scores.masked_fill(eye, filling)


def _log_mean_exp_off(scores: Tensor) -> Tensor:
    n = scores.shape[-1]
    return _without_diagonal(scores, -math.inf).flatten(-2).logsumexp(-1) - math.log(n * (n - 1))


def _infonce(scores: Tensor, tau: float) -> Tensor:
    return math.log(scores.shape[-1]) + (_diagonal(scores) - scores.logsumexp(-1)).mean(-1)


def _dv(scores: Tensor, tau: float) -> Tensor:
    return _diagonal(scores).mean(-1) - _log_mean_exp_off(scores)


def _smile(scores: Tensor, tau: float) -> Tensor:
    return _diagonal(scores).mean(-1) - _log_mean_exp_off(scores.clamp(-tau, tau))


def _tuba(scores: Tensor, tau: float) -> Tensor:
    return 1 + _diagonal(scores).mean(-1) - _log_mean_exp_off(scores).exp()


def _nwj(scores: Tensor, tau: float) -> Tensor:
    return _tuba(scores - 1, tau)


def _js(scores: Tensor, tau: float) -> Tensor:
    n = scores.shape[-1]
    off = softplus(_without_diagonal(scores, -math.inf)).sum((-2, -1)) / (n * (n - 1))
    return -softplus(-_diagonal(scores)).mean(-1) - off


_VALUES: dict[str, Callable[[Tensor, float], Tensor]] = {
    "infonce": _infonce,
    "dv": _dv,
    "nwj": _nwj,
    "tuba": _tuba,
    "js": _js,
    "smile": _smile,
}


def value_of(bound: str, scores: Float[Tensor, "*runs batch batch"], tau: float = TAU) -> Float[Tensor, "*runs"]:
    """The bound of each matrix of a stack, in nats."""
    return _VALUES[bound](scores, tau)


def score_gradient(bound: str, scores: Float[Tensor, "*runs batch batch"]) -> Float[Tensor, "*runs batch batch"]:
    """The derivative of the training objective with respect to the scores, in closed form.

    It saves autograd several passes over the `B²` scores of each run: softmax for InfoNCE, softmax over the other
    pairs for Donsker-Varadhan, a sigmoid for Jensen-Shannon and SMILE, `exp(S - 1)` for NWJ.
    """
    n = scores.shape[-1]
    off = 1 / (n * (n - 1))
    if bound == "infonce":
        gradient = scores.softmax(-1).mul_(-1 / n)
        _diagonal(gradient).add_(1 / n)
        return gradient
    if bound == "dv":
        flat = _without_diagonal(scores, -math.inf).flatten(-2)
        gradient = flat.softmax(-1).neg_().view_as(scores)
    elif bound == "nwj":
        gradient = (scores - 1).exp_().mul_(-off)
    else:
        gradient = scores.sigmoid().mul_(-off)
        _diagonal(gradient).copy_((-_diagonal(scores)).sigmoid() / n)
        return gradient
    _diagonal(gradient).fill_(1 / n)
    return gradient
