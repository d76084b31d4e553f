"""Natural mitigation of catastrophic interference in power-law learning environments, arXiv 2401.10393.
Official code: none found.
The probability with which each earlier task is met again; the power law of Anderson and Schooler (1991).
Differences from the paper: exponent and unit of time could not be read there; here the unit is one task, d = 1.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.power_law_rehearsal.checks import zero_to_infinity
from workingpapers.parts.checks import whole_number

KINDS = ("power", "exponential", "uniform", "last")

Kind = str | Callable[[int], Any]


def rehearsal_probabilities(
    n_previous: int, *, kind: Kind = "power", exponent: float | int = 1.0, rate: float | int = 1.0
) -> Float[Tensor, " n_previous"]:
    """Probability with which a rehearsal sample comes from each of the tasks learned before.

    With the age `a = t - j` of task j in phase t (1 for the last one learned, `n_previous` for the first):

        power:        p(a) ∝ a^-d
        exponential:  p(a) ∝ exp(-λ a)
        uniform:      p(a) ∝ 1
        last:         p(a) ∝ [a = 1]

    Args:
        n_previous: Number of tasks learned before, at least 1.
        kind: One of the four names, or a function of `n_previous` that gives as many weights, oldest first.
        exponent: d of the power law; 0 is uniform, infinity is last-only.
        rate: λ of the exponential law, for each task of age; 0 is uniform, infinity is last-only.

    Returns:
        Probabilities, oldest task first, float64, shape `(n_previous,)`; they sum to 1.

    Raises:
        InvalidParameterError: `n_previous` is below 1, `exponent` or `rate` is negative or NaN, `kind` is unknown, or
            the function gives weights of another number, negative, not finite or all zero.
        InvalidTypeError: `n_previous` is no whole number, `exponent` or `rate` no number, or `kind` neither.

    Differs from the paper: none known; its exponent could not be read.

    Example:
        >>> [round(p * 11, 6) for p in rehearsal_probabilities(3).tolist()]
        [2.0, 3.0, 6.0]
        >>> rehearsal_probabilities(4, kind="uniform").tolist()
        [0.25, 0.25, 0.25, 0.25]
    """
    count = whole_number("n_previous", n_previous, least=1)
    d, lambda_ = zero_to_infinity("exponent", exponent), zero_to_infinity("rate", rate)
    known = check_kind(kind)
    if callable(known):
        weights = _weights(known(count), count)
        return weights / weights.sum()
    age = torch.arange(count, 0, -1, dtype=torch.float64)
    if known == "last" or (known == "power" and math.isinf(d)) or (known == "exponential" and math.isinf(lambda_)):
        return (age == 1).double()
    if known == "uniform":
        return torch.full((count,), 1.0 / count, dtype=torch.float64)
    # logarithms, so that a steep law over many tasks underflows to zero and never to 0 / 0
    return torch.softmax(-d * age.log() if known == "power" else -lambda_ * (age - 1), 0)


def check_kind(kind: Kind) -> Kind:
    """The kind, where it is a name that is known or a function."""
    if callable(kind):
        return kind
    if not isinstance(kind, str):
        raise InvalidTypeError(f"kind is {kind!r}; give one of {', '.join(KINDS)}, or a function of n_previous")
    if kind not in KINDS:
        raise InvalidParameterError(f"kind {kind!r} is unknown; give one of {', '.join(KINDS)}, or a function")
    return kind


def _weights(given: Any, count: int) -> Float[Tensor, " n_previous"]:
    try:
        weights = torch.as_tensor(given, dtype=torch.float64).detach().cpu()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidTypeError(f"the function given as kind returned {given!r}; it must return numbers") from error
    if weights.shape != (count,):
        raise InvalidParameterError(
            f"the function given as kind returned shape {tuple(weights.shape)} for {count} tasks; it must be ({count},)"
        )
    if not bool(weights.isfinite().all()) or bool((weights < 0).any()) or not float(weights.sum()) > 0:
        raise InvalidParameterError(
            f"the function given as kind returned {weights.tolist()}; weights are finite, not negative, not all zero"
        )
    return weights / weights.max()  # so that the sum of large weights stays finite
