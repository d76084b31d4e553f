"""Partial Correlations in Compositional Data Analysis, arXiv 1904.09480.
No official code for the paper; its author co-maintains the R package propr (GPL-2), nothing of which is used here.
Implements the precision matrix of a composition, P = Γ⁺, by one Cholesky factorisation of log-ratios.
Differences: row sums fill the row and column of the reference, where propr gives zeros.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from scipy.linalg import helmert
from scipy.linalg.lapack import dpotrf, dpotri

from workingpapers.errors import InvalidParameterError

SMALLEST_EIGENVALUE = 1e-10  # relative to the largest; below it log-ratios count as collinear


def precision_of_logs(
    logs: Float[ndarray, "samples parts"], reference: int | None = None, names: Sequence[str] | None = None
) -> Float[ndarray, "parts parts"]:
    """Precision matrix of a composition from the logarithms of its parts.

    `P = F_kᵀ Σ_k⁻¹ F_k` with the covariance `Σ_k` of the log-ratios to part k; the same for every k, and equal to the
    Moore–Penrose inverse of the covariance of the centred log-ratios.

    Args:
        logs: `(n, D)`, logarithms of the parts; whatever is common to a row does not count.
        reference: Position of k; None takes the part of least centred log-ratio variance, for the best condition.
        names: D names, for the error.

    Returns:
        `(D, D)`, symmetric, rows add up to 0, rank D - 1; in units of one over squared log-ratios.

    Raises:
        InvalidParameterError: log-ratios are collinear, two parts are proportional for instance.

    Example:
        >>> logs = np.log(np.random.default_rng(0).dirichlet(np.ones(4), 50))
        >>> P = precision_of_logs(logs)
        >>> bool(np.abs(P.sum(0)).max() < 1e-12)
        True
    """
    centred = logs - logs.mean(axis=1, keepdims=True)
    centred = centred - centred.mean(axis=0)
    if reference is None:
        reference = int(np.einsum("ni,ni->i", centred, centred).argmin())
    ratios = np.delete(centred, reference, axis=1) - centred[:, [reference]]
    precision = bordered_precision(ratios.T @ ratios / (len(logs) - 1), reference)
    if precision is None:
        return precision_by_eigenvalues(centred.T @ centred / (len(logs) - 1), names)
    return precision


def precision_of_covariance(
    covariance: Float[ndarray, "parts parts"], reference: int = -1, names: Sequence[str] | None = None
) -> Float[ndarray, "parts parts"]:
    """The same from the covariance of centred log-ratios, or of the logarithms of any basis.

    Args:
        covariance: `(D, D)`; only `F_k covariance F_kᵀ` counts.
        reference: Position of k.
        names: D names, for the error.

    Raises:
        InvalidParameterError: log-ratios are collinear.

    Example:
        >>> P = precision_of_covariance(np.diag([1.0, 0.5, 0.25]))
        >>> round(float(-P[0, 1] / np.sqrt(P[0, 0] * P[1, 1])), 4)  # √(w_i w_j / ((W - w_i)(W - w_j))), w = 1, 2, 4
        0.2582
    """
    k = reference % len(covariance)
    rows = np.delete(covariance, k, axis=0)
    sigma = np.delete(rows, k, axis=1) - rows[:, [k]] - rows[:, k] + covariance[k, k]
    precision = bordered_precision(sigma, k)
    return precision_by_eigenvalues(covariance, names) if precision is None else precision


def bordered_precision(sigma: Float[ndarray, "others others"], reference: int) -> Float[ndarray, "parts parts"] | None:
    """`F_kᵀ Σ⁻¹ F_k`: Σ⁻¹ with the row and column of k so that all rows add up to 0; None where Σ is near singular.

    Args:
        sigma: `(D - 1, D - 1)`, covariance of the log-ratios to part k.
        reference: Position of k among the D parts.

    Example:
        >>> bordered_precision(np.eye(2), 2)
        array([[ 1.,  0., -1.],
               [ 0.,  1., -1.],
               [-1., -1.,  2.]])
    """
    variances = np.diag(sigma)
    if not (variances > 0).all():
        return None
    scale = 1 / np.sqrt(variances)
    scaled = sigma * scale
    scaled *= scale[:, None]
    factor, failed = dpotrf(scaled.T, lower=1, clean=1, overwrite_a=1)  # the transpose is Fortran's order, uncopied
    if failed:
        return None
    half, _ = dpotri(factor, lower=1, overwrite_c=1)
    half *= scale
    half *= scale[:, None]
    m, k = len(sigma), reference
    precision = np.empty((m + 1, m + 1))
    inverse = half + half.T
    inverse[np.diag_indices(m)] = half[np.diag_indices(m)]
    sums = inverse.sum(axis=0)
    # an upper limit of the condition of Γ: tr Γ tr P, which no choice of the reference changes
    spread_of_all = variances.sum() - sigma.sum() / (m + 1)
    if not spread_of_all * (np.trace(inverse) + sums.sum()) < 1 / SMALLEST_EIGENVALUE:
        return None
    precision[:k, :k] = inverse[:k, :k]
    precision[:k, k + 1 :] = inverse[:k, k:]
    precision[k + 1 :, :k] = inverse[k:, :k]
    precision[k + 1 :, k + 1 :] = inverse[k:, k:]
    precision[k, :k] = precision[:k, k] = -sums[:k]
    precision[k, k + 1 :] = precision[k + 1 :, k] = -sums[k:]
    precision[k, k] = sums.sum()
    return precision


def precision_by_eigenvalues(
    covariance: Float[ndarray, "parts parts"], names: Sequence[str] | None = None
) -> Float[ndarray, "parts parts"]:
    """Moore–Penrose inverse of `H covariance H` that drops the constant direction and no other: slower, and the judge.

    Args:
        covariance: `(D, D)`.
        names: D names, for the error.

    Raises:
        InvalidParameterError: an eigenvalue is below 1e-10 of the largest: log-ratios are collinear.

    Example:
        >>> precision_by_eigenvalues(np.eye(3)).round(3)
        array([[ 0.667, -0.333, -0.333],
               [-0.333,  0.667, -0.333],
               [-0.333, -0.333,  0.667]])
    """
    basis = helmert(len(covariance)).T
    values, vectors = np.linalg.eigh(basis.T @ covariance @ basis)
    is_null = values <= SMALLEST_EIGENVALUE * max(values[-1], 0.0)
    if is_null.any():
        raise InvalidParameterError(_collinear(covariance, basis @ vectors[:, is_null], names))
    turned = basis @ vectors
    return (turned / values) @ turned.T


def _collinear(covariance: np.ndarray, null: np.ndarray, names: Sequence[str] | None) -> str:
    called = [repr(name) for name in names] if names is not None else [str(i) for i in range(len(covariance))]
    variances = np.diag(covariance)
    variation = variances[:, None] + variances - 2 * covariance
    tiny = variation <= SMALLEST_EIGENVALUE * max(float(variation.max()), np.finfo(float).tiny)
    np.fill_diagonal(tiny, False)
    if tiny.any():
        i, j = np.argwhere(tiny)[0]
        what = f"columns {called[i]} and {called[j]} are proportional (or equal)"
    else:
        weight = np.abs(null).max(axis=1)
        involved = [called[i] for i in np.flatnonzero(weight > 1e-6 * weight.max())]
        shown = ", ".join(involved[:8]) + (", …" if len(involved) > 8 else "")
        what = f"the parts {shown} depend on each other exactly"
    return f"collinear log-ratios: {what}; leave one of them out, or use shrinkage='basis'"


def partial_correlation_of(precision: Float[ndarray, "parts parts"]) -> Float[ndarray, "parts parts"]:
    """`r_ij = -P_ij / √(P_ii P_jj)`, with ones on the diagonal.

    Args:
        precision: `(D, D)`.

    Example:
        >>> partial_correlation_of(np.array([[2.0, -1.0, -1.0], [-1.0, 2.0, -1.0], [-1.0, -1.0, 2.0]]))[0]
        array([1. , 0.5, 0.5])
    """
    scale = 1 / np.sqrt(np.diag(precision))
    r = -precision * scale[:, None] * scale
    r = np.clip((r + r.T) / 2, -1, 1)  # the bounds are exact; only rounding can pass them
    np.fill_diagonal(r, 1.0)
    return r
