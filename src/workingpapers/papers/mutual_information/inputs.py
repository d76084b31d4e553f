"""Accurate Estimation of Mutual Information in High Dimensional Data, arXiv 2506.00330: what goes in.
Official code: none found; the first author's library NeuralMI (MIT) was not used.
Implements the checks of the samples and their z-scores.
Differences: z-scores come from the whole sample, so that all chunks share one scale; labels are not used for it.
"""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError

ArrayLike = Any  # a numpy array, a tensor, a DataFrame, a list of numbers
LEAST_SAMPLES = 64


def as_samples(name: str, value: ArrayLike) -> Float[np.ndarray, "samples *features"]:
    """Finite real numbers in float64, samples first; one axis becomes a column.

    Raises:
        InvalidTypeError: no array of real numbers.
        InvalidParameterError: empty, or NaN or infinite values (the column is named).
    """
    columns = getattr(value, "columns", None)
    if isinstance(value, Tensor):
        value = value.detach().cpu()
        value = value.float().numpy() if value.dtype in (torch.bfloat16, torch.float16) else value.numpy()
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InvalidTypeError(f"{name} is no table of numbers ({error}); give an array (samples, features)") from error
    if array.dtype == object:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidTypeError(
                f"{name} holds {error}; give numbers, or class labels as y with discrete_y"
            ) from error
    if array.dtype.kind not in "iufb":
        raise InvalidTypeError(
            f"{name} has dtype {array.dtype}; give real numbers (class labels as y go with discrete_y=True)"
        )
    if array.ndim == 0 or array.size == 0:
        raise InvalidParameterError(f"{name} has shape {array.shape}; give samples along the first axis")
    array = np.array(array[:, None] if array.ndim == 1 else array, dtype=np.float64)
    finite = np.isfinite(array)
    if not finite.all():
        row, *rest = np.argwhere(~finite)[0]
        where = ", ".join(str(int(i)) for i in rest)
        column = f"column {columns[rest[0]]!r}" if columns is not None and len(rest) == 1 else f"column {where}"
        raise InvalidParameterError(
            f"{name} holds {array[(row, *rest)]} at row {row}, {column} ({int((~finite).sum())} such values in all); "
            "drop or fill these rows first"
        )
    return array


def as_pair(x: ArrayLike, y: ArrayLike, least: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Both samples, equally long.

    Raises:
        InvalidTypeError: no arrays of real numbers.
        InvalidParameterError: of different length or too short.
    """
    first, second = as_samples("x", x), as_samples("y", y)
    check_lengths(first, second, least)
    return first, second


def check_lengths(x: Sequence[Any] | np.ndarray, y: Sequence[Any] | np.ndarray, least: int) -> None:
    """Nothing, where both are equally long and long enough.

    Raises:
        InvalidParameterError: they are not.
    """
    if len(x) != len(y):
        raise InvalidParameterError(f"x has {len(x)} samples and y has {len(y)}; give one y for each x")
    if len(x) < least:
        raise InvalidParameterError(f"x and y have {len(x)} samples, too few samples; give at least {least}")


def one_hot(y: ArrayLike) -> Float[np.ndarray, "samples classes"]:
    """Class labels as indicator columns.

    Raises:
        InvalidTypeError: floating-point labels that are no whole numbers.
        InvalidParameterError: not one axis, missing labels, fewer than two classes, or as many classes as samples.
    """
    labels = np.asarray(y.detach().cpu() if isinstance(y, Tensor) else y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or len(labels) == 0:
        raise InvalidParameterError(f"y has shape {labels.shape}; with discrete_y=True give one label for each sample")
    if labels.dtype.kind == "f" and not (np.isfinite(labels).all() and (labels == np.round(labels)).all()):
        raise InvalidTypeError("y holds fractions or NaN; with discrete_y=True give whole numbers or names of classes")
    if labels.dtype == object and bool(np.any(pd.isna(labels))):
        raise InvalidParameterError(
            "y holds None or NaN, which is no class; drop these samples, or name a class for them"
        )
    classes, index = np.unique(labels.astype(str) if labels.dtype == object else labels, return_inverse=True)
    if len(classes) < 2:
        raise InvalidParameterError(
            f"y holds one class only, {classes[0]!r}: its information is 0; give at least two classes"
        )
    if len(classes) > len(labels) // 2:
        raise InvalidParameterError(
            f"y holds {len(classes)} classes in {len(labels)} samples; discrete_y=True is for a few classes, "
            "give numbers as they are"
        )
    return np.eye(len(classes))[index]


class Scaler:
    """z-scores of columns: means and scales of the sample it was made from; constant columns are dropped.

    Args:
        name: Of the sample, for messages.
        sample: Shape `(samples, ...)`. With more than two axes one mean and scale serve all numbers, as for pictures.
        keep_width: Keep constant columns, as zeros: an encoder of the user's expects them.

    Raises:
        InvalidParameterError: all columns are constant.
    """

    def __init__(self, name: str, sample: np.ndarray, *, keep_width: bool) -> None:
        is_table = sample.ndim == 2
        self.shape = sample.shape[1:]
        self.mean = sample.mean(0) if is_table else sample.mean()
        scale = sample.std(0) if is_table else sample.std()
        # a column whose spread is rounding noise of its own size is constant
        is_constant = np.atleast_1d(scale <= 1e-12 * np.maximum(np.abs(self.mean), np.finfo(float).tiny))
        if is_constant.all():
            raise InvalidParameterError(f"{name} is constant in all columns: its information is 0; give data that vary")
        self.kept = None if keep_width or not is_table or not is_constant.any() else np.flatnonzero(~is_constant)
        if is_constant.any() and is_table and not keep_width:
            dropped = np.flatnonzero(is_constant)
            warnings.warn(
                f"{name}: {len(dropped)} of {len(is_constant)} columns are constant and dropped "
                f"(first: {dropped[0]}); they hold no information",
                stacklevel=4,
            )
        self.scale = np.where(is_constant, 1.0, np.atleast_1d(scale)) if is_table else scale

    def __call__(self, sample: np.ndarray, device: torch.device, dtype: torch.dtype) -> Tensor:
        """The z-scores as a tensor."""
        scores = (sample - self.mean) / self.scale
        if self.kept is not None:
            scores = scores[:, self.kept]
        return torch.from_numpy(np.ascontiguousarray(scores)).to(device, dtype)
