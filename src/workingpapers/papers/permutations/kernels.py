"""Exact Learning of Permutations for Nonzero Binary Inputs (arXiv 2502.16763): its kernels, in the limit and measured.

Official code: github.com/opallab/permlearn (MIT); nothing of it is used here.
Implements the output kernel and the tangent kernel of the two-layer ReLU network on unit inputs.
Differences from the paper: the tangent kernel of a finite network, for comparison, is an addition.
"""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.permutations.inputs import binary_rows, numbers
from workingpapers.parts.checks import one_of
from workingpapers.parts.tangent_kernel import tangent_kernel


class Kernels(NamedTuple):
    """The two kernels of the limit, float64 arrays of shape `(n, p)`.

    Args:
        nngp: Covariance of an output before training.
        ntk: Tangent kernel of an output.

    Example:
        >>> permutation_kernels([[1, 0]]).nngp.tolist()
        [[0.25]]
    """

    nngp: np.ndarray
    ntk: np.ndarray


def permutation_kernels(X1: Any, X2: Any = None) -> Kernels:
    r"""Kernels of the infinitely wide network between binary inputs, each normalised to unit length.

    With u the cosine of two inputs and θ = arccos u:

        nngp = [sin θ + (π - θ) u] / (2π k),    ntk = nngp + u (π - θ) / (2π k).

    Args:
        X1: Nonzero binary inputs, array `(n, k)`.
        X2: Others, `(p, k)`; None for the same.

    Returns:
        `Kernels(nngp, ntk)`, float64 arrays `(n, p)`.

    Raises:
        InvalidParameterError: other entries than 0 and 1, a row of zeros, or different lengths.
        InvalidTypeError: no array of numbers.

    Example:
        >>> nngp, ntk = permutation_kernels(np.eye(4))
        >>> float(ntk[0, 0]), round(float(4 * ntk[0, 1]), 6)
        (0.25, 0.159155)
    """
    shape = numbers("X1", X1).shape
    k = shape[1] if len(shape) == 2 else 0
    if k < 2:
        raise InvalidParameterError(f"X1 has shape {shape}; give shape (n, k) with k of at least 2")
    first = binary_rows(X1, k, name="X1")
    return kernels_of_rows(first, first if X2 is None else binary_rows(X2, k, name="X2"))


def kernels_of_rows(first: np.ndarray, second: np.ndarray) -> Kernels:
    """`permutation_kernels` without its checks."""
    k = first.shape[1]
    left, right = first.astype(np.float64), second.astype(np.float64)
    # the square root of a square is exact, so equal inputs have cosine 1 and not nearly 1
    cosine = left @ right.T / np.sqrt(np.outer(left.sum(1), right.sum(1)))
    angle = np.pi - np.arccos(cosine)
    scale = 2.0 * np.pi * k
    nngp = (np.sqrt(1.0 - cosine**2) + angle * cosine) / scale
    return Kernels(nngp, nngp + cosine * angle / scale)


def empirical_kernel(module: nn.Module, x1: Tensor, x2: Tensor | None = None, *, outputs: str = "mean") -> Tensor:
    r"""Tangent kernel of a finite network between two batches, to set beside the closed form.

        Θ(x, x')_ij = Σ_θ ∂f_i(x)/∂θ · ∂f_j(x')/∂θ

    All parameters that require gradients count; the module's mode is used as it is. In the limit Θ_ij is the `ntk` of
    `permutation_kernels` for i = j and 0 otherwise, so by default the k diagonal entries are averaged.

    Args:
        module: Any `nn.Module` that maps `(n, features)` to `(n, k)`; samples may not need each other.
        x1: First batch, `(n, features)`.
        x2: Second batch, `(p, features)`; None for the first again.
        outputs: `mean`: average of Θ_ii over the outputs; `full`: every Θ_ij.

    Returns:
        `(n, p)` for `mean`, `(n, p, k, k)` for `full`, in the dtype of the outputs, detached.

    Raises:
        InvalidParameterError: batches of other shapes, an unknown `outputs`, a module whose outputs are not `(n, k)`.
        InvalidTypeError: the batches are no floating-point tensors of one dtype, or the module is no `nn.Module`.

    Differs from the paper:
        It works in the limit only.

    Example:
        >>> net = torch.nn.Sequential(torch.nn.Linear(3, 64), torch.nn.ReLU(), torch.nn.Linear(64, 2))
        >>> empirical_kernel(net, torch.randn(4, 3), torch.randn(5, 3)).shape
        torch.Size([4, 5])
    """
    one_of("outputs", outputs, ("mean", "full"))
    if not isinstance(module, nn.Module):
        raise InvalidTypeError(f"module is {type(module).__name__}; give an nn.Module")
    for name, each in (("x1", x1), ("x2", x1 if x2 is None else x2)):
        if not isinstance(each, Tensor) or not each.is_floating_point():
            raise InvalidTypeError(f"{name} is {getattr(each, 'dtype', type(each).__name__)}; give a float tensor")
        if each.dtype != x1.dtype:
            raise InvalidTypeError(f"x2 has dtype {each.dtype} and x1 {x1.dtype}; give batches of one dtype")
        if each.ndim < 2 or each.shape[1:] != x1.shape[1:] or len(each) == 0:
            raise InvalidParameterError(
                f"{name} has shape {tuple(each.shape)} and x1 {tuple(x1.shape)}; give (n, features) and (p, features)"
            )
    batch = x1 if x2 is None else torch.cat([x1, x2])
    with torch.no_grad():
        shape = tuple(module(batch[:1]).shape)
    if len(shape) != 2 or shape[0] != 1:
        raise InvalidParameterError(f"the module gives shape {shape} for one sample; its outputs must be (n, k)")
    joint = tangent_kernel(module, batch).detach().reshape(len(batch), shape[1], len(batch), shape[1])
    start = 0 if x2 is None else len(x1)
    full = joint[: len(x1), :, start:, :].permute(0, 2, 1, 3)
    if outputs == "full":
        return full.contiguous()
    return full.diagonal(dim1=2, dim2=3).mean(-1)
