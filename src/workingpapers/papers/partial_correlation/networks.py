"""Sparse networks whose edges are known: log-normal amounts, a common factor for each sample, and their closure."""

from dataclasses import dataclass

import numpy as np

EDGES_FOR_EACH_PART = 3.0
WEIGHTS = (0.25, 0.45)
LEAST_EIGENVALUE = 0.1
SAMPLE_SIZE_SPREAD = 1.5


@dataclass(frozen=True)
class Network:
    """One draw.

    Args:
        basis: `(n, D)`, logarithms of the amounts before the common factor and before closure.
        closed: `(n, D)`, rows that add up to 1.
        is_edge: `(D (D - 1) / 2,)`, by pairs i < j.
        sign: Sign of the partial correlation of each pair's amounts, same shape.
        variances: `(D,)`, of `basis` in the population.
    """

    basis: np.ndarray
    closed: np.ndarray
    is_edge: np.ndarray
    sign: np.ndarray
    variances: np.ndarray


def network(parts: int, n: int, seed: int) -> Network:
    """Precision I with every pair an edge with probability 3 / D and weight ±U(0.25, 0.45), made positive definite.

    Args:
        parts: D.
        n: Samples.
        seed: Of the draw.

    Example:
        >>> drawn = network(5, 20, seed=0)
        >>> drawn.closed.shape, drawn.is_edge.shape
        ((20, 5), (10,))
    """
    rng = np.random.default_rng(seed)
    a, b = np.triu_indices(parts, 1)
    is_edge = rng.random(len(a)) < EDGES_FOR_EACH_PART / parts
    weights = np.where(is_edge, rng.uniform(*WEIGHTS, len(a)) * rng.choice([-1.0, 1.0], len(a)), 0.0)
    precision = np.eye(parts)
    precision[a, b] = precision[b, a] = weights
    smallest = float(np.linalg.eigvalsh(precision)[0])
    if smallest < LEAST_EIGENVALUE:
        precision += (LEAST_EIGENVALUE - smallest) * np.eye(parts)
    covariance = np.linalg.inv(precision)
    basis = rng.normal(size=parts) + rng.normal(size=(n, parts)) @ np.linalg.cholesky(covariance).T
    amounts = np.exp(basis + rng.normal(0, SAMPLE_SIZE_SPREAD, (n, 1)))
    closed = amounts / amounts.sum(axis=1, keepdims=True)
    return Network(basis, closed, is_edge, -np.sign(weights), np.diag(covariance).copy())
