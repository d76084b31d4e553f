"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: the exact linear fit.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements the paper's Classic-AR (least squares on p lags, section 3) from the Gram matrix, and the order by BIC.
Differences: the paper's solver costs O(N p²); this one costs O(N log N + p³/3) and gives the same coefficients.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.lib.stride_tricks import sliding_window_view
from scipy import linalg

from workingpapers.papers.arnet.lags import NormalEquations, correlate_lags, filter_lags, normal_equations

# below this reciprocal condition number the normal equations have lost too many digits to be refined
_RCOND_LIMIT = 1e-13
_MAX_REFINEMENTS = 5
_BLOCK_ROWS = 4096


@dataclass(frozen=True)
class LinearFit:
    """A linear autoregression in the units of the data it was fitted on.

    Args:
        coef: `(p, h)` coefficients, lag 1 first; column k forecasts step k + 1.
        intercept: `(h,)`.
        residual_squares: `(h,)` sums of squared residuals.
    """

    coef: Float[np.ndarray, "p h"]
    intercept: Float[np.ndarray, "h"]
    residual_squares: Float[np.ndarray, "h"]


def fit_least_squares(
    segments: Sequence[Float[np.ndarray, "_"]], equations: NormalEquations, fit_intercept: bool
) -> LinearFit:
    """Ordinary least squares: Cholesky on the Gram matrix, then refinement against the residuals of the data.

    Refinement solves G d = Xᵀ(y - X w) with the residual taken on the series itself, so the result has the accuracy of
    least squares on the lag matrix. A Gram matrix that is singular to working precision is replaced by a blockwise QR
    decomposition of the lag matrix (O(N p²) time, no N × p memory) and the solution of minimum norm.
    """
    factor = _cholesky(equations.gram)
    if factor is None:
        coef = _minimum_norm(segments, equations)
        intercept = centred_intercept(equations, coef)
        return LinearFit(coef, intercept, residual_squares(segments, coef, intercept))
    coef = linalg.cho_solve((factor, True), equations.cross, check_finite=False)
    for _ in range(_MAX_REFINEMENTS):
        gradient, squares = _residual_products(
            segments, coef, centred_intercept(equations, coef), fit_intercept, equations
        )
        step = linalg.cho_solve((factor, True), gradient, check_finite=False)
        coef = coef + step
        if np.abs(step).max() <= 1e-12 * np.abs(coef).max():
            break  # the residuals of the last round differ by the square of this step
    return LinearFit(coef, centred_intercept(equations, coef), squares)


def solve_on_support(
    equations: NormalEquations, support: Bool[np.ndarray, "p"], column: int
) -> tuple[Float[np.ndarray, "p"], float, Float[np.ndarray, "p"]]:
    """Least squares on the lags in `support` only.

    Returns:
        Coefficients (zero outside), the sum of squared residuals, and the diagonal of the inverse Gram matrix on the
        support (NaN outside).
    """
    coef, diagonal = np.zeros(len(support)), np.full(len(support), np.nan)
    chosen = np.flatnonzero(support)
    if len(chosen) == 0:
        return coef, float(equations.target_squares[column]), diagonal
    gram, cross = equations.gram[np.ix_(chosen, chosen)], equations.cross[chosen, column]
    factor = _cholesky(gram)
    inverse = linalg.pinvh(gram) if factor is None else linalg.cho_solve((factor, True), np.eye(len(chosen)))
    solution = inverse @ cross
    solution += inverse @ (cross - gram @ solution)
    coef[chosen], diagonal[chosen] = solution, np.diag(inverse)
    squares = equations.target_squares[column] - 2 * cross @ solution + solution @ gram @ solution
    return coef, max(float(squares), 0.0), diagonal


def select_order(
    segments: Sequence[Float[np.ndarray, "_"]], max_lag: int, h: int, fit_intercept: bool
) -> tuple[int, Float[np.ndarray, "max_lag"]]:
    """Order of lowest BIC on the sample common to all orders, from one Cholesky factor.

    With G = LLᵀ and z = L⁻¹b the first k lags leave RSS_k = yᵀy - Σ_{i≤k} z_i², for every k at once.

    Returns:
        The order, at least 1, and BIC of the orders 1 … max_lag (infinite where the lags are collinear).
    """
    equations = normal_equations(segments, max_lag, h, fit_intercept)
    factor, info = linalg.lapack.dpotrf(equations.gram, lower=True, clean=True)
    usable = max_lag if info == 0 else max(info - 1, 1)
    explained = linalg.solve_triangular(factor[:usable, :usable], equations.cross[:usable, 0], lower=True) ** 2
    total = equations.target_squares[0]
    squares = np.maximum(total - np.cumsum(explained), 1e-15 * total)
    bic = np.full(max_lag, np.inf)
    bic[:usable] = information_criterion(squares, equations.rows, np.arange(1, usable + 1) + fit_intercept)
    return int(np.argmin(bic)) + 1, bic


