"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: sparse coefficients, exact solver.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Stands in for the sparse AR-Net of section 3.2 without its estimated sparsity s: adaptive lasso, order chosen by BIC.
Differences: not in the paper; a convex rival with the same aim, after Zou, JASA 101 (2006).
"""

import warnings

import numpy as np
from jaxtyping import Bool, Float
from scipy import linalg
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import lasso_path

from workingpapers.papers.arnet.lags import NormalEquations
from workingpapers.papers.arnet.least_squares import information_criterion, solve_on_support

_PATH_LENGTH = 80
_PATH_DEPTH = 1e-4  # smallest penalty over the largest
_PATIENCE = 25  # supports without a better BIC before the search ends


def select_support(
    equations: NormalEquations, initial: Float[np.ndarray, "p"], column: int, fit_intercept: bool
) -> Bool[np.ndarray, "p"]:
    """Lags of lowest BIC among the supports on the adaptive lasso's path.

    The path minimises ½ wᵀGw - bᵀw + λ Σ_i |w_i| / |w⁰_i| over a falling λ by coordinate descent on the Gram matrix;
    each new support is refitted by least squares and scored by BIC.

    Args:
        equations: Gram matrix and cross products.
        initial: `(p,)` least-squares coefficients w⁰.
        column: Which target to select for.
        fit_intercept: Whether an intercept is counted as a parameter.

    Returns:
        Mask of shape `(p,)`, true on the chosen lags.
    """
    weight = np.abs(initial)
    usable = np.flatnonzero(weight > 0)
    best, best_score = np.zeros(len(initial), dtype=bool), np.inf
    if len(usable) == 0:
        return best
    weight = weight[usable]
    gram = equations.gram[np.ix_(usable, usable)] * np.outer(weight, weight)
    cross = equations.cross[usable, column] * weight
    seen: set[bytes] = set()
    since_best = 0
    for active in _supports(gram, cross):
        support = np.zeros(len(initial), dtype=bool)
        support[usable[active]] = True
        if support.tobytes() in seen:
            continue
        seen.add(support.tobytes())
        parameters = int(support.sum()) + fit_intercept
        if parameters >= equations.rows:
            break
        _, squares, _ = solve_on_support(equations, support, column)
        squares = max(squares, 1e-15 * float(equations.target_squares[column]))
        score = information_criterion(np.array([squares]), equations.rows, np.array([parameters])).item()
        if score < best_score:
            best, best_score, since_best = support, score, 0
        else:
            since_best += 1
            if since_best >= _PATIENCE:
                break
    return best


def _supports(gram: Float[np.ndarray, "k k"], cross: Float[np.ndarray, "k"]) -> list[Bool[np.ndarray, "k"]]:
    """Supports along the lasso path, from the largest penalty to the smallest."""
    # scikit-learn wants the data as well: any square root of the Gram matrix stands for them
    ridge = len(gram) * np.finfo(float).eps * np.trace(gram)
    root = linalg.cholesky(gram + ridge * np.eye(len(gram)))
    response = linalg.solve_triangular(root, cross, trans=1)
    penalties = np.abs(cross).max() / len(gram) * np.geomspace(1.0, _PATH_DEPTH, _PATH_LENGTH)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # only the supports are used, and they are refitted
        _, coefs, _ = lasso_path(
            root,
            response,
            precompute=np.ascontiguousarray(gram),
            Xy=cross,
            alphas=penalties,
            max_iter=500,
        )
    return [column != 0 for column in coefs.T]
