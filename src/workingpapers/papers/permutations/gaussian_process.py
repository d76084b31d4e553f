"""Exact Learning of Permutations for Nonzero Binary Inputs (arXiv 2502.16763): samples of the exact limit.

Official code: github.com/opallab/permlearn (MIT); nothing of it is used here.
Implements the trained network's Gaussian process over a set of inputs; the k outputs share one covariance.
Differences from the paper: none known.
"""

import numpy as np
from scipy import linalg

from workingpapers.papers.permutations.kernels import kernels_of_rows
from workingpapers.papers.permutations.moments import limit_moments


def posterior(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean `(n, k)`, in the order of the input's bits, and covariance `(n, n)` of one output of one network."""
    k = rows.shape[1]
    one, zero, _ = limit_moments(k, rows.sum(1, dtype=np.int64))
    weights = np.where(rows == 1, one[:, None], zero[:, None])  # of the k training targets; with Y = I the mean itself
    basis = np.eye(k)
    among, between = kernels_of_rows(basis, basis).nngp, kernels_of_rows(basis, rows).nngp
    cross = weights @ between
    covariance = kernels_of_rows(rows, rows).nngp + weights @ among @ weights.T - cross - cross.T
    return weights, covariance


def sample(rows: np.ndarray, n_models: int, noise: np.ndarray) -> np.ndarray:
    """Mean of `n_models` draws at distinct inputs, `(n, k)` in the order of the input's bits.

    Args:
        rows: Distinct binary inputs `(n, k)`.
        n_models: Over how many networks the mean goes: it divides the covariance.
        noise: Standard normal numbers `(n, k)`; column i belongs to the output that bit i is sent to.
    """
    mean, covariance = posterior(rows)
    free = rows.sum(1) > 1  # basis vectors are training inputs and have no variance
    made = mean.copy()
    if free.any():
        made[free] += _root(covariance[np.ix_(free, free)] / n_models) @ noise[free]
    return made


def _root(covariance: np.ndarray) -> np.ndarray:
    """A matrix whose product with its transpose is the covariance."""
    try:
        return np.asarray(linalg.cholesky(covariance, lower=True))
    except linalg.LinAlgError:  # positive definite up to rounding only
        values, vectors = linalg.eigh(covariance)
        return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0)))
