"""Cross-condition generalisation: does a boundary learned on some conditions hold on conditions never seen?"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
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
    sums = _Sums.of(found, which) if closed_form(estimator) else None
    scores = []
    for side in sides.T:
        plus, minus = torch.nonzero(side > 0).flatten(), torch.nonzero(side < 0).flatten()
        if min(len(plus), len(minus)) < 2:
            raise InvalidParameterError(
                f"the sides have {len(plus)} and {len(minus)} conditions; CCGP leaves one of each out, so it needs at "
                "least 2 on each"
            )
        chosen = _chosen(len(minus), len(plus), splits, rng)
        if sums is not None:
            rule = _mean_difference if estimator == "mean-difference" else _lda
            device = found.device
            table = rule(sums, minus.to(device), plus.to(device), torch.from_numpy(chosen).to(device))
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


@dataclass(frozen=True)
class _Sums:
    """All that the closed forms need of the samples, whatever the dichotomy: sums over each condition.

    Scores do not depend on the origin; near the mean of the condition means products lose fewer digits.
    """

    which: Conditions
    z: Tensor
    means: Tensor

    @classmethod
    def of(cls, z: Tensor, which: Conditions) -> "_Sums":
        means = which.means(z)
        origin = means.mean(0)
        return cls(which, z - origin, means - origin)

    @cached_property
    def projected(self) -> Tensor:
        """`Z Mᵀ`, shape `(n, conditions)`."""
        return self.z @ self.means.T

    @cached_property
    def products(self) -> Tensor:
        """`M Mᵀ`, shape `(conditions, conditions)`."""
        return self.means @ self.means.T

    @cached_property
    def members(self) -> list[Tensor]:
        """Samples of each condition."""
        order = torch.argsort(self.which.index, stable=True).to(self.z.device)
        return list(torch.split(self.z[order], self.which.sizes().tolist()))

    @cached_property
    def moments(self) -> Tensor:
        """Mean of `z zᵀ` over each condition, shape `(conditions, p, p)`."""
        return torch.stack([rows.T @ rows / len(rows) for rows in self.members])


def _mean_difference(sums: _Sums, minus: Tensor, plus: Tensor, chosen: Tensor) -> np.ndarray:
    # Everything a split needs is in Z Mᵀ and M Mᵀ: class means are sums less one row
    below, above = _left_out(sums.projected, minus), _left_out(sums.projected, plus)
    below_norm = _left_out(_left_out(sums.products, minus).T, minus).diagonal()
    above_norm = _left_out(_left_out(sums.products, plus).T, plus).diagonal()
    i, j = chosen[:, 0], chosen[:, 1]
    threshold = (above_norm[j] - below_norm[i]) / 2
    scores = above[:, j] - below[:, i] - threshold  # (n, splits)
    # A tie up to rounding is a guess
    tie = 1e-12 * float(sums.products.diagonal().max())
    correct = sums.which.means(((scores > tie).to(scores) + (scores >= -tie).to(scores)) / 2)
    column = torch.arange(len(chosen), device=scores.device)
    return ((correct[plus[j], column] + 1 - correct[minus[i], column]) / 2).cpu().numpy()


def _left_out(columns: Tensor, side: Tensor) -> Tensor:
    """Mean of the side's columns without each of them in turn, shape `(rows, len(side))`."""
    chosen = columns[:, side]
    return (chosen.sum(1, keepdim=True) - chosen) / (len(side) - 1)


def _lda(sums: _Sums, minus: Tensor, plus: Tensor, chosen: Tensor) -> np.ndarray:
    means, moments = sums.means, sums.moments
    accuracies = []
    largest = float(sums.z.abs().max())
    centres, spreads = [], []
    for side in (minus, plus):
        centre = (means[side].sum(0) - means[side]) / (len(side) - 1)  # without each in turn, (side, p)
        spread = (moments[side].sum(0) - moments[side]) / (len(side) - 1)
        centres.append(centre)
        spreads.append(spread - centre[:, :, None] * centre[:, None, :])
    for i, part in _by_first(chosen):
        j = part[:, 1]
        low, high = centres[0][i], centres[1][j]
        step = high - low  # (splits, p)
        # With the total covariance: the direction is that of the pooled one (Sherman and Morrison), and a direction
        # without any spread within the classes is not lost to the pseudo-inverse
        total = (spreads[0][i] + spreads[1][j]) / 2 + step[:, :, None] * step[:, None, :] / 4
        weight = solve_spread(total, step[:, :, None])[:, :, 0]
        threshold = ((low + high) / 2 * weight).sum(1)
        margin = 1e-12 * largest * torch.linalg.vector_norm(weight, dim=1)
        wrong = _share_above(sums.members[int(minus[i])] @ weight.T - threshold, margin)
        right = [
            _share_above(sums.members[int(plus[at])] @ weight[k] - threshold[k], margin[k])
            for k, at in enumerate(j.tolist())
        ]
        accuracies.append((1 - wrong + torch.stack(right)) / 2)
    return torch.cat(accuracies).cpu().numpy()


def _by_first(chosen: Tensor) -> Iterator[tuple[int, Tensor]]:
    """The splits in groups that leave out the same condition of the minus side: memory for one group at a time."""
    for i in torch.unique(chosen[:, 0]).tolist():
        yield i, chosen[chosen[:, 0] == i]


def _share_above(scores: Tensor, margin: Tensor) -> Tensor:
    """Share of scores above zero, those within the margin of it counted as a half."""
    return (((scores > margin).to(scores) + (scores >= -margin).to(scores)) / 2).mean(0)


def solve_spread(spread: Tensor, right: Tensor) -> Tensor:
    """`spread⁺ right` for covariances `(..., p, p)`: by Cholesky, or by eigenvalues where one of them is singular."""
    factor, failed = torch.linalg.cholesky_ex(spread)
    diagonal = factor.diagonal(dim1=-2, dim2=-1)
    if not bool(failed.any()) and bool((diagonal.amin(-1) > 1e-7 * diagonal.amax(-1)).all()):
        return torch.cholesky_solve(right, factor)
    return torch.linalg.pinv(spread, hermitian=True, rtol=1e-10) @ right
