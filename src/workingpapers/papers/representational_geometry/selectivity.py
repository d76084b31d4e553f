"""Label selectivity: how much of what units tell of the conditions is what the labels tell."""

import numpy as np
import torch

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.representational_geometry.designs import design
from workingpapers.parts.kernel_alignment import Array


def label_selectivity(
    z: Array, labels: Array, conditions: Array | None = None, *, per_unit: bool = False
) -> float | np.ndarray:
    """Share of the units' tuning to conditions that the labels explain.

    With `t_i` the mean response of unit i to each condition, centred, and labels orthogonal to each other,
    `s_i = sum over labels of corr(t_i, y)²`; units are averaged with weight `|t_i|²`. Labels that are not orthogonal
    are replaced by an orthonormal basis of their span, so that `s_i` stays the share of variance explained.

    Args:
        z: Features `(n, p)`.
        labels: Binary labels `(n,)` or `(n, k)`.
        conditions: Condition of each sample: ids `(n,)` or factor values `(n, m)`. None where `labels` holds all
            factors (with nothing but additive factors to explain, 1 then means no interaction between them).
        per_unit: Return `s_i` of each unit instead; NaN-free: a unit without any tuning gets 0.

    Returns:
        A number in [0, 1], or an array `(p,)`: 1 where every unit is a mixture of labels, 0 where none is.

    Raises:
        InvalidParameterError: different lengths, NaN, an empty side, labels that differ within a condition, or no unit
            that tells any conditions apart.
        InvalidTypeError: `labels` is one vector and `conditions` is None.

    Differs from the paper: the paper draws selectivity; that one number and its weights are ours.

    Example:
        >>> conditions = torch.arange(4)
        >>> bit, other = 2.0 * (conditions % 2) - 1, 2.0 * (conditions // 2) - 1
        >>> round(label_selectivity(torch.stack([bit, 3 * other], 1), bit, conditions), 4)
        0.1
    """
    found, sides, which, _ = design(z, labels, conditions)
    tuning = which.means(found)
    scale = tuning.abs().max()
    tuning = tuning - tuning.mean(0)
    power = (tuning**2).sum(0)
    if float(power.max()) <= (1e-13 * float(scale)) ** 2:
        raise InvalidParameterError("no unit tells any conditions apart; give features that vary between conditions")
    centred = (sides - sides.mean(0)).to(tuning)
    left, values, _ = torch.linalg.svd(centred, full_matrices=False)
    basis = left[:, values > 1e-10 * values.max()]
    explained = ((basis.T @ tuning) ** 2).sum(0)
    if per_unit:
        silent = power <= (1e-13 * scale) ** 2
        return torch.where(silent, 0.0, explained / power.clamp_min(torch.finfo(power.dtype).tiny)).cpu().numpy()
    return float((explained.sum() / power.sum()).clamp(0.0, 1.0))
