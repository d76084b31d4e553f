"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: synthetic series, sTPE.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements the data of section 4 (random stationary AR(p), sparse AR(3)) and the symmetric total percentage error.
Differences: 1e-8 is added below the fraction of sTPE, so that it is 0 for two vectors of zeros.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from jaxtyping import Float
from scipy.signal import lfilter

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.arnet.lags import as_values
from workingpapers.papers.arnet.stationarity import is_stationary

SPARSE_COEFFICIENTS = (0.2, 0.3, -0.5)  # of the paper's sparse series
_MAX_DRAWS = 10_000


def ar_generate(
    n: int,
    coef: npt.ArrayLike,
    noise_std: float | int = 1.0,
    burn_in: int = 1000,
    seed: int | np.random.Generator | None = None,
) -> Float[np.ndarray, "n"]:
    """Draw y_t = Σ_i w_i y_{t-i} + e_t with e_t ~ N(0, noise_std²), from y = 0 and after `burn_in` steps.

    Args:
        n: Number of values to return.
        coef: Coefficients w, lag 1 first.
        noise_std: Standard deviation of the noise.
        burn_in: Steps that are thrown away first.
        seed: Seed, generator, or None for fresh noise.

    Returns:
        Series of shape `(n,)`, not centred.

    Raises:
        InvalidParameterError: n < 1, burn_in < 0, noise_std < 0, or the coefficients make the series overflow.

    Example:
        >>> ar_generate(1000, [0.2, 0.3, -0.5], seed=0).shape
        (1000,)
    """
    if n < 1 or burn_in < 0:
        raise InvalidParameterError(f"n must be at least 1 and burn_in at least 0; got n={n}, burn_in={burn_in}")
    if not noise_std >= 0:
        raise InvalidParameterError(f"noise_std must be at least 0; got {noise_std}")
    weights = as_values(coef, "coef")
    noise = noise_std * np.random.default_rng(seed).standard_normal(n + burn_in)
    with np.errstate(over="ignore", invalid="ignore"):
        series = lfilter([1.0], np.concatenate([[1.0], -weights]), noise)[burn_in:]
    if not np.isfinite(series).all():
        raise InvalidParameterError(
            f"the series explodes with coef={weights.tolist()}; a stationary one has all roots of its companion "
            "matrix inside the unit circle (Σ|w| < 1 is enough)"
        )
    return series


def random_ar_coefficients(p: int, seed: int | np.random.Generator | None = None) -> Float[np.ndarray, "p"]:
    """Coefficients of a random stationary AR(p), as in section 4: U(-1, 1), scaled, centred, redrawn until stationary.

    Where Σ|w| > 1 the draw is divided by the sum and multiplied by U(0.5, 1); then the mean is subtracted (p > 1).

    Args:
        p: Number of lags.
        seed: Seed, generator, or None for a fresh draw.

    Returns:
        Shape `(p,)`, lag 1 first.

    Raises:
        InvalidParameterError: p < 1.

    Example:
        >>> random_ar_coefficients(3, seed=0).shape
        (3,)
    """
    if p < 1:
        raise InvalidParameterError(f"p must be at least 1; got {p}")
    rng = np.random.default_rng(seed)
    for _ in range(_MAX_DRAWS):
        weights = rng.uniform(-1, 1, p)
        total = np.abs(weights).sum()
        if total > 1:
            weights *= rng.uniform(0.5, 1) / total
        if p > 1:  # one coefficient less its mean would be 0
            weights -= weights.mean()
        if is_stationary(weights):
            return weights
    raise InvalidParameterError(f"no stationary AR({p}) in {_MAX_DRAWS} draws; use a smaller p")


def sparse_ar_coefficients(p: int, lags: Sequence[int] = (1, 2, 3)) -> Float[np.ndarray, "p"]:
    """The paper's 0.2, 0.3, -0.5 on the given lags of p, zero elsewhere.

    Args:
        p: Number of lags.
        lags: The three lags that matter, each in 1 … p.

    Returns:
        Shape `(p,)`, lag 1 first.

    Raises:
        InvalidParameterError: there are not three lags, or one lies outside 1 … p.

    Example:
        >>> sparse_ar_coefficients(5).tolist()
        [0.2, 0.3, -0.5, 0.0, 0.0]
    """
    if len(set(lags)) != len(SPARSE_COEFFICIENTS) or min(lags) < 1 or max(lags) > p:
        raise InvalidParameterError(f"lags must be three different numbers in 1 … {p}; got {lags}")
    weights = np.zeros(p)
    weights[np.array(lags) - 1] = SPARSE_COEFFICIENTS
    return weights


def stpe(est: npt.ArrayLike, true: npt.ArrayLike) -> float:
    """Symmetric total percentage error of coefficients: 100 Σ|ŵ - w| / (Σ(|ŵ| + |w|) + 1e-8).

    Args:
        est: Estimated coefficients, shape `(p,)`.
        true: True ones, same shape.

    Returns:
        Per cent: 0 where they are equal, 100 where nothing of w is found.

    Raises:
        InvalidParameterError: the shapes differ.

    Example:
        >>> round(stpe([0.1, 0.0, -0.5, 0.05], [0.2, 0.3, -0.5, 0.0]), 4)
        27.2727
    """
    estimate, truth = as_values(est, "est"), as_values(true, "true")
    if estimate.shape != truth.shape:
        raise InvalidParameterError(
            f"est and true must have the same number of lags; got {len(estimate)} and {len(truth)}; pad with zeros"
        )
    return float(100 * np.abs(estimate - truth).sum() / ((np.abs(estimate) + np.abs(truth)).sum() + 1e-8))
