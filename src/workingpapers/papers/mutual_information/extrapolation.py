"""Accurate Estimation of Mutual Information in High Dimensional Data, arXiv 2506.00330: bias correction, interval.
Official code: none found; the first author's library NeuralMI (MIT) was not used.
Implements the weighted line through estimates on N / γ samples and its intercept, with the filter on curvature.
Differences: curvature counts only where it is significant; the interval adds the scatter between disjoint chunks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.stats import t as student

from workingpapers.errors import InvalidParameterError

CURVATURE = 0.1
LEAST_GAMMAS = 4


@dataclass(frozen=True)
class Line:
    """`I(γ) = intercept + slope γ` with its uncertainty.

    Args:
        half_width: Of the interval of the intercept: line and sampling together.
        line_half_width: The part of the line alone, `t_{n-2} se(a0)`.
        sampling_half_width: The part of the sample: the scatter between disjoint chunks.
        prediction_half_width: For one more run, extrapolated in the same way.
        gammas: Those that the filter left.
        is_straight: Whether the quadratic term of the fit that was taken is small or not significant.
        curvature: |a2 / a1| of that fit; 0 where there is no quadratic to fit.
        curvature_t: t value of a2 of that fit.
    """

    intercept: float
    slope: float
    half_width: float
    line_half_width: float
    sampling_half_width: float
    prediction_half_width: float
    gammas: tuple[int, ...]
    is_straight: bool
    curvature: float
    curvature_t: float


def extrapolate(
    gammas: Sequence[int] | np.ndarray,
    chunks: Sequence[int] | np.ndarray,
    values: Sequence[float] | np.ndarray,
    confidence: float = 0.95,
) -> Line:
    """The weighted least-squares line through one estimate for each run, and its value at γ = 0.

    Every γ has the same weight, so a run weighs 1 / (runs at its γ). The largest γ is dropped while the quadratic
    term is both significant (|t| ≥ 2) and large (|a2 / a1| > 0.1) and more than four γ remain.

    The interval of the line alone treats the runs as independent. They are not: all chunks come from one sample, so
    the whole line moves with it, and residuals cannot show that. Disjoint chunks do: the mean of the γ chunks at γ
    has the jackknife variance `s²_γ / γ`, whatever the size of a chunk. These are pooled over γ and added.

    Args:
        gammas: γ of each run, shape `(runs,)`.
        chunks: Number of its chunk, shape `(runs,)`.
        values: Its estimate, shape `(runs,)`.
        confidence: Of the interval.

    Raises:
        InvalidParameterError: fewer than two different γ or fewer than three runs.

    Example:
        >>> line = extrapolate([1, 2, 2, 3, 3, 3], [0, 0, 1, 0, 1, 2], [2.05, 2.1, 2.1, 2.15, 2.15, 2.15])
        >>> round(line.intercept, 9), round(line.slope, 9), round(line.half_width, 9)
        (2.0, 0.05, 0.0)
    """
    g, c, v = np.asarray(gammas), np.asarray(chunks), np.asarray(values, dtype=float)
    if len(np.unique(g)) < 2 or len(v) < 3:
        raise InvalidParameterError(
            f"gammas has the values {np.unique(g).tolist()} in {len(v)} runs; a line needs two values and three runs"
        )
    while True:
        curvature, t_value = _curvature(g, v)
        is_straight = abs(t_value) < 2 or curvature < CURVATURE
        kept = np.unique(g)
        if is_straight or len(kept) <= LEAST_GAMMAS:
            break
        g, c, v = (each[g < kept[-1]] for each in (g, c, v))
    coefficients, covariance, variance = _weighted(g, v, 1)
    quantile = float(student.ppf(0.5 + confidence / 2, len(v) - 2))
    line = quantile * float(np.sqrt(covariance[0, 0]))
    between, freedom = sampling_variance(g, c, v)
    # freedom: chunks of different γ hold the same rows, so no more is claimed than one partition gives
    sampling = float(np.sqrt(between)) * float(student.ppf(0.5 + confidence / 2, freedom)) if freedom else 0.0
    half = float(np.hypot(line, sampling))
    prediction = float(np.hypot(half, quantile * np.sqrt(variance)))
    return Line(
        intercept=float(coefficients[0]),
        slope=float(coefficients[1]),
        half_width=half,
        line_half_width=line,
        sampling_half_width=sampling,
        prediction_half_width=prediction,
        gammas=tuple(int(each) for each in kept),
        is_straight=is_straight,
        curvature=curvature,
        curvature_t=t_value,
    )


def sampling_variance(g: np.ndarray, c: np.ndarray, v: np.ndarray) -> tuple[float, int]:
    """Variance of a γ's mean over samples, from the scatter of its disjoint chunks, pooled; degrees of freedom.

    Deleting one chunk at a time gives the mean of γ disjoint chunks the jackknife variance `s² / γ`; the pool weighs
    each γ by its γ - 1 differences. The degrees of freedom are those of the finest partition.
    """
    total, weight, freedom = 0.0, 0, 0
    for gamma in np.unique(g):
        means = [v[(g == gamma) & (c == chunk)].mean() for chunk in np.unique(c[g == gamma])]
        if len(means) > 1:
            degrees = len(means) - 1
            total += degrees * float(np.var(means, ddof=1)) / len(means)
            weight += degrees
            freedom = max(freedom, degrees)
    return (total / weight if weight else 0.0), freedom


def _weighted(
    g: np.ndarray, v: np.ndarray, degree: int
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k k"], float]:
    """Coefficients a0, a1, ... with their covariance, and the residual variance of a run at unit weight."""
    _, inverse, counts = np.unique(g, return_inverse=True, return_counts=True)
    weights = 1 / counts[inverse]
    design = np.vander(g.astype(float), degree + 1, increasing=True)
    root = np.sqrt(weights)[:, None]
    coefficients = np.linalg.lstsq(design * root, v * root[:, 0], rcond=None)[0]
    residual = v - design @ coefficients
    freedom = len(v) - degree - 1
    variance = float((weights * residual**2).sum() / freedom) if freedom > 0 else 0.0
    if variance <= (1e-13 * np.abs(v).max()) ** 2:
        variance = 0.0
    covariance = variance * np.linalg.inv(design.T @ (design * weights[:, None]))
    mean_square = float((residual**2).sum() / freedom) if freedom > 0 else 0.0
    return coefficients, covariance, mean_square


def _curvature(g: np.ndarray, v: np.ndarray) -> tuple[float, float]:
    """|a2 / a1| of the parabola and the t value of a2."""
    if len(np.unique(g)) < 3 or len(v) < 4:
        return 0.0, 0.0
    coefficients, covariance, _ = _weighted(g, v, 2)
    error = float(np.sqrt(covariance[2, 2]))
    size = max(float(np.abs(coefficients[1])), np.finfo(float).tiny)
    t_value = float(coefficients[2]) / error if error > 0 else 0.0
    return float(min(abs(float(coefficients[2])) / size, 1e300)), t_value
