"""Cross-condition generalisation: does a boundary learned on some conditions hold on conditions never seen?"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.representational_geometry.classifiers import closed_form, fitted
from workingpapers.papers.representational_geometry.designs import Conditions, design
from workingpapers.parts.kernel_alignment import Array


def ccgp(
    z: Array,
    labels: Array,
    conditions: Array | None = None,
    *,
    estimator: Any = None,
    splits: str | int = "all",
    random_state: int = 0,
) -> float | np.ndarray:
    """Cross-condition generalisation performance of a dichotomy (Bernardi et al. 2020).

    A linear classifier is trained on all but one condition of each side and tested on the two left out; the accuracy,
    each condition counting the same, is averaged over all such splits (4 × 4 for a bit of 8 conditions).

    Args:
        z: Features `(n, p)`.
        labels: The dichotomy `(n,)`, two values; or all factors `(n, k)`, each scored.
        conditions: Condition of each sample: ids `(n,)` or factor values `(n, m)`. None where `labels` holds all
            factors.
        estimator: None or `"svm"`: scikit-learn's linear SVM, C = 1. `"logistic"`. `"mean-difference"` (the midpoint
            between the class means) and `"lda"` (the same in the metric of the covariance, its pseudo-inverse where it
            is singular) have closed forms over all splits from sums over conditions and are orders of
            magnitude faster. Or any scikit-learn classifier; it is cloned.
        splits: `"all"`, or a number of splits drawn without replacement.
        random_state: Seed of that draw.

    Returns:
        One number in [0, 1] (chance is 0.5), or an array `(k,)` for labels of shape `(n, k)`.

    Raises:
        InvalidParameterError: different lengths, NaN, an empty side, fewer than two conditions a side, labels that
            differ within a condition, an unknown estimator, `splits` below 1.
        InvalidTypeError: `labels` is one vector and `conditions` is None; `estimator` has no fit and predict.

    Differs from the paper: which classifier it used is not verified. At low noise every classifier is at 1.0: compare
    representations at a noise where accuracies lie between 0.7 and 0.95. With two factors only, one condition a side is
    left to train on; where the two differ in both factors the boundary passes through the held-out pair, so a square
    scores 0.75: take three factors or more.

    Example:
        >>> bits = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3).repeat(20, 1)
        >>> z = bits + 0.1 * torch.randn(160, 3, generator=torch.Generator().manual_seed(0))
        >>> ccgp(z, bits).tolist()
        [1.0, 1.0, 1.0]
        >>> parity = bits.prod(1)
        >>> ccgp(z, parity, bits, estimator="mean-difference")  # parity does not generalise
        0.0
    """
    found, sides, which, single = design(z, labels, conditions)
    rng = np.random.default_rng(random_state)
    scores = []
    for side in sides.T:
        plus, minus = torch.nonzero(side > 0).flatten(), torch.nonzero(side < 0).flatten()
        if min(len(plus), len(minus)) < 2:
            raise InvalidParameterError(
                f"the sides have {len(plus)} and {len(minus)} conditions; CCGP leaves one of each out, so it needs at "
                "least 2 on each"
            )
        chosen = _chosen(len(minus), len(plus), splits, rng)
        if closed_form(estimator):
            table = (_mean_difference if estimator == "mean-difference" else _lda)(found, which, minus, plus, chosen)
        else:
            table = _refitted(found, which, side, minus, plus, chosen, estimator)
        scores.append(float(table.mean()))
    return scores[0] if single else np.array(scores)


def _chosen(left: int, right: int, splits: str | int, rng: np.random.Generator) -> np.ndarray:
    every = np.stack(np.meshgrid(np.arange(left), np.arange(right), indexing="ij"), axis=-1).reshape(-1, 2)
    if isinstance(splits, str):
        if splits != "all":
            raise InvalidParameterError(f"splits is {splits!r}; give 'all' or a number of at least 1")
        return every
    if splits < 1:
        raise InvalidParameterError(f"splits is {splits}; give 'all' or a number of at least 1")
    if splits >= len(every):
        return every
    return every[np.sort(rng.choice(len(every), splits, replace=False))]


def _refitted(
    z: Tensor, which: Conditions, side: Tensor, minus: Tensor, plus: Tensor, chosen: np.ndarray, estimator: Any
) -> np.ndarray:
    rows, index = z.cpu().numpy(), which.index.numpy()
    y = side.numpy()[index]
    accuracies = []
    for i, j in chosen:
        held = (int(minus[i]), int(plus[j]))
        train = (index != held[0]) & (index != held[1])
        model = fitted(estimator, rows[train], y[train], index[train])
        right = [np.mean(model.predict(rows[index == each]) == side[each].item()) for each in held]
        accuracies.append(np.mean(right))
    return np.array(accuracies)


def _mean_difference(z: Tensor, which: Conditions, minus: Tensor, plus: Tensor, chosen: np.ndarray) -> np.ndarray:
    # With M the condition means, everything a split needs is in z Mᵀ and M Mᵀ: class means are sums less one row
    origin = which.means(z).mean(0)  # scores do not depend on the origin; products lose fewer digits near it
    means = which.means(z) - origin
    projected, products = (z - origin) @ means.T, means @ means.T
    below = _left_out(projected, minus)  # (n, left): z · mean of the minus side without condition i
    above = _left_out(projected, plus)
    below_norm = _left_out(_left_out(products, minus).T, minus).diagonal()
    above_norm = _left_out(_left_out(products, plus).T, plus).diagonal()
    i, j = torch.from_numpy(chosen[:, 0]).to(z.device), torch.from_numpy(chosen[:, 1]).to(z.device)
    threshold = (above_norm[j] - below_norm[i]) / 2
    scores = above[:, j] - below[:, i] - threshold  # (n, splits)
    # A tie up to rounding is a guess
    tie = 1e-12 * float(products.diagonal().max())
    right = torch.where(scores.abs() <= tie, 0.5, (scores > 0).to(z.dtype))
    correct = which.means(right)
    column = torch.arange(len(chosen), device=z.device)
    return ((correct[plus.to(z.device)[j], column] + 1 - correct[minus.to(z.device)[i], column]) / 2).cpu().numpy()


def _left_out(columns: Tensor, side: Tensor) -> Tensor:
    """Mean of the side's columns without each of them in turn, shape `(rows, len(side))`."""
    chosen = columns[:, side.to(columns.device)]
    return (chosen.sum(1, keepdim=True) - chosen) / (len(side) - 1)


