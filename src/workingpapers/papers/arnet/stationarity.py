"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: whether a fit is stationary.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements the condition that section 4 puts on its series: all roots of the companion matrix inside the unit circle.
Differences: the step-down recursion (O(p²)) decides, and roots are computed only where they are asked for.
"""

import numpy as np
import numpy.typing as npt

from workingpapers.papers.arnet.lags import as_values

_DENSE_LIMIT = 100  # up to this order all roots are computed


class NonStationaryFitWarning(UserWarning):
    """The fitted recursion does not die out: a root of its companion matrix is not inside the unit circle.

    Args:
        root: The largest modulus of the roots; kept as an attribute.

    Example:
        >>> NonStationaryFitWarning(1.02).root
        1.02
    """

    def __init__(self, root: float) -> None:
        super().__init__(root)
        self.root = root

    def __str__(self) -> str:
        return (
            f"the fit is not stationary: the largest root of its companion matrix is {self.root:.6g}, stationary needs "
            "less than 1; long forecasts do not settle; difference the series or remove its trend"
        )


def is_stationary(coef: npt.ArrayLike) -> bool:
    """Whether y_t = Σ w_i y_{t-i} dies out, by the step-down (inverse Levinson) recursion.

    The recursion turns the coefficients into reflection coefficients; all lie in (-1, 1) exactly where all roots lie
    inside the unit circle.

    Args:
        coef: Coefficients, lag 1 first, shape `(p,)`.

    Example:
        >>> is_stationary([0.5]), is_stationary([1.0])
        (True, False)
    """
    weights = as_values(coef, "coef").copy()
    while len(weights):
        reflection = weights[-1]
        if not abs(reflection) < 1:
            return False
        rest = weights[:-1]
        weights = (rest + reflection * rest[::-1]) / (1 - reflection**2)
    return True


def largest_root(coef: npt.ArrayLike) -> float:
    """Largest modulus of the companion matrix's eigenvalues; below 1 for a stationary recursion.

    Dividing w_i by r^i divides every root by r, so for many lags the modulus is found by bisection on `is_stationary`.

    Args:
        coef: Coefficients, lag 1 first, shape `(p,)`.

    Example:
        >>> round(largest_root([0.0, 0.25]), 6)
        0.5
    """
    weights = as_values(coef, "coef")
    if len(weights) <= _DENSE_LIMIT:
        return float(np.abs(np.roots(np.concatenate([[1.0], -weights]))).max(initial=0.0))
    powers = np.arange(1, len(weights) + 1)
    low, high = 0.0, 2 * float((np.abs(weights) ** (1 / powers)).max())  # Fujiwara's bound
    while high - low > 1e-12 * high:
        middle = 0.5 * (low + high)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            inside = is_stationary(weights * np.exp(-powers * np.log(middle)))
        low, high = (low, middle) if inside else (middle, high)
    return high
