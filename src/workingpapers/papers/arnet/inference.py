"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: standard errors of a linear fit.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements nothing of the paper: it gives none; these make "as interpretable as Classic-AR" something to check.
Differences: none known; the formulas are those of statsmodels' AutoReg (σ² = RSS / rows, normal quantiles).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import linalg

from workingpapers.papers.arnet.least_squares import residual_squares
from workingpapers.papers.arnet.problem import LinearModel, Problem


@dataclass(frozen=True)
class StandardErrors:
    """Standard errors and residuals of a linear fit, in the units of the series.

    Args:
        coef: `(p, h)`, NaN outside the support.
        intercept: `(h,)`, NaN without an intercept.
        residual_squares: `(h,)` sums of squared residuals.
        rows: Number of rows they were summed over.
    """

    coef: Float[np.ndarray, "p h"]
    intercept: Float[np.ndarray, "h"]
    residual_squares: Float[np.ndarray, "h"]
    rows: int


def standard_errors(problem: Problem, model: LinearModel) -> StandardErrors:
    """√(σ² diag(XᵀX)⁻¹) on the lags of the support, σ² = RSS / rows, for coefficients from any solver."""
    scale, equations = problem.scale, problem.equations
    squares = residual_squares(problem.segments, model.coef, scale.intercept_of_scaled(model.intercept, model.coef))
    variance = squares / equations.rows
    std, const = np.full(model.coef.shape, np.nan), np.full(problem.h, np.nan)
    lag_mean = equations.lag_mean + scale.mean / scale.std  # of the series' own lags, in units of scale.std
    for k in range(problem.h):
        chosen = np.flatnonzero(model.support[:, k])
        inverse = _inverse(equations.gram[np.ix_(chosen, chosen)])
        std[chosen, k] = np.sqrt(variance[k] * np.diag(inverse))
        if problem.fit_intercept:
            mean = lag_mean[chosen]
            const[k] = scale.std * np.sqrt(variance[k] * (1 / equations.rows + mean @ inverse @ mean))
    return StandardErrors(std, const, squares * scale.std**2, equations.rows)


def _inverse(gram: Float[np.ndarray, "k k"]) -> Float[np.ndarray, "k k"]:
    try:
        return linalg.cho_solve(linalg.cho_factor(gram), np.eye(len(gram)))
    except linalg.LinAlgError:
        return linalg.pinvh(gram)
