"""Partial Correlations in Compositional Data Analysis, arXiv 1904.09480.
No official code for the paper; its author co-maintains the R package propr (GPL-2), nothing of which is used here.
Implements what a table of parts must be: positive numbers, named columns; and the replacement of zeros.
Differences: the replacement of zeros is Martín-Fernández, Barceló-Vidal and Pawlowsky-Glahn (2003); not in the paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import logsumexp
from sklearn.utils import check_array

from workingpapers.errors import DataNotFoundError, InvalidParameterError, InvalidTypeError, UnknownNameError
from workingpapers.parts.checks import real_number

_SHARE_OF_SMALLEST = 0.65


class UnknownPartError(UnknownNameError, KeyError):
    """A part that the composition does not have; also a `KeyError`."""

    __str__ = Exception.__str__  # KeyError would show the message in quotes


class NonNumericPartError(InvalidParameterError, InvalidTypeError):
    """A column that holds something else than numbers; both a `ValueError` and a `TypeError`."""


@dataclass(frozen=True)
class Composition:
    """Positive parts.

    Args:
        values: `(n, D)`, float64, all positive and finite.
        names: D names.
    """

    values: np.ndarray
    names: tuple[str, ...]

    @property
    def logs(self) -> np.ndarray:
        """Natural logarithms of the rows closed to 1, `(n, D)`."""
        logs = np.log(self.values)
        return logs - logsumexp(logs, axis=1, keepdims=True)

    def position(self, part: object, what: str = "part") -> int:
        """Column of a part that is given by name, or by position (negative ones count from the end).

        Raises:
            UnknownPartError: there is none (a `KeyError`).
            InvalidTypeError: neither a name nor a whole number.
            InvalidParameterError: a number that is one part's position and another one's name.
        """
        if isinstance(part, str):
            if part in self.names:
                return self.names.index(part)
        elif isinstance(part, int | np.integer) and not isinstance(part, bool):
            count, namesake = len(self.names), self.names.index(str(part)) if str(part) in self.names else part
            if namesake not in (part, part + count):
                raise InvalidParameterError(
                    f"{what} is {part}, but a part is called {str(part)!r} and is not in that position; "
                    f"give the name as text, {str(part)!r}"
                )
            if -count <= part < count:
                return int(part) % count
        else:
            raise InvalidTypeError(f"{what} is {part!r}; give a column's name, or its position as a whole number")
        shown = ", ".join(self.names[:12]) + (", …" if len(self.names) > 12 else "")
        raise UnknownPartError(f"{what} {part!r} is none of the {len(self.names)} parts; choose one of {shown}")

    def part(self, positions: Sequence[int]) -> "Composition":
        """The subcomposition of some columns."""
        return Composition(self.values[:, list(positions)], tuple(self.names[i] for i in positions))


def as_composition(
    data: ArrayLike,
    zeros: str | float = "error",
    least_parts: int = 2,
    least_rows: int = 1,
    delta: np.ndarray | None = None,
) -> Composition:
    """A table of parts, checked.

    Args:
        data: `(n, D)`: a DataFrame (its columns name the parts), an array or a CPU tensor. Only ratios within a row
            count, so closed rows, counts and amounts will do.
        zeros: "error", "multiplicative" or a positive number, as in `replace_zeros`.
        least_parts: Fewest columns.
        least_rows: Fewest rows.
        delta: What replaces zeros, `(D,)`, where it is known from another table.

    Raises:
        NonNumericPartError: a column holds text, booleans or other objects.
        InvalidParameterError: NaN, infinite or negative entries, zeros that are not to be replaced, too few columns,
            two columns of one name.

    Example:
        >>> as_composition([[1.0, 2.0, 7.0], [3.0, 3.0, 4.0]]).names
        ('x0', 'x1', 'x2')
    """
    values, names = as_table(data, least_parts, least_rows)
    _refuse(np.isnan(values), values, names, "remove the row, or fill it before")
    _refuse(np.isinf(values), values, names, "parts are finite")
    _refuse(values < 0, values, names, "parts are amounts above 0", "Negative values in data: ")
    return Composition(replace_zeros(values, zeros, names, delta), names)


def replace_zeros(
    values: np.ndarray, zeros: str | float, names: Sequence[str], delta: np.ndarray | None = None
) -> np.ndarray:
    """Multiplicative replacement of zeros: `δ_j` for a zero of column j, `x_j (1 - Σ δ / Σ x)` for the rest of its row.

    The row keeps its sum and the ratios of its other parts.

    Args:
        values: `(n, D)`, not negative.
        zeros: "error" refuses zeros; "multiplicative" takes 0.65 times the smallest positive entry of the column for δ,
            which makes sense for rows of one sum; a positive number is δ itself, in the unit of `values`.
        names: D names.
        delta: δ, `(D,)`, where it is known from another table.

    Raises:
        InvalidParameterError: zeros where they are refused, a column or row without positive entry, or δ so large that
            nothing remains for the rest of a row.

    Example:
        >>> replace_zeros(np.array([[0.0, 2.0, 8.0], [1.0, 3.0, 6.0]]), "multiplicative", "abc").round(3)
        array([[0.65, 1.87, 7.48],
               [1.  , 3.  , 6.  ]])
    """
    is_zero = values == 0
    if isinstance(zeros, str):
        if zeros not in ("error", "multiplicative"):
            raise InvalidParameterError(
                f"zeros is {zeros!r}; choose 'error', 'multiplicative' or a positive number to put in their place"
            )
    else:
        zeros = real_number("zeros", zeros, above=0)
    if not is_zero.any():
        return values
    if zeros == "error":
        hint = "log-ratios need positive parts: give zeros='multiplicative', or zeros=δ with a small positive number"
        _refuse(is_zero, values, names, hint)
    if delta is None and is_zero.all(axis=0).any():
        name = names[int(is_zero.all(axis=0).argmax())]
        raise InvalidParameterError(f"column {name!r} holds zeros only, so it has no log-ratios; leave it out")
    if is_zero.all(axis=1).any():
        raise InvalidParameterError(f"row {int(is_zero.all(axis=1).argmax())} holds zeros only; leave it out")
    if delta is None:
        delta = zero_deltas(values, zeros)
    taken = (is_zero * delta).sum(axis=1, keepdims=True) / values.sum(axis=1, keepdims=True)
    if (taken >= 1).any():
        raise InvalidParameterError(
            f"the values that replace the zeros of row {int((taken >= 1).argmax())} add up to more than the row; "
            "close the rows to one sum before, or give a smaller number as zeros"
        )
    return np.where(is_zero, delta, values * (1 - taken))


def zero_deltas(values: np.ndarray, zeros: str | float) -> np.ndarray:
    """What would replace a zero of each column, `(D,)`: see `replace_zeros`.

    Args:
        values: `(n, D)`, each column with a positive entry.
        zeros: As there; with "error" nothing is replaced and the values do not matter.

    Example:
        >>> zero_deltas(np.array([[0.0, 2.0], [1.0, 3.0]]), "multiplicative")
        array([0.65, 1.3 ])
    """
    if isinstance(zeros, str):
        return _SHARE_OF_SMALLEST * np.where(values == 0, np.inf, values).min(axis=0)
    return np.full(values.shape[1], float(zeros))


def read_composition(
    path: str | Path, part_columns: Sequence[str] | None = None, sum_to: float | None = None
) -> pd.DataFrame:
    """Read a table of parts from a CSV file with a header.

    A first column without a name becomes the index.

    Args:
        path: The file.
        part_columns: The columns that are parts; None takes all, which must then be numbers.
        sum_to: Close every row to this sum, such as 1 or 100; None keeps the values as they are.

    Returns:
        A DataFrame `(n, D)` of float64. Zeros are kept; the estimator says what becomes of them.

    Raises:
        DataNotFoundError: there is no such file.
        UnknownPartError: a name in `part_columns` is no column (a `KeyError`).
        InvalidTypeError: path or part_columns of another kind.
        InvalidParameterError: no CSV file, two columns of one name, rows longer than the header,
            NaN, negative or infinite entries, a row of zeros.
        NonNumericPartError: a column is not numeric.

    Example:
        >>> import io, tempfile
        >>> file = Path(tempfile.mkdtemp()) / "oxides.csv"
        >>> _ = file.write_text("id,Si,Al,Fe\\na,70,20,10\\nb,30,15,5\\n")
        >>> read_composition(file, ["Si", "Al", "Fe"], sum_to=1).iloc[1].round(3).tolist()
        [0.6, 0.3, 0.1]
    """
    if not isinstance(path, str | Path):
        raise InvalidTypeError(f"path is {path!r}; give the path of a CSV file")
    if not Path(path).is_file():
        raise DataNotFoundError(f"there is no file {str(path)!r}; give the path of a CSV file")
    if sum_to is not None:
        sum_to = real_number("sum_to", sum_to, above=0)
    try:
        frame = pd.read_csv(path)
        # with a header pandas renames a second column of one name, and takes entries beyond it for an index
        header = pd.read_csv(path, header=None, dtype=str).iloc[0].dropna()
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InvalidParameterError(f"{str(path)!r} is no CSV file that can be read: {error}") from error
    if header.duplicated().any():
        name = header[header.duplicated()].iloc[0]
        raise InvalidParameterError(f"{str(path)!r} has two columns called {name!r}; give each part a name of its own")
    if frame.columns[0] == "Unnamed: 0":
        frame = frame.set_index("Unnamed: 0").rename_axis(None)
    if part_columns is not None:
        if isinstance(part_columns, str) or not isinstance(part_columns, Sequence | np.ndarray | pd.Index):
            raise InvalidTypeError(f"part_columns is {part_columns!r}; give a list of names")
        for name in part_columns:
            if name not in frame.columns:
                raise UnknownPartError(
                    f"{str(path)!r} has no column {name!r}; it has {', '.join(map(str, frame.columns))}"
                )
        frame = frame[list(part_columns)]
    values, names = as_table(frame)
    _refuse(np.isnan(values), values, names, "fill it or remove the row")
    _refuse((values < 0) | np.isinf(values), values, names, "parts are finite amounts of at least 0")
    totals = values.sum(axis=1, keepdims=True)
    if (totals == 0).any():
        raise InvalidParameterError(f"row {int((totals == 0).argmax())} of {str(path)!r} holds zeros only; remove it")
    return pd.DataFrame(values * (sum_to / totals) if sum_to else values, index=frame.index, columns=list(names))


def as_table(data: Any, least_parts: int = 2, least_rows: int = 1) -> tuple[np.ndarray, tuple[str, ...]]:
    """Numbers, `(n, D)`, float64, and names of any table; their signs are not looked at.

    Args:
        data: A DataFrame, an array, a list of rows, a CPU tensor.
        least_parts: Fewest columns.
        least_rows: Fewest rows.

    Raises:
        NonNumericPartError: something that is no number.
        InvalidParameterError: no table, too few rows or columns, two columns of one name.

    Example:
        >>> as_table(pd.DataFrame({"Si": [70], "Al": [30]}))[1]
        ('Si', 'Al')
    """
    names: tuple[str, ...] | None = None
    if isinstance(data, pd.DataFrame):
        names = tuple(map(str, data.columns))
        for position, name in enumerate(names):
            kind = data.dtypes.iloc[position]
            if names.count(name) > 1:
                raise InvalidParameterError(f"two columns are called {name!r}; give each part a name of its own")
            if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind):
                raise NonNumericPartError(
                    f"column {name!r} is not numeric (it is of type {kind}); leave it out, or convert it to numbers"
                )
        if any(pd.api.types.is_complex_dtype(kind) for kind in data.dtypes):
            raise InvalidParameterError("Complex data not supported: parts are real amounts")
        data = data.to_numpy(dtype=np.float64, na_value=np.nan)
    try:
        _refuse_text_and_booleans(data)
        if isinstance(data, np.ma.MaskedArray):
            data = np.ma.filled(data.astype(np.float64), np.nan)
        values: np.ndarray = check_array(
            data,
            dtype=np.float64,
            ensure_all_finite=False,
            ensure_min_samples=least_rows,
            ensure_min_features=least_parts,
            copy=True,
        )
    except NonNumericPartError:
        raise
    except TypeError as error:
        raise NonNumericPartError(f"the table cannot be read as numbers: {error}") from error
    except (ValueError, RuntimeError) as error:
        raise InvalidParameterError(
            f"a composition is a table of numbers, a row for each sample and a column for each of at least "
            f"{least_parts} parts: {error}"
        ) from error
    return values, names or tuple(f"x{i}" for i in range(values.shape[1]))


def _refuse_text_and_booleans(data: Any) -> None:
    """What NumPy would turn into numbers without a word."""
    if str(getattr(data, "dtype", "")) == "torch.bool":
        raise NonNumericPartError("the table is of type torch.bool, not numbers; convert it to numbers")
    if isinstance(data, list | tuple):
        data = np.array(data, dtype=object)  # keeps each entry's type
    if not isinstance(data, np.ndarray):
        return
    if data.dtype.kind not in "iufOc":
        raise NonNumericPartError(f"the table is of type {data.dtype}, not numbers; convert it to numbers")
    if data.dtype.kind == "O":
        for entry in data.flat:
            if isinstance(entry, str | bytes | bool | np.bool_):
                raise NonNumericPartError(f"the table holds {entry!r}, which is no number; convert it to numbers")


def _refuse(where: np.ndarray, values: np.ndarray, names: Sequence[str], hint: str, lead: str = "") -> None:
    if not where.any():
        return
    row, column = map(int, np.argwhere(where)[0])
    others = int(where.sum()) - 1
    more = f" and {others} more such {'entry' if others == 1 else 'entries'}" if others else ""
    number = "NaN" if np.isnan(values[row, column]) else f"{values[row, column]:g}"
    raise InvalidParameterError(f"{lead}row {row}, column {names[column]!r} holds {number}{more}; {hint}")