def information_criterion(
    squares: Float[np.ndarray, "k"], rows: int, parameters: Int[np.ndarray, "k"]
) -> Float[np.ndarray, "k"]:
    """BIC of Gaussian regressions up to a constant: rows · log(RSS / rows) + log(rows) · parameters."""
    return rows * np.log(squares / rows) + np.log(rows) * parameters


def _cholesky(gram: Float[np.ndarray, "p p"]) -> Float[np.ndarray, "p p"] | None:
    """Lower Cholesky factor, or None where the matrix is singular to working precision."""
    factor, info = linalg.lapack.dpotrf(gram, lower=True, clean=True)
    if info != 0:
        return None
    rcond, info = linalg.lapack.dpocon(factor, np.abs(gram).sum(axis=0).max(), uplo="L")
    return factor if info == 0 and rcond > _RCOND_LIMIT else None


def centred_intercept(equations: NormalEquations, coef: Float[np.ndarray, "p h"]) -> Float[np.ndarray, "h"]:
    """Intercepts that go with the coefficients: mean of the targets less what the mean lags explain."""
    return equations.target_mean - equations.lag_mean @ coef


def _residuals(
    segment: Float[np.ndarray, "n"], coef: Float[np.ndarray, "p h"], intercept: Float[np.ndarray, "h"]
) -> list[Float[np.ndarray, "rows"]]:
    p, h = coef.shape
    rows = len(segment) - p - h + 1
    return [segment[p + k : p + k + rows] - filter_lags(segment, coef[:, k])[:rows] - intercept[k] for k in range(h)]


def residual_squares(
    segments: Sequence[Float[np.ndarray, "_"]], coef: Float[np.ndarray, "p h"], intercept: Float[np.ndarray, "h"]
) -> Float[np.ndarray, "h"]:
    """Sums of squared residuals over all rows of all segments, one for each forecast step."""
    width = sum(coef.shape)
    parts = [_residuals(segment, coef, intercept) for segment in segments if len(segment) >= width]
    return np.array([[error @ error for error in part] for part in parts]).sum(axis=0)


def _residual_products(
    segments: Sequence[Float[np.ndarray, "_"]],
    coef: Float[np.ndarray, "p h"],
    intercept: Float[np.ndarray, "h"],
    fit_intercept: bool,
    equations: NormalEquations,
) -> tuple[Float[np.ndarray, "p h"], Float[np.ndarray, "h"]]:
    """Xᵀe and eᵀe for the residuals e of all rows, X centred where there is an intercept."""
    p, h = coef.shape
    products, squares, sums = np.zeros((p, h)), np.zeros(h), np.zeros(h)
    for segment in segments:
        if len(segment) < p + h:
            continue
        for k, error in enumerate(_residuals(segment, coef, intercept)):
            products[:, k] += correlate_lags(segment[: p - 1 + len(error)], error, p)
            squares[k] += error @ error
            sums[k] += error.sum()
    if fit_intercept:
        products -= np.outer(equations.lag_mean, sums)
    return products, squares


def _minimum_norm(segments: Sequence[Float[np.ndarray, "_"]], equations: NormalEquations) -> Float[np.ndarray, "p h"]:
    """Coefficients of minimum norm, by QR over blocks of rows."""
    p, h = equations.cross.shape
    width = p + h
    means = np.concatenate([equations.lag_mean, equations.target_mean])
    triangle = np.zeros((0, width))
    for segment in segments:
        if len(segment) < width:
            continue
        windows = sliding_window_view(segment, width)
        for start in range(0, len(windows), _BLOCK_ROWS):
            block = windows[start : start + _BLOCK_ROWS]
            block = np.hstack([block[:, :p][:, ::-1], block[:, p:]]) - means
            triangle = linalg.qr(np.vstack([triangle, block]), mode="r", overwrite_a=True)[0][:width]
    lags, targets = triangle[:, :p], triangle[:, p:]
    u, s, vt = linalg.svd(lags, full_matrices=False)
    keep = s > s[0] * max(equations.rows, p) * np.finfo(float).eps
    return (vt[keep].T / s[keep]) @ (u[:, keep].T @ targets)
