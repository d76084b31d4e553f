"""The parallelism score: are the steps between the two sides of a dichotomy the same step everywhere?"""

from itertools import permutations

import numpy as np
import torch
from torch import Tensor

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.representational_geometry.designs import Conditions, design
from workingpapers.parts.kernel_alignment import Array

# All matchings are tried up to this many conditions a side (8! = 40,320)
EXACT_SIDE = 8


def parallelism_score(
    z: Array, labels: Array, *, conditions: Array | None = None, pairing: str = "bit"
) -> float | np.ndarray:
    """Parallelism score of a dichotomy: the mean cosine between the steps from one side to the other.

    The condition means on the two sides are paired, `d_j = (m_j⁺ - m_j⁻) / |m_j⁺ - m_j⁻|`, and
    `PS = mean over j < k of d_j · d_k` (Bernardi et al. 2020). 1 for a cube, whose edges are parallel.

    Args:
        z: Features `(n, p)`, one row for each sample.
        labels: The dichotomy `(n,)`, two values; or all factors `(n, k)`, each scored.
        conditions: Condition of each sample: numbers `(n,)` whose bits are the factors, or factor values `(n, m)`.
            None where `labels` holds all factors.
        pairing: `"bit"` pairs conditions that differ in that factor only. `"max"` takes the largest score over all
            matchings: exactly, by trying all, up to 8 conditions a side; above that by improving 20 random matchings
            with swaps until none helps, which gives a lower bound.

    Returns:
        One number in [-1, 1], or an array `(k,)` for labels of shape `(n, k)`.

    Raises:
        InvalidParameterError: different lengths, NaN, an empty side, fewer than two pairs, a dichotomy that is no
            factor with `"bit"`, sides of different size with `"max"`, or two paired means that are the same.
        InvalidTypeError: `labels` is one vector and `conditions` is None.

    Differs from the paper: none known.

    Example:
        >>> bits = torch.tensor([[-1, -1], [-1, 1], [1, -1], [1, 1]])
        >>> parallelism_score(bits.double(), bits).round(6).tolist()
        [1.0, 1.0]
        >>> xor = bits.prod(1)
        >>> round(parallelism_score(bits.double(), xor, conditions=bits, pairing="max"), 6)
        -1.0
    """
    if pairing not in ("bit", "max"):
        raise InvalidParameterError(f"pairing is {pairing!r}; 'bit' and 'max' are known")
    found, sides, which, single = design(z, labels, conditions)
    means = which.means(found)
    scale = float((means - means.mean(0)).abs().max())
    scores = []
    for side in sides.T:
        plus, minus = torch.nonzero(side > 0).flatten(), torch.nonzero(side < 0).flatten()
        if pairing == "bit":
            pairs = _pairs_by_bit(which, side.numpy())
            steps = _unit(means[pairs[:, 0]] - means[pairs[:, 1]], scale)
            scores.append(_mean_cosine(steps))
        else:
            scores.append(_best_matching(means[plus], means[minus], scale))
    return scores[0] if single else np.array(scores)


def _unit(steps: Tensor, scale: float) -> Tensor:
    norms = torch.linalg.vector_norm(steps, dim=-1, keepdim=True)
    if bool((norms <= 1e-13 * scale).any()) or scale == 0.0:
        raise InvalidParameterError(
            "two paired conditions have the same mean, so the step between them has no direction; give features that "
            "tell the conditions apart"
        )
    return steps / norms


def _mean_cosine(steps: Tensor) -> float:
    count = len(steps)
    gram = steps @ steps.T
    return float((gram.sum() - gram.trace()) / (count * (count - 1)))


def _pairs_by_bit(conditions: Conditions, side: np.ndarray) -> np.ndarray:
    codes = conditions.codes
    if codes is None:
        raise InvalidParameterError(
            "conditions are names without factors, so nothing says which differ in one factor only; give factor values "
            "(samples, factors), or pairing='max'"
        )
    for factor in range(codes.shape[1]):
        column = codes[:, factor]
        levels = np.unique(column)
        if len(levels) == 2 and len(np.unique(side[column == levels[0]])) == 1 == len(
            np.unique(side[column == levels[1]])
        ):
            break
    else:
        raise InvalidParameterError(
            "labels are not one of the factors of the conditions, so no pairs differ in them only; use pairing='max'"
        )
    others = np.delete(codes, factor, axis=1)
    place = {tuple(row): at for at, row in enumerate(others) if side[at] < 0}
    pairs = [(at, place[tuple(row)]) for at, row in enumerate(others) if side[at] > 0 and tuple(row) in place]
    if len(pairs) < 2:
        raise InvalidParameterError(
            f"{len(pairs)} pair(s) of conditions differ in the label only; a parallelism score needs at least two"
        )
    return np.array(pairs)


def _best_matching(plus: Tensor, minus: Tensor, scale: float) -> float:
    count = len(plus)
    if count != len(minus):
        raise InvalidParameterError(
            f"the sides have {count} and {len(minus)} conditions; pairing='max' matches sides of equal size"
        )
    if count < 2:
        raise InvalidParameterError("one condition a side gives one pair; a parallelism score needs at least two")
    steps = _unit(plus[:, None] - minus[None, :], scale)
    cosines = torch.einsum("iap,jbp->iajb", steps, steps).cpu().numpy()
    orders = _all_orders(count) if count <= EXACT_SIDE else _improved_orders(cosines)
    totals = np.zeros(len(orders))
    for i in range(count):
        for j in range(i + 1, count):
            totals += cosines[i, orders[:, i], j, orders[:, j]]
    return float(totals.max() * 2 / (count * (count - 1)))


def _all_orders(count: int) -> np.ndarray:
    return np.array(list(permutations(range(count))))


def _improved_orders(cosines: np.ndarray, starts: int = 20) -> np.ndarray:
    """Matchings that no swap of two partners improves, from random starts."""
    count = len(cosines)
    rng = np.random.default_rng(0)
    first = np.arange(count)

    def total(order: np.ndarray) -> float:
        return float(cosines[first[:, None], order[:, None], first[None], order[None]].sum())

    found = []
    for _ in range(starts):
        order = rng.permutation(count)
        best, improved = total(order), True
        while improved:
            improved = False
            for i in range(count):
                for j in range(i + 1, count):
                    order[[i, j]] = order[[j, i]]
                    now = total(order)
                    if now > best + 1e-12:
                        best, improved = now, True
                    else:
                        order[[i, j]] = order[[j, i]]
        found.append(order)
    return np.array(found)
