"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: the series a user may hand in.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements nothing of the paper: reads arrays, pandas objects and panels, checks them, and continues their time index.
Differences: none; the paper works on complete, evenly spaced series.
"""

import warnings
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from jaxtyping import Float
from pandas.tseries.frequencies import to_offset
from scipy.sparse import issparse

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.papers.arnet.lags import as_values

Kind = Literal["array", "series", "list", "long"]


@dataclass(frozen=True)
class OneSeries:
    """One series: its values, its time index where it has one, its key in a panel, its name as a pandas Series."""

    values: Float[np.ndarray, "n"]
    index: pd.Index | None = None
    key: Hashable = None
    name: Hashable = None

    def segments(self) -> list[Float[np.ndarray, "_"]]:
        """The runs of values without a gap; one, the whole, where nothing is missing."""
        gaps = np.flatnonzero(np.isnan(self.values))
        if len(gaps) == 0:
            return [self.values]
        return [part[np.isfinite(part)] for part in np.split(self.values, gaps) if np.isfinite(part).any()]

    def label(self, position: int) -> str:
        """How an error names a position: its number, and its time where there is one."""
        series = "" if self.key is None else f" of series {self.key!r}"
        time = "" if self.index is None or isinstance(self.index, pd.RangeIndex) else f" ({self.index[position]})"
        return f"index {position}{time}{series}"


@dataclass(frozen=True)
class Panel:
    """What was handed in: one or more series, and the form to answer in."""

    series: tuple[OneSeries, ...]
    kind: Kind

    @property
    def longest(self) -> int:
        return max(len(one.values) for one in self.series)


def read_panel(y: Any, missing: str = "raise") -> Panel:
    """Read a series, a list of series, a frame with columns ds, y, or a long frame with columns unique_id, ds, y.

    Raises:
        InvalidTypeError: y is none of these, or holds no numbers.
        InvalidParameterError: y is empty, a time index is not even, a value is missing (unless missing="drop_rows")
            or infinite.
    """
    if missing not in ("raise", "drop_rows"):
        raise InvalidParameterError(f"missing must be 'raise' or 'drop_rows'; got {missing!r}")
    panel = _read(y)
    for one in panel.series:
        _check(one, missing)
    return panel


def _read(y: Any) -> Panel:
    if isinstance(y, pd.DataFrame):
        return _read_frame(y)
    if isinstance(y, pd.Series):
        return Panel((_read_series(y),), "series")
    if isinstance(y, list | tuple) and len(y) > 0 and not all(np.ndim(one) == 0 for one in y):
        series = [
            _read_series(one, key=number) if isinstance(one, pd.Series) else OneSeries(as_values(one), key=number)
            for number, one in enumerate(y)
        ]
        return Panel(tuple(series), "list")
    dense = not bool(issparse(y))  # a sparse matrix can be a dict
    if dense and (isinstance(y, str | bytes | dict) or y is None):
        raise InvalidTypeError(
            f"y must be an array, a Series, a DataFrame or a list of series; got {type(y).__name__}; "
            "a DataFrame needs columns ds, y, or unique_id, ds, y"
        )
    return Panel((OneSeries(as_values(y)),), "array")


def _read_frame(frame: pd.DataFrame) -> Panel:
    columns = set(frame.columns)
    if {"unique_id", "ds", "y"} <= columns:
        groups = frame.groupby("unique_id", sort=False)
        series = [_read_series(_stamped(group), key=key) for key, group in groups]
        if not series:
            raise InvalidParameterError("y holds no rows; pass at least one series")
        return Panel(tuple(series), "long")
    if {"ds", "y"} <= columns:
        return Panel((_read_series(_stamped(frame)),), "series")
    if frame.shape[1] == 1:
        return Panel((_read_series(frame.iloc[:, 0]),), "series")
    raise InvalidParameterError(
        f"a DataFrame must have one column, or columns ds, y, or unique_id, ds, y; got {list(frame.columns)}; "
        "pass one column of a wide frame, or melt it to the long form"
    )


def _stamped(frame: pd.DataFrame) -> pd.Series:
    """Column y with column ds as its index; text in ds is read as dates."""
    stamps = frame["ds"]
    if not (pd.api.types.is_numeric_dtype(stamps) or isinstance(stamps.dtype, pd.PeriodDtype)):
        try:
            stamps = pd.to_datetime(stamps)
        except (ValueError, TypeError) as error:
            raise InvalidParameterError(f"column ds must hold dates or numbers: {error}") from error
    return pd.Series(frame["y"].to_numpy(), index=pd.Index(stamps), name="y")


def _read_series(series: pd.Series, key: Hashable = None) -> OneSeries:
    nullable = pd.api.types.is_extension_array_dtype(series.dtype) and pd.api.types.is_numeric_dtype(series.dtype)
    values = series.to_numpy(float, na_value=np.nan) if nullable else series.to_numpy()
    return OneSeries(as_values(values), series.index, key, series.name)


def _check(one: OneSeries, missing: str) -> None:
    if len(one.values) == 0:
        raise InvalidParameterError("y is empty; pass a series with more than n_lags + n_forecasts values")
    infinite = np.flatnonzero(np.isinf(one.values))
    if len(infinite):
        raise InvalidParameterError(
            f"y holds an infinite value at {one.label(int(infinite[0]))}; replace it by a number, or by NaN for a gap"
        )
    gaps = np.flatnonzero(np.isnan(one.values))
    if len(gaps) == len(one.values):
        raise InvalidParameterError(f"y holds only NaN, the first at {one.label(0)}; pass a series with numbers")
    if len(gaps) and missing == "raise":
        raise InvalidParameterError(
            f"y holds {len(gaps)} NaN, the first at {one.label(int(gaps[0]))}; fill the gaps (Series.interpolate) "
            "or pass missing='drop_rows' to leave out the rows that touch one"
        )
    if one.index is not None:
        _check_even(one.index)


def _check_even(index: pd.Index) -> None:
    """Raise where a time index (dates, periods, numbers) has uneven steps; other labels carry no time."""
    if len(index) < 2 or isinstance(index, pd.RangeIndex):
        return
    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex):
        even = _frequency(index) is not None
        steps = np.diff(index.asi8 if not isinstance(index, pd.PeriodIndex) else index.astype("int64"))
    elif pd.api.types.is_numeric_dtype(index.dtype) and not pd.api.types.is_bool_dtype(index.dtype):
        steps = np.diff(index.to_numpy(float))
        even = bool(steps[0] != 0 and np.allclose(steps, steps[0], rtol=1e-6, atol=0))
    else:
        return
    if even:
        return
    backward = np.flatnonzero(steps <= 0)
    usual = np.median(steps)
    odd = int(backward[0] if len(backward) else np.argmax(np.abs(steps - usual)))
    raise InvalidParameterError(
        f"the time index is irregular: from {index[odd]} to {index[odd + 1]} is not the usual step; AR-Net needs even "
        "steps in time; sort the index, remove duplicates, or use Series.asfreq(...) and fill the gaps"
    )


def _frequency(index: Any) -> Any:
    """The offset between entries of a time index, or None where they are uneven (or too few to tell)."""
    if isinstance(index, pd.PeriodIndex):
        even = len(index) < 2 or bool((np.diff(index.astype("int64")) == 1).all())
        return index.freq if even else None
    if index.freq is not None:
        return index.freq if len(index) < 2 or index[1] > index[0] else None
    steps = np.diff(index.asi8)
    if len(steps) == 0 or (steps <= 0).any():
        return None
    inferred = None
    if len(index) >= 3:
        with warnings.catch_warnings():  # pandas announces that the answer will become an offset; both are read here
            warnings.simplefilter("ignore")
            inferred = pd.infer_freq(index)
    if inferred is not None:
        return to_offset(inferred)
    return pd.Timedelta(index[1] - index[0]) if (steps == steps[0]).all() else None


def continue_index(index: pd.Index, horizon: int) -> pd.Index:
    """The `horizon` entries after the last, at the same frequency."""
    if isinstance(index, pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex):
        step = _frequency(index)
        if step is None:
            raise InvalidParameterError(
                f"the frequency of a time index with {len(index)} entries cannot be told; set it (index.freq)"
            )
        if isinstance(index, pd.PeriodIndex):
            return pd.period_range(index[-1] + 1, periods=horizon, freq=index.freq, name=index.name)
        if isinstance(index, pd.TimedeltaIndex):
            return pd.timedelta_range(index[-1], periods=horizon + 1, freq=step, name=index.name)[1:]
        return pd.date_range(index[-1], periods=horizon + 1, freq=step, name=index.name)[1:]
    if pd.api.types.is_numeric_dtype(index.dtype) and len(index) > 1:
        if pd.api.types.is_integer_dtype(index.dtype):
            step = int(index[1]) - int(index[0])
            return pd.RangeIndex(int(index[-1]) + step, int(index[-1]) + (horizon + 1) * step, step, name=index.name)
        step = (float(index[-1]) - float(index[0])) / (len(index) - 1)
        return pd.Index(float(index[-1]) + step * np.arange(1, horizon + 1), name=index.name)
    return pd.RangeIndex(len(index), len(index) + horizon)


def time_of(one: OneSeries) -> pd.Index:
    """The index of a series, or its positions where it has none."""
    return pd.RangeIndex(len(one.values)) if one.index is None else one.index


def answer(panel: Panel, values: list[np.ndarray], indices: list[pd.Index]) -> Any:
    """Values for each series in the form in which the series came: array, Series, list, or long DataFrame."""
    if panel.kind == "array":
        return values[0]
    if panel.kind == "long":
        parts = [
            pd.DataFrame({"unique_id": one.key, "ds": index, "y": value})
            for one, value, index in zip(panel.series, values, indices, strict=True)
        ]
        return pd.concat(parts, ignore_index=True)
    dressed = [
        value if one.index is None else pd.Series(value, index, name=one.name)
        for one, value, index in zip(panel.series, values, indices, strict=True)
    ]
    return dressed[0] if panel.kind == "series" else dressed


def check_lengths(panel: Panel, n_lags: int, n_forecasts: int) -> None:
    """Raise where a series is too short to hold a row and to say anything about it."""
    for one in panel.series:
        if len(one.values) <= n_lags + n_forecasts:
            series = "y" if one.key is None else f"series {one.key!r}"
            raise InvalidParameterError(
                f"{series} has {len(one.values)} values; n_lags={n_lags} and n_forecasts={n_forecasts} need more than "
                f"{n_lags + n_forecasts}; use fewer lags or a longer series"
            )
