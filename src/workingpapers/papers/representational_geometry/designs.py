"""What the measures are told about the samples: conditions, binary labels, factors, read into one form."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts.kernel_alignment import Array, as_float64


@dataclass(frozen=True)
class Conditions:
    """The conditions of a sample of trials.

    Args:
        index: Condition of each sample, 0 to count - 1, shape `(n,)`.
        codes: One row of factor values for each condition, shape `(count, factors)`; None where only names are known.
        count: Number of conditions.
    """

    index: Tensor
    codes: np.ndarray | None
    count: int

    def means(self, z: Tensor) -> Tensor:
        """Mean of `z` `(n, p)` over the samples of each condition, shape `(count, p)`."""
        sums = torch.zeros(self.count, z.shape[1], dtype=z.dtype, device=z.device)
        index = self.index.to(z.device)
        return sums.index_add_(0, index, z) / self.sizes().to(z)[:, None]

    def sizes(self) -> Tensor:
        """Samples of each condition, shape `(count,)`."""
        return torch.bincount(self.index, minlength=self.count)


def features(z: Array, name: str = "z") -> Tensor:
    """Features as float64 `(n, p)`; a vector is one column.

    Raises:
        InvalidParameterError: not `(n, p)`, no sample, or NaN or infinite values.
        InvalidTypeError: not real numbers.
    """
    found = as_float64(z, name)
    if found.ndim == 1:
        found = found[:, None]
    if found.ndim != 2 or 0 in found.shape:
        raise InvalidParameterError(f"{name} has shape {tuple(found.shape)}; give (samples, units), none of them empty")
    return found


def _plain(values: Array) -> np.ndarray:
    if isinstance(values, Tensor):
        return values.detach().cpu().numpy()
    return np.asarray(values)


def _check_missing(values: np.ndarray, name: str) -> None:
    bad = int(pd.isna(values).sum())
    if bad:
        raise InvalidParameterError(f"{name} holds {bad} missing of {values.size} values; remove those samples")


def as_conditions(conditions: Array, samples: int, name: str = "conditions") -> Conditions:
    """Conditions from an id for each sample `(n,)` or from rows of factor values `(n, factors)`.

    Whole numbers from 0 on are also read as rows of bits, so that conditions that differ in one bit can be paired.

    Raises:
        InvalidParameterError: another number of samples, missing values, or more than two axes.
    """
    values = _plain(conditions)
    if values.ndim not in (1, 2):
        raise InvalidParameterError(f"{name} has shape {values.shape}; give (samples,) or (samples, factors)")
    if len(values) != samples:
        raise InvalidParameterError(f"{name} has {len(values)} entries and z {samples} samples; give one for each")
    _check_missing(values, name)
    if values.ndim == 2 and values.shape[1] > 1:
        columns = [pd.factorize(column, sort=True)[0] for column in values.T]
        rows, index = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
        return Conditions(torch.from_numpy(index.reshape(-1)), rows, len(rows))
    codes, names = pd.factorize(values.reshape(-1), sort=True)
    return Conditions(torch.from_numpy(codes.astype(np.int64)), _bits(np.asarray(names)), len(names))


def _bits(names: np.ndarray) -> np.ndarray | None:
    """Whole numbers as rows of bits, lowest first; None where they are no such numbers."""
    if names.dtype.kind == "b":
        names = names.astype(np.int64)
    if names.dtype.kind not in "iuf" or (names < 0).any() or (names != np.floor(names)).any() or names.max() > 2**31:
        return None
    whole = names.astype(np.int64)
    return (whole[:, None] >> np.arange(max(int(whole.max()).bit_length(), 1))) & 1


def as_signs(labels: Array, samples: int, name: str = "labels") -> tuple[Tensor, tuple[str, ...]]:
    """Binary labels as -1 and 1, shape `(n, k)`, and the names of the columns; the larger value of each becomes 1.

    Raises:
        InvalidParameterError: another number of samples, missing values, or a column without exactly two values.
    """
    columns = [str(each) for each in labels.columns] if isinstance(labels, pd.DataFrame) else None
    values = _plain(labels)
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2:
        raise InvalidParameterError(f"{name} has shape {values.shape}; give (samples,) or (samples, factors)")
    if len(values) != samples:
        raise InvalidParameterError(f"{name} has {len(values)} entries and z {samples} samples; give one for each")
    _check_missing(values, name)
    names = tuple(columns or (str(each) for each in range(values.shape[1])))
    signs = np.empty(values.shape)
    for position, column in enumerate(values.T):
        codes, levels = pd.factorize(column, sort=True)
        if len(levels) != 2:
            what = f"column {names[position]!r} of {name}" if values.shape[1] > 1 else name
            side = "an empty side" if len(levels) < 2 else "more than two sides"
            shown = ", ".join(map(str, levels[:6]))
            raise InvalidParameterError(
                f"{what} has {len(levels)} value(s) ({shown}), so the dichotomy has {side}; give exactly two values"
            )
        signs[:, position] = 2 * codes - 1
    return torch.from_numpy(signs), names


def condition_signs(signs: Tensor, conditions: Conditions, name: str = "labels") -> Tensor:
    """The label of each condition, shape `(count, k)`.

    Raises:
        InvalidParameterError: a label is not the same for all samples of a condition.
    """
    means = conditions.means(signs)
    if not bool((means.abs() == 1).all()):
        mixed = int((means.abs() != 1).any(1).sum())
        raise InvalidParameterError(
            f"{name} differ within {mixed} of {conditions.count} conditions; each condition belongs on one side"
        )
    return means


def design(z: Array, labels: Array, conditions: Array | None) -> tuple[Tensor, Tensor, Conditions, bool]:
    """Features `(n, p)`, labels of the conditions `(count, k)`, the conditions, and whether labels were one vector.

    Without `conditions`, the rows of two-dimensional labels are the conditions.

    Raises:
        InvalidTypeError: no conditions and labels that are one vector.
    """
    found = features(z)
    signs, _ = as_signs(labels, len(found))
    single = _plain(labels).ndim == 1
    if conditions is None:
        if single:
            raise InvalidTypeError(
                "labels are one vector and conditions is None; give the condition of each sample, or all factors as "
                "labels of shape (samples, factors)"
            )
        conditions = signs
    which = as_conditions(conditions, len(found))
    return found, condition_signs(signs, which), which, single
