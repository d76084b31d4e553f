"""How Many Heads Make an SSM? (arXiv 2512.15115): checks of what a user passes in.

Official code: none found.
Implements no equation: shapes, finiteness and whole numbers, with messages that say what to do.
Differences from the paper: none known.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError

# what torch.as_tensor takes
Array = Tensor | np.ndarray | Sequence[Any] | complex | float | int


def finite_tensor(name: str, value: Any) -> Tensor:
    """`value` as a float64 or complex128 tensor without NaN and infinities; gradients flow through.

    Raises:
        InvalidTypeError: it is no tensor, array or nested list of numbers.
        InvalidParameterError: it holds NaN or an infinity.
    """
    try:
        tensor = torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        raise InvalidTypeError(
            f"{name} is of type {type(value).__name__}; it must be a torch tensor, a numpy array or a list of numbers"
        ) from None
    tensor = tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)
    if not bool(torch.isfinite(tensor).all()):
        raise InvalidParameterError(f"{name} holds NaN or an infinity; clean it before it is decomposed")
    return tensor


def tokens(X: Any, width: int | None = None) -> Tensor:
    """Check that `X` is one sequence `(n, d)` of a floating type.

    Raises:
        InvalidTypeError: it is no tensor.
        InvalidParameterError: it has another shape or type, or holds no token.
    """
    if not isinstance(X, Tensor):
        raise InvalidTypeError(f"X is of type {type(X).__name__}; it must be a torch tensor of shape (n, d)")
    if X.ndim != 2 or X.shape[0] < 1 or not X.is_floating_point():
        raise InvalidParameterError(
            f"X has shape {tuple(X.shape)} and type {X.dtype}; it must be one sequence (n, d) of floats, n >= 1"
        )
    if width is not None and X.shape[1] != width:
        raise InvalidParameterError(f"X has width {X.shape[1]}; this layer takes tokens of width {width}")
    return X


def compute_dtype(dtype: torch.dtype) -> torch.dtype:
    """The type in which to compute for tokens of `dtype`: half precision is computed in float32 (no half FFT)."""
    return torch.float32 if dtype in (torch.float16, torch.bfloat16) else dtype
