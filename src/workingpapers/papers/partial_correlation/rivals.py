"""What it is compared with: association of pairs, and partial correlation without log-ratios."""

from collections.abc import Sequence

import numpy as np

from workingpapers.papers.partial_correlation.logratios import clr, proportionality
from workingpapers.papers.partial_correlation.precision import partial_correlation_of

RIVALS = ("clr correlation", "rho_p", "raw correlation", "raw partial correlation")


def rival(name: str, closed: np.ndarray) -> np.ndarray:
    """Association of all parts, `(D, D)`, by one of `RIVALS`.

    Args:
        name: Which.
        closed: `(n, D)`, rows that add up to 1.

    Example:
        >>> rival("raw correlation", np.random.default_rng(0).dirichlet([1, 1, 1], 50)).shape
        (3, 3)
    """
    if name == "clr correlation":
        return np.corrcoef(clr(closed), rowvar=False)
    if name == "rho_p":
        return proportionality(closed)
    if name == "raw correlation":
        return np.corrcoef(closed, rowvar=False)
    return ordinary_partial_correlation(closed)


def ordinary_partial_correlation(columns: np.ndarray) -> np.ndarray:
    """Partial correlation of columns as they are, by the Moore–Penrose inverse of their covariance, `(D, D)`.

    Args:
        columns: `(n, D)`.

    Example:
        >>> ordinary_partial_correlation(np.random.default_rng(0).normal(size=(50, 3))).shape
        (3, 3)
    """
    covariance = np.cov(columns, rowvar=False)
    return partial_correlation_of(np.linalg.pinv(covariance, rcond=1e-10, hermitian=True))


def residuals(target: np.ndarray, given: np.ndarray) -> np.ndarray:
    """What least squares with a constant leaves of `target`, `(n,)`, given the columns of `given`, `(n, m)`.

    Args:
        target: `(n,)`.
        given: `(n, m)`; collinear columns do no harm.

    Example:
        >>> residuals(np.array([1.0, 2.0, 3.0]), np.array([[2.0], [4.0], [6.0]])).round(6) + 0.0
        array([0., 0., 0.])
    """
    y, x = target - target.mean(), given - given.mean(axis=0)
    return y - x @ np.linalg.lstsq(x, y, rcond=1e-12)[0]


def ratio_residuals(logs: np.ndarray, part: int, reference: int, given: Sequence[int] | None = None) -> np.ndarray:
    """Residuals of `log x_part / x_reference` on the log-ratios of the other parts to the same reference, `(n,)`.

    Args:
        logs: `(n, D)`.
        part: Position.
        reference: Position.
        given: Positions of the other parts; None takes all.

    Example:
        >>> ratio_residuals(np.log(np.random.default_rng(0).dirichlet([1, 1, 1], 50)), 0, 1).shape
        (50,)
    """
    others = [j for j in (range(logs.shape[1]) if given is None else given) if j not in (part, reference)]
    base = logs[:, [reference]]
    return residuals(logs[:, part] - base[:, 0], logs[:, others] - base)
