"""Exact Learning of Permutations for Nonzero Binary Inputs (arXiv 2502.16763): its inputs and what is checked in them.

Official code: github.com/opallab/permlearn (MIT); nothing of it is used here.
Implements the input space {0,1}^k without 0 and the three ways to write a permutation down.
Differences from the paper: none known.
"""

from typing import Any, SupportsIndex

import numpy as np
import torch
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts.checks import whole_number

LONGEST_LIST = 16  # 2^16 - 1 inputs are the most that are ever listed


def weights_of_inputs(ones: Any, k: int) -> np.ndarray:
    """Numbers of ones as an int64 array of any shape, each in 1 … k."""
    array = numbers("ones", ones)
    if array.size == 0:
        raise InvalidParameterError("ones is empty; give at least one number of ones")
    if array.dtype.kind not in "iu":
        raise InvalidTypeError(f"ones has dtype {array.dtype}; give an int or an array of ints")
    if array.min() < 1 or array.max() > k:
        bad = array[(array < 1) | (array > k)]
        raise InvalidParameterError(f"ones holds {bad.flat[0]}; a nonzero input of length {k} has 1 to {k} ones")
    return array.astype(np.int64, copy=False)


def binary_rows(X: Any, k: int, *, name: str = "X", nonzero: bool = True) -> np.ndarray:
    """Rows of 0 and 1 as uint8, shape `(n, k)`.

    Raises:
        InvalidTypeError: no array of numbers.
        InvalidParameterError: another shape, no row, an entry that is neither 0 nor 1, or a row of zeros.
    """
    array = numbers(name, X)
    if array.ndim != 2 or array.shape[1] != k:
        raise InvalidParameterError(f"{name} has shape {array.shape}; give shape (n, {k})")
    if len(array) == 0:
        raise InvalidParameterError(f"{name} has shape {array.shape}; give at least one row")
    if not (np.issubdtype(array.dtype, np.number) or array.dtype == bool) or np.iscomplexobj(array):
        raise InvalidTypeError(f"{name} has dtype {array.dtype}; give zeros and ones")
    wrong = np.argwhere((array != 0) & (array != 1))
    if len(wrong):
        row, column = wrong[0]
        raise InvalidParameterError(
            f"{name}[{row}, {column}] is {array[row, column]}; inputs are binary, give zeros and ones"
        )
    zero = np.flatnonzero(~array.any(1))
    if nonzero and len(zero):
        raise InvalidParameterError(
            f"row {zero[0]} of {name} is all zero; the method is defined for nonzero inputs, leave it out"
        )
    return array.astype(np.uint8)


def all_inputs(k: SupportsIndex) -> np.ndarray:
    """All nonzero binary inputs of length k: row r holds the digits of r + 1, most significant first.

    Args:
        k: Length of the inputs, 2 to 16.

    Returns:
        uint8 array of shape `(2**k - 1, k)`.

    Raises:
        InvalidParameterError: k below 2 or above 16.
        InvalidTypeError: k is no whole number.

    Example:
        >>> all_inputs(2).tolist()
        [[0, 1], [1, 0], [1, 1]]
    """
    k = whole_number("k", k, least=2)
    if k > LONGEST_LIST:
        raise InvalidParameterError(
            f"k is {k}: there are {2**k - 1} inputs; all of them are listed up to k = {LONGEST_LIST}, give a sample"
        )
    numbers = np.arange(1, 2**k)
    return ((numbers[:, None] >> np.arange(k - 1, -1, -1)) & 1).astype(np.uint8)


def read_permutation(first: Any, second: Any, k: int) -> np.ndarray:
    """Where each bit goes, int64 `(k,)`, from a list of places, a matrix, or training pairs (see `fit`)."""
    if second is not None:
        basis = _permutation_matrix("X", first, k)
        return np.asarray(_permutation_matrix("Y", second, k)[np.argsort(basis)])  # the target of e_i, for each i
    array = numbers("permutation", first)
    if array.ndim == 2:
        return _permutation_matrix("permutation", first, k)
    if array.shape != (k,):
        raise InvalidParameterError(
            f"permutation has shape {array.shape}; give shape ({k},), or a matrix of shape ({k}, {k})"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise InvalidTypeError(f"permutation has dtype {array.dtype}; give whole numbers 0 to {k - 1}")
    outside = sorted({int(each) for each in array if not 0 <= each < k})
    if outside:
        raise InvalidParameterError(f"permutation holds {outside}; its entries must lie within 0 to {k - 1}")
    values, counts = np.unique(array, return_counts=True)
    if len(values) < k:
        raise InvalidParameterError(
            f"permutation holds {values[counts > 1].tolist()} more than once; each of 0 to {k - 1} must occur once"
        )
    return array.astype(np.int64)


def _permutation_matrix(name: str, value: Any, k: int) -> np.ndarray:
    """The column of the one in each row of a permutation matrix."""
    rows = binary_rows(value, k, name=name, nonzero=False)
    if rows.shape != (k, k):
        raise InvalidParameterError(f"{name} has shape {rows.shape}; a permutation matrix has shape ({k}, {k})")
    for axis, kind in ((1, "rows"), (0, "columns")):
        bad = np.flatnonzero(rows.sum(axis) != 1)
        if len(bad):
            raise InvalidParameterError(
                f"{name} is no permutation matrix: its {kind} {bad.tolist()} do not hold exactly one 1"
            )
    return rows.argmax(1)


def numbers(name: str, value: Any) -> np.ndarray:
    """An array, where the value can be read as one of numbers."""
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        value = (value.float() if value.dtype == torch.bfloat16 else value).numpy()  # NumPy has no bfloat16
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise InvalidTypeError(f"{name} cannot be read as an array: {error}") from error
    if array.dtype == object or array.dtype.kind in "USMm":
        raise InvalidTypeError(f"{name} is {type(value).__name__} with dtype {array.dtype}; give an array of numbers")
    return array
