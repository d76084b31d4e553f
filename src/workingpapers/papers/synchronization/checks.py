"""What the functions of this room check about their arguments."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError

Array = Any  # a tensor, a numpy array, or what numpy can read


def as_float64(name: str, value: Array) -> Tensor:
    """A finite real float64 tensor, detached, on the device where it was.

    Raises:
        InvalidTypeError: no array of real numbers.
        InvalidParameterError: NaN or infinite values.
    """
    try:
        array = value.detach() if isinstance(value, Tensor) else torch.from_numpy(np.array(value))
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(f"{name} is {type(value).__name__}; give an array of real numbers") from error
    if array.is_complex() or array.dtype == torch.bool:
        raise InvalidTypeError(f"{name} holds {array.dtype}; give real numbers")
    array = array.to(torch.float64)
    if not array.isfinite().all():
        raise InvalidParameterError(f"{name} holds NaN or infinite values; give finite ones")
    return array


def as_laplacian(value: Array) -> Tensor:
    """A float64 graph Laplacian `(n, n)`: symmetric, no positive weight off the diagonal, rows that sum to zero.

    Raises:
        InvalidTypeError: no array of real numbers.
        InvalidParameterError: no Laplacian.
    """
    matrix = as_float64("laplacian", value)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 1:
        raise InvalidParameterError(f"laplacian has shape {tuple(matrix.shape)}; give a square matrix (n, n)")
    scale = max(float(matrix.abs().max()), 1e-300)
    slack = 1e-5 * scale  # a Laplacian may come in float32
    hint = "; laplacian(graph, n) makes one from a name, an adjacency matrix or a list of edges"
    if float((matrix - matrix.T).abs().max()) > slack:
        raise InvalidParameterError(f"laplacian is not symmetric{hint}")
    off_diagonal = matrix - torch.diag(matrix.diagonal())
    if float(off_diagonal.max()) > slack or float(matrix.sum(1).abs().max()) > slack * matrix.shape[0]:
        raise InvalidParameterError(
            f"laplacian has rows that do not sum to 0 or positive values off the diagonal: is it an adjacency?{hint}"
        )
    # exact symmetry and row sums, so that equal replicas feel no coupling at all
    clean = 0.5 * (off_diagonal + off_diagonal.T)
    return clean - torch.diag(clean.sum(1))


def spectrum(matrix: Tensor) -> Tensor:
    """Eigenvalues of a Laplacian, ascending, on the CPU; those that only rounding keeps from 0 are 0."""
    values = torch.linalg.eigvalsh(matrix).cpu()
    noise = len(values) * torch.finfo(values.dtype).eps * float(values[-1])
    values[values <= noise] = 0.0
    values[0] = 0.0  # exactly: the eigenvector of equal entries
    return values
