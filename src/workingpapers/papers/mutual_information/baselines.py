"""Accurate Estimation of Mutual Information in High Dimensional Data, arXiv 2506.00330: what it is compared with.
Official code: none for these; written from Kraskov et al. (2004), estimator 1, and the Gaussian closed forms.
Implements the k-nearest-neighbour estimator, canonical correlations, and the Gaussian formula with shrinkage.
Differences: none known.
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.spatial import cKDTree
from scipy.spatial.distance import cdist
from scipy.special import digamma
from sklearn.covariance import ledoit_wolf

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.mutual_information.arguments import UNITS
from workingpapers.papers.mutual_information.inputs import ArrayLike, as_pair
from workingpapers.parts.checks import one_of, real_number, whole_number

TREE_COLUMNS = 10  # beyond these a kd-tree visits nearly every point
DISTANCES_AT_ONCE = 2**22


def ksg_mi(x: ArrayLike, y: ArrayLike, k: int = 3, *, units: str = "bits") -> float:
    """Kraskov, Stögbauer and Grassberger's first estimator, with the largest coordinate as distance.

    `ψ(k) + ψ(N) - mean[ψ(n_x + 1) + ψ(n_y + 1)]`, where n counts the neighbours strictly nearer in one variable than
    the k-th neighbour in both. Far too low where the information is high or the dimension is.

    Args:
        x: Shape `(samples, features)` or `(samples,)`. Columns are taken as they are: scale them first.
        y: Likewise, of the same length.
        k: Which neighbour; below the number of samples.
        units: bits (the default, as everywhere here) or nats (as most other packages give it).

    Returns:
        The estimate; it may be negative.

    Raises:
        InvalidParameterError: lengths differ, `k` outside, NaN or infinite values.
        InvalidTypeError: no numbers.

    Example:
        >>> x = np.arange(8.0)
        >>> round(ksg_mi(x, x, k=1, units="nats"), 6)
        2.592857
    """
    first, second = (each.reshape(len(each), -1) for each in as_pair(x, y))
    neighbour = whole_number("k", k, least=1, most=len(first) - 1)
    factor = float(UNITS[one_of("units", units, UNITS)])
    if first.shape[1] + second.shape[1] <= TREE_COLUMNS:
        n_x, n_y = _counts_by_trees(first, second, neighbour)
    else:
        n_x, n_y = _counts_by_distances(first, second, neighbour)
    nats = digamma(neighbour) + digamma(len(first)) - np.mean(digamma(n_x + 1) + digamma(n_y + 1))
    return factor * float(nats)


def _counts_by_trees(x: np.ndarray, y: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    joint = np.asarray(cKDTree(np.hstack([x, y])).query(np.hstack([x, y]), k=[k + 1], p=np.inf)[0])[:, 0]
    inside = np.nextafter(joint, -np.inf)  # strictly nearer; negative where neighbours coincide: then there is none
    counts = []
    for each in (x, y):
        found = cKDTree(each).query_ball_point(each, np.maximum(inside, 0), p=np.inf, return_length=True)
        counts.append(np.where(inside < 0, 0, found - 1))
    return counts[0], counts[1]


def _counts_by_distances(x: np.ndarray, y: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    counts = np.empty((2, len(x)), dtype=np.int64)
    step = max(1, DISTANCES_AT_ONCE // len(x))
    for start in range(0, len(x), step):
        rows = slice(start, min(len(x), start + step))
        near = [cdist(each[rows], each, "chebyshev") for each in (x, y)]
        reach = np.partition(np.maximum(*near), k, axis=1)[:, k, None]
        for side, distances in enumerate(near):
            counts[side, rows] = (distances < reach).sum(1) - (reach[:, 0] > 0)  # less the sample itself
    return counts[0], counts[1]


def cca_mi(x: ArrayLike, y: ArrayLike, *, n_components: int | None = None, units: str = "bits") -> float:
    """Mutual information of two Gaussians by their canonical correlations: `-½ Σ ln(1 - ρ_i²)`.

    Args:
        x: Shape `(samples, features)` or `(samples,)`.
        y: Likewise, of the same length.
        n_components: Leading principal components of each side that are kept; None keeps all directions.
        units: bits or nats.

    Returns:
        The estimate, never negative; infinite where some direction of x fixes one of y.

    Raises:
        InvalidParameterError: lengths differ, NaN or infinite values, constant x or y, or as many directions as
            samples: then correlations are 1 by construction.
        InvalidTypeError: no numbers.

    Example:
        >>> x = np.array([1.0, 2.0, 3.0, 4.0])
        >>> round(cca_mi(x, [1.0, 2.0, 3.0, 5.0], units="nats"), 6)  # -ln(1 - r²) / 2
        1.686513
    """
    first, second = (each.reshape(len(each), -1) for each in as_pair(x, y, 3))
    factor = float(UNITS[one_of("units", units, UNITS)])
    most = None if n_components is None else whole_number("n_components", n_components, least=1)
    u, v = (_directions(name, each, most) for name, each in (("x", first), ("y", second)))
    if u.shape[1] + v.shape[1] >= len(first):
        raise InvalidParameterError(
            f"x has {u.shape[1]} and y {v.shape[1]} directions in {len(first)} samples: some correlation is 1 by "
            "construction; give a smaller n_components, or use estimate_mi"
        )
    rho = np.clip(np.linalg.svd(u.T @ v, compute_uv=False), 0, 1)
    rest = 1 - rho**2
    rest[rest < 1e-12] = 0
    with np.errstate(divide="ignore"):
        return factor * float(-0.5 * np.log(rest).sum())


def _directions(name: str, sample: np.ndarray, most: int | None) -> Float[np.ndarray, "samples rank"]:
    """Orthonormal columns of the centred sample, leading principal components first."""
    u, s, _ = np.linalg.svd(sample - sample.mean(0), full_matrices=False)
    rank = int((s > s[0] * max(sample.shape) * np.finfo(float).eps).sum()) if s[0] > 0 else 0
    if rank == 0:
        raise InvalidParameterError(f"{name} is constant in all columns: its information is 0; give data that vary")
    return u[:, : rank if most is None else min(rank, most)]


def gaussian_mi(x: ArrayLike, y: ArrayLike, *, shrinkage: float | str = 0.0, units: str = "bits") -> float:
    """Mutual information of two Gaussians by their covariance: `½ ln(|Σ_x| |Σ_y| / |Σ|)`.

    Args:
        x: Shape `(samples, features)` or `(samples,)`.
        y: Likewise, of the same length.
        shrinkage: Share, 0 to 1, of a multiple of the identity in the covariance of the z-scored columns; auto
            takes Ledoit and Wolf's.
        units: bits or nats.

    Returns:
        The estimate; at 0 shrinkage it equals `cca_mi`.

    Raises:
        InvalidParameterError: lengths differ, NaN or infinite values, a constant column, or a singular covariance.
        InvalidTypeError: no numbers.

    Example:
        >>> x = np.array([1.0, 2.0, 3.0, 4.0])
        >>> round(gaussian_mi(x, [1.0, 2.0, 3.0, 5.0], units="nats"), 6)
        1.686513
    """
    first, second = (each.reshape(len(each), -1) for each in as_pair(x, y, 3))
    factor = float(UNITS[one_of("units", units, UNITS)])
    amount = _shrinkage(shrinkage)
    joint = np.hstack([first, second])
    joint = joint - joint.mean(0)
    scale = joint.std(0)
    if (scale == 0).any():
        raise InvalidParameterError(f"column {int(scale.argmin())} of x and y side by side is constant; leave it out")
    joint = joint / scale
    if amount is None:
        covariance = ledoit_wolf(joint, assume_centered=True)[0]
    else:
        covariance = (1 - amount) * joint.T @ joint / len(joint) + amount * np.eye(joint.shape[1])
    cut = first.shape[1]
    signs, logs = zip(
        *(np.linalg.slogdet(each) for each in (covariance[:cut, :cut], covariance[cut:, cut:], covariance)), strict=True
    )
    smallest = float(np.linalg.eigvalsh(covariance)[0])
    if min(signs) <= 0 or smallest < 1e-12:
        raise InvalidParameterError(
            f"the covariance of {joint.shape[1]} columns in {len(joint)} samples is singular; give shrinkage='auto' or "
            "a value above 0, or more samples"
        )
    return factor * float(0.5 * (logs[0] + logs[1] - logs[2]))


def _shrinkage(value: Any) -> float | None:
    if isinstance(value, str):
        one_of("shrinkage", value, ("auto",))
        return None
    return real_number("shrinkage", value, least=0, most=1)
