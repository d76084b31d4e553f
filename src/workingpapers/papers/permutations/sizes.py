"""Exact Learning of Permutations for Nonzero Binary Inputs (arXiv 2502.16763): how many networks are enough.

Official code: github.com/opallab/permlearn (MIT); nothing of it is used here.
Implements the union bounds over coordinates and inputs: k log k networks for one input, k² for all inputs at once.
Differences from the paper: the exact normal tail beside its sub-Gaussian bound; a threshold that knows the weight.
"""

import math
from collections.abc import Callable
from typing import Any, SupportsIndex

import numpy as np
from scipy.special import gammaln, log_ndtr, logsumexp

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.permutations.inputs import weights_of_inputs
from workingpapers.papers.permutations.moments import KERNELS, limit_moments
from workingpapers.parts.checks import one_of, real_number, whole_number

ROUNDINGS = ("sign", "weight-aware")
BOUNDS = ("exact", "chernoff")


def thresholds(k: int, weights: np.ndarray, rounding: str, kernel: str = "ntk") -> np.ndarray:
    """Above which value a coordinate is rounded to 1, for inputs of the given weights; shape of `weights`.

    `sign` is the paper's 0, but 1/2 for basis vectors, whose zeros converge to exactly 0 and would be read from
    noise. `weight-aware` lies halfway between the two means; where all coordinates are 1 it is never above 0.
    """
    if rounding == "sign":
        return np.where(weights == 1, 0.5, 0.0)
    one, zero, _ = limit_moments(k, weights, kernel)
    middle = (one + zero) / 2
    return np.where(weights == k, np.minimum(middle, 0.0), middle)


def ensemble_size(
    k: SupportsIndex,
    delta: float,
    *,
    inputs: Any = "single",
    rounding: str = "sign",
    bound: str = "exact",
    kernel: str = "ntk",
) -> int:
    r"""The number N of networks whose averaged and rounded output is right with probability 1 - delta, in the limit.

    With margins γ (distance of a coordinate's mean from the threshold) and variance σ² of one network:

        exact:     smallest N with  Σ_{inputs} Σ_{coordinates} Φ(-γ √N / σ) ≤ delta
        chernoff:  N = max over inputs of 2 σ²/γ² · [ln(k/delta) + ln(number of inputs)]

    Args:
        k: Length of the inputs, at least 2.
        delta: Probability of any mistake, between 0 and 1.
        inputs: `single`: one input, whichever is worst; `all`: all 2^k - 1 at once (their number counts as 2^k under
            `chernoff`); or an int array `(n,)` of the numbers of ones of the n inputs that must be right at once. Basis
            vectors are training inputs and need no ensemble.
        rounding: `sign`: at 0, the paper's. `weight-aware`: halfway between the two means of the input's weight, an
            addition of ours that needs far fewer networks.
        bound: `exact`: normal tails, a union bound over coordinates and inputs. `chernoff`: the paper's kind of bound,
            exp(-γ² N / 2σ²) for each coordinate.
        kernel: `ntk` or `last-layer`, as in `permutation_moments`.

    Returns:
        N, at least 1.

    Raises:
        InvalidParameterError: k below 2, delta outside (0, 1), unknown words, or weights outside 1 … k.
        InvalidTypeError: k or the weights are no whole numbers, delta is no number.

    Differs from the paper:
        The constants come from the exact moments. `exact`, `weight-aware` and `last-layer` are additions.

    Example:
        >>> ensemble_size(8, 0.1), ensemble_size(8, 0.1, inputs="all")
        (289, 670)
        >>> ensemble_size(8, 0.1, inputs="all", rounding="weight-aware") < 20
        True
    """
    k = whole_number("k", k, least=2)
    delta = real_number("delta", delta, above=0, below=1)
    one_of("rounding", rounding, ROUNDINGS)
    one_of("bound", bound, BOUNDS)
    one_of("kernel", kernel, KERNELS)
    if isinstance(inputs, str):
        one_of("inputs", inputs, ("single", "all"))
        weights, together = np.arange(2, k + 1), inputs == "all"
    else:
        weights, together = weights_of_inputs(inputs, k).ravel(), True
    # ln of how many inputs there are of each weight, where they must be right together
    log_count = np.zeros(len(weights))
    if isinstance(inputs, str) and inputs == "all":
        log_count = gammaln(k + 1) - gammaln(weights + 1) - gammaln(k - weights + 1)
        log_total = k * math.log(2)
    else:
        log_total = math.log(len(weights)) if together else 0.0
    unseen = weights > 1
    weights, log_count = weights[unseen], log_count[unseen]
    if len(weights) == 0:
        return 1
    margins = _Margins(k, weights, rounding, kernel)
    if bound == "chernoff":
        size = math.ceil((2.0 / margins.smallest() ** 2).max() * (math.log(k / delta) + log_total))
        return max(1, size)
    return _smallest(lambda n: margins.log_failure(n, log_count, together) <= math.log(delta))


class _Margins:
    """Distances of the means from the threshold in standard deviations of one network, for each weight."""

    def __init__(self, k: int, weights: np.ndarray, rounding: str, kernel: str) -> None:
        one, zero, variance = limit_moments(k, weights, kernel)
        level = thresholds(k, weights, rounding, kernel)
        self.weights, self.zeros = weights, k - weights
        self.one, self.zero = (one - level) / np.sqrt(variance), (level - zero) / np.sqrt(variance)
        if (self.one <= 0).any() or (self.zero[self.zeros > 0] <= 0).any():
            raise InvalidParameterError(f"the limit's mean has the wrong sign at k = {k}; no ensemble is large enough")

    def smallest(self) -> np.ndarray:
        return np.where(self.zeros > 0, np.minimum(self.one, self.zero), self.one)

    def log_failure(self, n: int, log_count: np.ndarray, together: bool) -> float:
        """ln of the bound on the probability of a mistake: the sum over inputs, or the worst of them."""
        root = math.sqrt(n)
        failure = np.log(self.weights) + log_ndtr(-self.one * root)
        some = self.zeros > 0
        failure[some] = np.logaddexp(failure[some], np.log(self.zeros[some]) + log_ndtr(-self.zero[some] * root))
        return float(logsumexp(failure + log_count) if together else failure.max())


def _smallest(enough: Callable[[int], bool]) -> int:
    high = 1
    while not enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (high + low) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
