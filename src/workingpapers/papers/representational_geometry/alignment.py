"""How much a representation is like its targets or its inputs, and how many dimensions it fills."""

import torch
from torch import Tensor

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.representational_geometry.designs import features
from workingpapers.parts import kernel_alignment as parts
from workingpapers.parts.kernel_alignment import Array, centred_features, linear_cka


def kernel_alignment(a: Array, b: Array, *, centered: bool = True, kernel: str = "linear", gram: bool = False) -> float:
    """Kernel alignment of two representations of the same samples: the cosine between their Gram matrices.

    `A(K, Q) = <HKH, HQH> / (|HKH| |HQH|)` with `K = Z Zᵀ` and `H = I - 11ᵀ/n`; centred and linear it is linear CKA.
    With the labels as `b` it is the target alignment of the paper, with the inputs the input alignment. Features are
    never turned into an n × n matrix where they are fewer than the samples: O(n p²) time, O(p²) memory.

    Args:
        a: Features `(n, p)`, labels `(n,)`, or with `gram` a Gram matrix `(n, n)`; arrays or tensors.
        b: The same of the same samples.
        centered: Whether to centre; without it, the mean of the features counts as similarity.
        kernel: `"linear"`, or `"rbf"` with the median distance of different samples as its width (needs n × n).
        gram: Whether `a` and `b` are Gram matrices already; then `kernel` is not used.

    Returns:
        A number in [0, 1]; the same for features rotated, scaled as a whole or, where centred, shifted.

    Raises:
        InvalidParameterError: different numbers of samples, NaN, constant features, an unknown kernel.
        InvalidTypeError: not real numbers.

    Differs from the paper: none known.

    Example:
        >>> z = torch.eye(4, dtype=torch.float64)
        >>> y = torch.tensor([-1.0, -1.0, 1.0, 1.0])
        >>> round(kernel_alignment(z, y), 4)  # one of three equal dimensions
        0.5774
    """
    if kernel not in ("linear", "rbf"):
        raise InvalidParameterError(f"kernel is {kernel!r}; 'linear' and 'rbf' are known, or give gram=True")
    if gram:
        return parts.kernel_alignment(a, b, centered=centered)
    if kernel == "linear" and centered:
        return linear_cka(a, b)
    first, second = features(a, "a"), features(b, "b")
    if len(first) != len(second):
        raise InvalidParameterError(f"a has {len(first)} rows and b {len(second)}; both must be about the same samples")
    second = second.to(first.device)
    if kernel == "rbf":
        return parts.kernel_alignment(_rbf(first, "a"), _rbf(second, "b"), centered=centered)
    return _uncentred(first, second)


def participation_ratio(z: Array) -> float:
    """How many dimensions the features fill: `(sum λ)² / sum λ²` over the eigenvalues of their covariance.

    Args:
        z: Features `(n, p)`.

    Returns:
        A number from 1 (one direction) to p (all directions alike).

    Raises:
        InvalidParameterError: NaN, or constant features.

    Differs from the paper: none known.

    Example:
        >>> round(participation_ratio(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])), 6)
        2.0
    """
    centred = centred_features(z, "z")
    small = centred.T @ centred if centred.shape[1] <= len(centred) else centred @ centred.T
    return float(small.trace() ** 2 / (small**2).sum())


def _uncentred(first: Tensor, second: Tensor) -> float:
    for name, each in (("a", first), ("b", second)):
        if not bool(each.any()):
            raise InvalidParameterError(f"{name} is zero everywhere, so it has no direction to align")
    first, second = first / first.abs().max(), second / second.abs().max()
    if max(first.shape[1], second.shape[1]) > len(first):
        return parts.kernel_alignment(first @ first.T, second @ second.T)
    norm = torch.linalg.vector_norm
    return float((norm(first.T @ second) ** 2 / norm(first.T @ first) / norm(second.T @ second)).clamp(0, 1))


def _rbf(z: Tensor, name: str) -> Tensor:
    distances = torch.cdist(z, z)
    upper = distances[torch.triu(torch.ones_like(distances, dtype=torch.bool), diagonal=1)]
    upper = upper[upper > 0]
    if not len(upper):
        raise InvalidParameterError(f"the features of {name} are constant over the samples; give features that vary")
    return torch.exp(-((distances / upper.median()) ** 2) / 2)
