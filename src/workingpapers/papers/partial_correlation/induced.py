"""Partial Correlations in Compositional Data Analysis, arXiv 1904.09480.
No official code for the paper; its author co-maintains the R package propr (GPL-2), nothing of which is used here.
Implements the partial correlation that closure alone induces among independent parts (compare arXiv 2212.00496).
Differences: the weights that belong to given partial variances, and the test against this value, are ours.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from workingpapers.errors import InvalidParameterError

_LARGEST = 1e12  # a total weight, over the largest precision, that stands for infinity


def induced_partial_correlation(variances: ArrayLike) -> Float[ndarray, "parts parts"]:
    """Partial correlations of a composition whose parts are independent before closure.

    `r_ij = √(w_i w_j / ((W - w_i)(W - w_j)))` with `w_i = 1 / σ_i²` and `W = Σ w`. They are positive: for equal
    variances 1 / (D - 1), for three parts 1/2. So a partial correlation of 0 is not "no edge" when parts are few.

    Args:
        variances: `(D,)`, variances σ² of the logarithms of the parts before closure; D is at least 3.

    Returns:
        `(D, D)`, ones on the diagonal.

    Raises:
        InvalidParameterError: fewer than 3, or one that is not a positive finite number.

    Example:
        >>> induced_partial_correlation([1.0, 1.0, 1.0, 1.0])[0].round(4)
        array([1.    , 0.3333, 0.3333, 0.3333])
        >>> round(float(induced_partial_correlation([1.0, 1 / 2, 1 / 3, 1 / 4])[0, 1]), 6)
        0.166667
    """
    try:
        sigma2 = np.asarray(variances)
        kind = sigma2.dtype.kind
        sigma2 = sigma2.astype(np.float64) if kind in "iuf" else sigma2
    except (TypeError, ValueError, RuntimeError) as error:
        raise InvalidParameterError(
            f"variances cannot be read as numbers ({error}); give D positive numbers"
        ) from error
    if kind not in "iuf" or sigma2.ndim != 1 or len(sigma2) < 3:
        raise InvalidParameterError(
            f"variances has shape {sigma2.shape} and type {sigma2.dtype}; give a list of at least 3 positive numbers"
        )
    if not (np.isfinite(sigma2) & (sigma2 > 0)).all():
        bad = int((~(np.isfinite(sigma2) & (sigma2 > 0))).argmax())
        raise InvalidParameterError(f"variances[{bad}] is {sigma2[bad]:g}; give positive finite numbers")
    return _of_weights(sigma2.min() / sigma2)  # only ratios of weights count; so nothing overflows


def induced_value(precision_diagonal: Float[ndarray, "parts"]) -> Float[ndarray, "parts parts"]:
    """The same for independent parts that would have these diagonal entries of the precision matrix.

    Solves `P_ii = w_i - w_i² / W`, `W = Σ w`, for the weights: given W each w_i is a root of a quadratic, and W is the
    root of one equation. Where no independent parts have this diagonal, the limit W → ∞ of the largest is taken.

    Args:
        precision_diagonal: `(D,)`, the P_ii = 1 / partial variance.

    Example:
        >>> w = np.array([1.0, 2.0, 3.0, 4.0])
        >>> bool(np.allclose(induced_value(w - w**2 / w.sum()), induced_partial_correlation(1 / w)))
        True
    """
    p = precision_diagonal / precision_diagonal.max()
    largest = int(p.argmax())

    def shares(total: float, *, is_large: bool) -> np.ndarray:
        q = p / total
        root = np.sqrt(np.maximum(1 - 4 * q, 0.0))
        small: np.ndarray = 2 * q / (1 + root)
        if is_large:  # the heaviest part has more than half of the weight: the other root of its quadratic
            small[largest] = (1 + root[largest]) / 2
        return small

    is_large = float(shares(4.0, is_large=False).sum()) < 1

    def excess(total: float) -> float:
        if not is_large:
            return float(shares(total, is_large=False).sum()) - 1
        # 1 - (1 + root)/2 = 2q / (1 + root), without cancellation; times the total, to stay away from 0
        q = p / total
        root = np.sqrt(np.maximum(1 - 4 * q, 0.0))
        each = 2 * p / (1 + root)
        return float(each.sum() - 2 * each[largest])

    low, high = excess(4.0), excess(_LARGEST)
    if low == 0:
        total = 4.0
    elif low * high > 0:
        total = _LARGEST
    else:
        total = float(brentq(excess, 4.0, _LARGEST, xtol=1e-14, rtol=1e-15, maxiter=500))
    return _of_weights(shares(total, is_large=is_large))


def _of_weights(weights: np.ndarray) -> np.ndarray:
    order = np.argsort(weights)
    rest = np.empty_like(weights)  # W - w_i as a sum of the others: the heaviest would cancel
    total = weights.sum()
    rest[:] = total - weights
    rest[order[-1]] = weights[order[:-1]].sum()
    half = np.sqrt(weights / rest)
    r = np.minimum(half[:, None] * half, 1.0)
    np.fill_diagonal(r, 1.0)
    return r
