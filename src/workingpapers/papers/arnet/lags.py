"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: lagged values, Gram matrix.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements the regression of equation 1 (y_t on its p predecessors) as views and as normal equations.
Differences: the paper builds the lag matrix; the Gram matrix in O(N log N + p²) is ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from jaxtyping import Float
from numpy.lib.stride_tricks import sliding_window_view
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import oaconvolve
from scipy.sparse import issparse

from workingpapers.errors import InvalidParameterError, InvalidTypeError

_DIRECT_LIMIT = 32  # up to this many lags, one dot product per lag beats the FFT
_BLOCK = 512


def as_values(y: npt.ArrayLike, name: str = "y") -> Float[np.ndarray, "n"]:
    """One-dimensional float64 values, or an error that says what was given instead."""
    if issparse(y):
        raise InvalidTypeError(f"{name} must be a dense series; sparse input is not supported; use y.toarray().ravel()")
    try:
        values = np.asarray(y)
    except ValueError as error:  # ragged nested lists
        raise InvalidTypeError(
            f"{name} must be one-dimensional numbers; got nested values of unequal length"
        ) from error
    if np.iscomplexobj(values):
        raise InvalidParameterError(f"Complex data not supported: {name} must hold real numbers; pass its real part")
    if values.dtype.kind not in "fiub":
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidTypeError(
                f"{name} must hold numbers; got dtype {values.dtype}; convert it with pandas.to_numeric first"
            ) from error
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise InvalidParameterError(
            f"{name} must be one series of shape (N,); got shape {values.shape}; "
            "pass a list of arrays, or a long DataFrame with columns unique_id, ds, y, for several series"
        )
    return np.ascontiguousarray(values, dtype=np.float64)


def check_order(p: int, n: int) -> None:
    """Raise unless 1 ≤ p < n for p lags of n values."""
    if isinstance(p, bool) or not isinstance(p, int | np.integer):
        raise InvalidTypeError(f"the number of lags must be an int; got {p!r}")
    if not 1 <= p < n:
        raise InvalidParameterError(f"the number of lags must lie in 1 … {n - 1} for a series of {n} values; got {p}")


def lag_matrix(y: npt.ArrayLike, p: int) -> Float[np.ndarray, "rows p"]:
    """Lagged values as a read-only view: row t holds (y_{t-1}, …, y_{t-p}) for the target y_t, t = p … N-1.

    Args:
        y: Series of shape `(N,)`. A float64 array is not copied.
        p: Number of lags.

    Returns:
        View of shape `(N - p, p)`, lag 1 first, so that `lag_matrix(y, p) @ model.coef_` predicts `y[p:]`.

    Raises:
        InvalidParameterError: p is not in 1 … N-1, or y is not one series.

    Differs from the paper:
        The network reads its inputs oldest first; here lag 1 comes first, in the order of `coef_`.

    Example:
        >>> lag_matrix([1.0, 2.0, 3.0, 4.0], 2)
        array([[2., 1.],
               [3., 2.]])
    """
    values = as_values(y)
    check_order(p, len(values))
    return sliding_window_view(values[:-1], p)[:, ::-1]


def lag_gram(y: npt.ArrayLike, p: int) -> tuple[Float[np.ndarray, "p p"], Float[np.ndarray, "p"], float]:
    """Gram matrix of the lagged values without building them: G = XᵀX, b = Xᵀt, yy = tᵀt with X = lag_matrix(y, p).

    Neighbouring entries on a diagonal differ by the two products at the ends of the series,
        G[i+1, j+1] = G[i, j] + y[p-1-i] y[p-1-j] - y[N-1-i] y[N-1-j]      (lags i, j counted from 1),
    so only the first row is summed (by FFT): O(N log N + p²) time, O(N + p²) memory.

    Args:
        y: Series of shape `(N,)`.
        p: Number of lags.

    Returns:
        G of shape `(p, p)`, b of shape `(p,)`, both lag 1 first, and yy, for the targets t = y[p:].

    Raises:
        InvalidParameterError: p is not in 1 … N-1, or y is not one series.

    Example:
        >>> G, b, yy = lag_gram([1.0, 2.0, 3.0, 4.0], 2)
        >>> G.tolist(), b.tolist(), yy
        ([[13.0, 8.0], [8.0, 5.0]], [18.0, 11.0], 25.0)
    """
    values = as_values(y)
    check_order(p, len(values))
    window = window_gram(values, p + 1)
    return window[1:, 1:].copy(), window[1:, 0].copy(), float(window[0, 0])