def _lda(z: Tensor, which: Conditions, minus: Tensor, plus: Tensor, chosen: np.ndarray) -> np.ndarray:
    z = z - which.means(z).mean(0)
    means = which.means(z)
    index = which.index.to(z.device)
    # Second moments about the origin, one p × p matrix for each condition: all that a split needs of the samples
    weights = (1 / which.sizes().to(z))[index]
    moments = torch.stack([(z * weights[:, None])[index == each].T @ z[index == each] for each in range(which.count)])
    totals = {"minus": moments[minus].sum(0), "plus": moments[plus].sum(0)}
    sums = {"minus": means[minus].sum(0), "plus": means[plus].sum(0)}
    accuracies = []
    for i, j in chosen:
        sides = []
        for name, side, at in (("minus", minus, i), ("plus", plus, j)):
            held = int(side[at])
            centre = (sums[name] - means[held]) / (len(side) - 1)
            spread = (totals[name] - moments[held]) / (len(side) - 1) - torch.outer(centre, centre)
            sides.append((centre, spread, z[index == held]))
        (low, low_spread, low_rows), (high, high_spread, high_rows) = sides
        step = high - low
        # With the total covariance: the direction is that of the pooled one (Sherman and Morrison), and a direction
        # without any spread within the classes is not lost to the pseudo-inverse
        weight = solve_spread((low_spread + high_spread) / 2 + torch.outer(step, step) / 4, step)
        threshold = (low + high) / 2 @ weight
        margin = 1e-12 * float(torch.linalg.vector_norm(weight) * z.abs().max())
        scores = [rows @ weight - threshold for rows in (low_rows, high_rows)]
        wrong_low = torch.where(scores[0].abs() <= margin, 0.5, (scores[0] > 0).to(z.dtype)).mean()
        right_high = torch.where(scores[1].abs() <= margin, 0.5, (scores[1] > 0).to(z.dtype)).mean()
        accuracies.append(float(1 - wrong_low + right_high) / 2)
    return np.array(accuracies)


def solve_spread(spread: Tensor, right: Tensor) -> Tensor:
    """`spread⁺ right` for a covariance `(p, p)`: by Cholesky, or by eigenvalues where it is singular."""
    factor, failed = torch.linalg.cholesky_ex(spread)
    diagonal = factor.diagonal()
    if not bool(failed) and float(diagonal.min()) > 1e-7 * float(diagonal.max()):
        columns = right if right.ndim == 2 else right[:, None]
        return torch.cholesky_solve(columns, factor).reshape(right.shape)
    return torch.linalg.pinv(spread, hermitian=True, rtol=1e-10) @ right
