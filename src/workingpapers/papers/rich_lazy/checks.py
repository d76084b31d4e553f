"""What the functions of this room check about their arguments."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError

Array = Any  # a tensor, a numpy array, or what numpy can read


def as_matrix(name: str, value: Any) -> Tensor:
    """A finite real `(rows, columns)` tensor, detached; at least float32.

    Raises:
        InvalidTypeError: no array of numbers.
        InvalidParameterError: not two axes, empty, or NaN or infinite values.
    """
    try:
        matrix = value.detach() if isinstance(value, Tensor) else torch.from_numpy(np.array(value, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(f"{name} is {type(value).__name__}; give a matrix (tensor or array)") from error
    if matrix.is_complex():
        raise InvalidTypeError(f"{name} is complex; give a real matrix")
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise InvalidParameterError(f"{name} has shape {tuple(matrix.shape)}; give a matrix (rows, columns)")
    if not matrix.isfinite().all():
        raise InvalidParameterError(f"{name} holds NaN or infinite values; give finite ones")
    return matrix if matrix.dtype == torch.float64 else matrix.float()