def window_gram(y: Float[np.ndarray, "n"], width: int) -> Float[np.ndarray, "width width"]:
    """Gram matrix of all windows of `width` values, newest value first: E[i, j] = Σ_t y_{t-i} y_{t-j}."""
    last = width - 1
    gram = np.empty((width, width))
    gram[0] = gram[:, 0] = correlate_lags(y, y[last:], width)
    entering, leaving = y[:last][::-1], y[::-1][:last]
    change = np.outer(entering, entering)
    change -= np.outer(leaving, leaving)
    for i in range(last):  # along the diagonals: each row from the row above, one step to the right
        np.add(gram[i, :-1], change[i], out=gram[i + 1, 1:])
    return gram


def window_sums(y: Float[np.ndarray, "n"], width: int) -> Float[np.ndarray, "width"]:
    """Column sums of the windows that `window_gram` multiplies: S[i] = Σ_t y_{t-i}."""
    last = width - 1
    change = y[:last][::-1] - y[::-1][:last]
    return y[last:].sum() + np.concatenate([[0.0], np.cumsum(change)])


def correlate_lags(
    y: Float[np.ndarray, "n"], target: Float[np.ndarray, "rows"], width: int
) -> Float[np.ndarray, "width"]:
    """Σ_r target[r] · y[width-1-i+r] for i = 0 … width-1: products of a target with the series i steps before it."""
    rows, last = len(target), width - 1
    if width <= _DIRECT_LIMIT:
        return np.array([y[last - i : last - i + rows] @ target for i in range(width)])
    # in blocks: their spectra are multiplied and summed, so one inverse transform serves all of them
    block = max(4 * width, _BLOCK)
    count = -(-rows // block)
    size = next_fast_len(block + last, real=True)
    histories = np.zeros(count * block + last)
    histories[: rows + last] = y[: rows + last]
    padded = np.zeros((count, block))
    padded.ravel()[:rows] = target
    spectrum = rfft(sliding_window_view(histories, block + last)[::block], size)
    products = np.einsum("bf,bf->f", spectrum, rfft(padded, size).conj())
    return irfft(products, size)[:width][::-1]


def filter_lags(y: Float[np.ndarray, "n"], coef: Float[np.ndarray, "p"]) -> Float[np.ndarray, "m"]:
    """Σ_i coef[i] · y_{t-1-i} for t = p … n: the predictions of a linear model, one more than there are targets."""
    if len(coef) <= _DIRECT_LIMIT:
        return np.convolve(y, coef, mode="valid")
    return oaconvolve(y, coef, mode="valid")


@dataclass(frozen=True)
class NormalEquations:
    """Sums that determine the least-squares fit of h steps on p lags, over all rows of all segments.

    Args:
        gram: `(p, p)` products of lags, centred where there is an intercept.
        cross: `(p, h)` products of lags with targets, centred likewise.
        target_squares: `(h,)` sums of squared targets, centred likewise.
        lag_mean: `(p,)` means of the lags; zero without an intercept.
        target_mean: `(h,)` means of the targets; zero without an intercept.
        rows: Number of rows (windows) that were summed.
    """

    gram: Float[np.ndarray, "p p"]
    cross: Float[np.ndarray, "p h"]
    target_squares: Float[np.ndarray, "h"]
    lag_mean: Float[np.ndarray, "p"]
    target_mean: Float[np.ndarray, "h"]
    rows: int


def normal_equations(
    segments: Sequence[Float[np.ndarray, "_"]], p: int, h: int, fit_intercept: bool
) -> NormalEquations:
    """Sum the windows of all segments; segments shorter than p + h hold none and are passed over."""
    width = p + h
    gram, sums, rows = np.zeros((width, width)), np.zeros(width), 0
    for segment in segments:
        if len(segment) >= width:
            gram += window_gram(segment, width)
            sums += window_sums(segment, width)
            rows += len(segment) - width + 1
    means = sums / rows if fit_intercept else np.zeros(width)
    gram -= rows * np.outer(means, means)
    newest_first = slice(h - 1, None, -1)  # column k of the targets is y_{t+k}; the window holds y_{t+h-1} first
    return NormalEquations(
        gram=np.ascontiguousarray(gram[h:, h:]),
        cross=np.ascontiguousarray(gram[h:, newest_first]),
        target_squares=np.diag(gram)[newest_first].copy(),
        lag_mean=means[h:],
        target_mean=means[newest_first].copy(),
        rows=rows,
    )
