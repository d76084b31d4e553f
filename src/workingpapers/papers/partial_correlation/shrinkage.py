"""Partial Correlations in Compositional Data Analysis, arXiv 1904.09480.
Official code of this part: propr's "pcor.bshrink" and "pcor.shrink" (R, GPL-2), nothing of which is used here.
Implements shrinkage of the log-basis or clr covariance by the rules of Schäfer and Strimmer (2005).
Differences: the paper itself does not shrink; this is its follow-up (arXiv 2212.00496), from the formulas.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray


def correlation_shrinkage(columns: Float[ndarray, "samples parts"]) -> float:
    """How far sample correlations are shrunk to 0.

    `λ = Σ_{i≠j} Var(r_ij) / Σ_{i≠j} r_ij²`, clipped to [0, 1], with `Var(r_ij) = n / (n-1)³ Σ_t (w_tij - w̄_ij)²` and
    `w_tij = z_ti z_tj` for standardised columns z.

    Args:
        columns: `(n, D)`.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> correlation_shrinkage(x) > correlation_shrinkage(x + 3 * x[:, :1])
        True
    """
    n = len(columns)
    centred = columns - columns.mean(axis=0)
    spread = centred.std(axis=0, ddof=1)
    z = centred / np.where(spread > 0, spread, 1.0)
    mean = z.T @ z / n
    spreads = (z**2).T @ z**2 - n * mean**2
    off = ~np.eye(len(mean), dtype=bool)
    squares = float((mean[off] * n / (n - 1)) @ (mean[off] * n / (n - 1)))
    return _share(n / (n - 1) ** 3 * float(spreads[off].sum()), squares)


def variance_shrinkage(columns: Float[ndarray, "samples parts"]) -> float:
    """How far sample variances are shrunk to their median.

    `λ_v = Σ_i Var(v_i) / Σ_i (v_i - median)²`, clipped to [0, 1].

    Args:
        columns: `(n, D)`.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> variance_shrinkage(x) > variance_shrinkage(x * [1, 2, 3, 4])
        True
    """
    n = len(columns)
    squares = (columns - columns.mean(axis=0)) ** 2
    variances = squares.sum(axis=0) / (n - 1)
    errors = n / (n - 1) ** 3 * float(((squares - squares.mean(axis=0)) ** 2).sum())
    return _share(errors, float(((variances - np.median(variances)) ** 2).sum()))


def shrunk_covariance(
    columns: Float[ndarray, "samples parts"], lambda_: float, lambda_variance: float
) -> Float[ndarray, "parts parts"]:
    """Correlations times `1 - λ`, variances drawn to their median by `λ_v`.

    Args:
        columns: `(n, D)`: logarithms of closed rows, or centred log-ratios.
        lambda_: λ in [0, 1].
        lambda_variance: λ_v in [0, 1].

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 3))
        >>> np.unique(np.diag(shrunk_covariance(x, 1.0, 1.0))).size
        1
    """
    covariance = np.cov(columns, rowvar=False)
    variances = np.diag(covariance)
    wanted = lambda_variance * np.median(variances) + (1 - lambda_variance) * variances
    scale = np.sqrt(wanted / np.where(variances > 0, variances, 1.0))
    shrunk = (1 - lambda_) * covariance * scale[:, None] * scale
    np.fill_diagonal(shrunk, wanted)
    return shrunk


def _share(errors: float, squares: float) -> float:
    return 1.0 if squares <= 0 else min(max(errors / squares, 0.0), 1.0)
