"""How alike two representations are: cosine of Gram matrices, and linear CKA from features in O(n p²)."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError

Array = Any  # a numpy array, a torch tensor, or what numpy can read: a list of rows, a pandas table

# Below this share of the uncentred norm, what centring leaves is rounding
CONSTANT = 1e-13


def kernel_alignment(k0: Array, k1: Array, *, centered: bool = False) -> float:
    """Cosine of the angle between two Gram matrices: `<K0, K1> / (|K0| |K1|)`, Frobenius norms.

    With `centered` both are centred first, `H K H` with `H = I - 11ᵀ/n`: this is CKA (Cortes et al. 2012).

    Args:
        k0: Gram matrix `(n, n)`: an array, a tensor, or what numpy can read.
        k1: The other one `(n, n)`.
        centered: Whether to centre both.

    Returns:
        A number in [-1, 1]; in [0, 1] for Gram matrices, which are positive semi-definite.

    Raises:
        InvalidParameterError: not square, of different sizes, NaN or infinite, or zero (after centring).
        InvalidTypeError: not real numbers.

    Example:
        >>> round(kernel_alignment(np.eye(2), np.ones((2, 2))), 4)
        0.7071
        >>> kernel_alignment(np.eye(2), 5 * np.eye(2), centered=True)
        1.0
    """
    first, second = as_float64(k0, "k0"), as_float64(k1, "k1")
    for name, gram in (("k0", first), ("k1", second)):
        if gram.ndim != 2 or gram.shape[0] != gram.shape[1]:
            raise InvalidParameterError(f"{name} has shape {tuple(gram.shape)}; a Gram matrix is square, (n, n)")
    if first.shape != second.shape:
        raise InvalidParameterError(
            f"the Gram matrices have {len(first)} and {len(second)} rows; both must be about the same samples"
        )
    second = second.to(first.device)
    norms = []
    grams = []
    for name, gram in (("k0", first), ("k1", second)):
        kept = _centre_gram(gram) if centered else gram
        norm = float(torch.linalg.vector_norm(kept))
        if norm <= CONSTANT * float(torch.linalg.vector_norm(gram)):
            what = "zero after centring: its features are constant" if centered else "zero"
            raise InvalidParameterError(f"{name} is {what}, so it has no direction to align; give features that vary")
        grams.append(kept)
        norms.append(norm)
    return float((grams[0] / norms[0] * (grams[1] / norms[1])).sum().clamp(-1.0, 1.0))


def linear_cka(x: Array, y: Array) -> float:
    """Linear centred kernel alignment of two sets of features, without an n × n matrix where there are fewer features.

    `|Xcᵀ Yc|² / (|Xcᵀ Xc| |Ycᵀ Yc|)`, Frobenius norms, columns centred: the same number as
    `kernel_alignment(x xᵀ, y yᵀ, centered=True)` in O(n (p² + p q + q²)) time and O(p² + q²) memory. Where there are
    more features than samples the n × n form is the smaller one and is taken instead. Computed in float64.

    Args:
        x: Features `(n, p)`, one row for each sample: an array, a tensor, or what numpy can read.
        y: Features of the same samples `(n, q)`.

    Returns:
        A number in [0, 1]: 1 for features equal up to rotation, isotropic scaling and translation.

    Raises:
        InvalidParameterError: different numbers of rows, NaN or infinite values, or constant features.
        InvalidTypeError: not real numbers.

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 3))
        >>> round(linear_cka(x, 2 * x[:, ::-1] + 1), 10)
        1.0
    """
    first, second = centred_features(x, "x"), centred_features(y, "y")
    if len(first) != len(second):
        raise InvalidParameterError(f"x has {len(first)} rows and y {len(second)}; both must be about the same samples")
    second = second.to(first.device)
    if max(first.shape[1], second.shape[1]) > len(first):
        return kernel_alignment(first @ first.T, second @ second.T)
    cross = torch.linalg.vector_norm(first.T @ second) ** 2
    own = torch.linalg.vector_norm(first.T @ first) * torch.linalg.vector_norm(second.T @ second)
    return float((cross / own).clamp(0.0, 1.0))


def centred_features(x: Array, name: str = "x") -> Tensor:
    """Features as a float64 tensor `(n, p)` with columns of mean zero and Frobenius norm one; a vector is one column.

    The common scale is taken out so that neither tiny nor huge features leave the range of float64 when squared.

    Raises:
        InvalidParameterError: not `(n, p)`, fewer than 2 rows, NaN or infinite values, or constant features.
        InvalidTypeError: not real numbers.

    Example:
        >>> centred_features(np.array([[0.0], [2.0]])).flatten().tolist()
        [-0.7071067811865475, 0.7071067811865475]
    """
    features = as_float64(x, name)
    if features.ndim == 1:
        features = features[:, None]
    if features.ndim != 2 or len(features) < 2:
        raise InvalidParameterError(
            f"{name} has shape {tuple(features.shape)}; give (samples, features) with at least 2 samples"
        )
    largest = float(features.abs().max()) if features.numel() else 0.0
    if largest > 0:
        features = features / largest
    centred = features - features.mean(0)
    norm = float(torch.linalg.vector_norm(centred))
    if norm <= CONSTANT * float(torch.linalg.vector_norm(features)) or norm == 0.0:
        raise InvalidParameterError(
            f"the features of {name} are constant over the {len(features)} samples, so they have no geometry; "
            "give features that vary"
        )
    return centred / norm


def as_float64(values: Array, name: str) -> Tensor:
    """An array or tensor as a float64 tensor on its own device (float32 on devices without float64), checked.

    Raises:
        InvalidParameterError: NaN or infinite values; the message gives their number.
        InvalidTypeError: not real numbers.

    Example:
        >>> as_float64(np.arange(3), "x")
        tensor([0., 1., 2.], dtype=torch.float64)
    """
    if isinstance(values, Tensor):
        tensor = values.detach()
    else:
        try:
            array = np.asarray(values)
            if array.dtype.kind == "O":  # a table of mixed number types
                array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidTypeError(f"{name} is {type(values).__name__}, no array of numbers ({error})") from error
        if array.dtype.kind not in "fiub":
            raise InvalidTypeError(f"{name} holds {array.dtype}; give real numbers")
        tensor = torch.from_numpy(np.array(array, dtype=np.float64, order="C"))
    if tensor.is_complex():
        raise InvalidTypeError(f"{name} is complex; give real numbers, for example real and imaginary parts as columns")
    tensor = tensor.to(torch.float32 if tensor.device.type == "mps" else torch.float64)
    bad = int((~tensor.isfinite()).sum())
    if bad:
        raise InvalidParameterError(f"{name} holds {bad} NaN or infinite of {tensor.numel()} values; remove those rows")
    return tensor


def _centre_gram(gram: Tensor) -> Tensor:
    return gram - gram.mean(0, keepdim=True) - gram.mean(1, keepdim=True) + gram.mean()
