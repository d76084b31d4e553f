"""Partial Correlations in Compositional Data Analysis, arXiv 1904.09480.
No official code for the paper; its author co-maintains the R package propr (GPL-2), nothing of which is used here.
Implements tests and intervals of partial correlations that are conditioned on D - 3 free log-ratios.
Differences: the degrees of freedom of the interval and the test against the closure-induced value are ours.
"""

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy import stats

CONFIDENCE = 0.95


def p_values(r: Float[ndarray, "*shape"], df: int) -> Float[ndarray, "*shape"]:
    """Two-sided p-values of r = 0: `t = r √(df / (1 - r²))` against Student's t with df degrees of freedom.

    Args:
        r: Partial correlations, any shape.
        df: `n - D + 1`; below 1 every p-value is NaN.

    Example:
        >>> p_values(np.array([0.0, 0.5]), 18).round(4)
        array([1.    , 0.0248])
    """
    if df < 1:
        return np.full_like(r, np.nan)
    with np.errstate(divide="ignore"):
        t = np.abs(r) * np.sqrt(df / ((1 - r) * (1 + r)))
    return 2 * stats.t.sf(t, df)


def p_values_against(
    r: Float[ndarray, "*shape"], null: Float[ndarray, "*shape"], room: int
) -> Float[ndarray, "*shape"]:
    """Two-sided p-values of r = null by Fisher's z: `(atanh r - atanh null) √(n - D)` against the normal.

    Args:
        r: Partial correlations, any shape.
        null: What they are tested against, same shape.
        room: `n - D`; below 1 every p-value is NaN.

    Example:
        >>> p_values_against(np.array([0.5, 0.5]), np.array([0.5, 0.1]), 30).round(4)
        array([1.    , 0.0139])
    """
    if room < 1:
        return np.full_like(r, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (np.arctanh(r) - np.arctanh(null)) * np.sqrt(room)
    return 2 * stats.norm.sf(np.abs(np.where(r == null, 0.0, z)))


def fisher_intervals(r: Float[ndarray, "*shape"], room: int) -> Float[ndarray, "*shape 2"]:
    """95 % intervals `tanh(atanh r ± z / √(n - D))`, stacked in a last axis; NaN where `n - D` is below 1.

    Args:
        r: Partial correlations, any shape.
        room: `n - D`.

    Example:
        >>> fisher_intervals(np.array([0.5]), 30).round(3)
        array([[0.189, 0.72 ]])
    """
    if room < 1:
        return np.full((*r.shape, 2), np.nan)
    half = stats.norm.ppf((1 + CONFIDENCE) / 2) / np.sqrt(room)
    with np.errstate(divide="ignore"):
        z = np.arctanh(r)
    return np.tanh(np.stack([z - half, z + half], axis=-1))


def q_values(p: Float[ndarray, "parts parts"], method: str = "bh") -> Float[ndarray, "parts parts"]:
    """p-values of all `D (D - 1) / 2` pairs, adjusted for how many they are.

    Args:
        p: `(D, D)`, symmetric.
        method: "bh" (Benjamini and Hochberg), "by" (Benjamini and Yekutieli), "bonferroni" or "none".

    Returns:
        `(D, D)`, symmetric, with the diagonal of `p`; NaN where p is.

    Example:
        >>> p = np.array([[1.0, 0.01, 0.04], [0.01, 1.0, 0.03], [0.04, 0.03, 1.0]])
        >>> q_values(p)[0].round(3)
        array([1.  , 0.03, 0.04])
    """
    upper = np.triu_indices(len(p), 1)
    values = p[upper]
    if np.isnan(values).any():
        adjusted = np.full_like(values, np.nan)
    elif method == "bonferroni":
        adjusted = np.minimum(values * len(values), 1.0)
    elif method == "none":
        adjusted = values
    else:
        adjusted = stats.false_discovery_control(values, method="by" if method == "by" else "bh")
    q = np.diag(np.diag(p).copy())
    q[upper] = adjusted
    q.T[upper] = adjusted
    return q
