"""Time series that come with statsmodels: sunspots, CO₂, the Nile, El Niño. A user's CSV takes their place."""

from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workingpapers.data.dataset import Dataset
from workingpapers.errors import InvalidParameterError, MissingExtraError


def sunspots(path: Path | None = None) -> Dataset:
    """Yearly sunspot numbers, 1700 to 2008, 309 values.

    Args:
        path: A CSV file with columns `ds` (date) and `y` (number) in its place; None for the package.

    Returns:
        `time`, datetime64, and `value`, float64, both of shape `(n,)`.

    Raises:
        MissingExtraError: statsmodels is not installed.
        InvalidParameterError: the file at `path` does not hold these columns.

    Example:
        >>> sunspots()["value"].shape
        (309,)
    """
    if path is not None:
        return _from_csv("sunspots", path)
    frame = _packaged("sunspots")
    return _yearly("sunspots", frame["YEAR"], frame["SUNACTIVITY"], "yearly mean of the sunspot number")


def co2(path: Path | None = None) -> Dataset:
    """Weekly CO₂ in the air at Mauna Loa, 1958 to 2001, ppm, 2,284 values of which 59 are missing (NaN).

    Args:
        path: A CSV file with columns `ds` (date) and `y` (number) in its place; None for the package.

    Returns:
        `time`, datetime64, and `value`, float64 with NaN in the gaps, both of shape `(n,)`.

    Raises:
        MissingExtraError: statsmodels is not installed.
        InvalidParameterError: the file at `path` does not hold these columns.

    Example:
        >>> int(np.isnan(co2()["value"]).sum())
        59
    """
    if path is not None:
        return _from_csv("co2", path)
    column = _packaged("co2")["co2"]
    return _dataset("co2", column.index, column, "weekly CO₂ at Mauna Loa, ppm; NaN where no week was measured")


def nile(path: Path | None = None) -> Dataset:
    """Yearly flow of the Nile at Aswan, 1871 to 1970, 10⁸ m³, 100 values.

    Args:
        path: A CSV file with columns `ds` (date) and `y` (number) in its place; None for the package.

    Returns:
        `time`, datetime64, and `value`, float64, both of shape `(n,)`.

    Raises:
        MissingExtraError: statsmodels is not installed.
        InvalidParameterError: the file at `path` does not hold these columns.

    Example:
        >>> nile()["value"].shape
        (100,)
    """
    if path is not None:
        return _from_csv("nile", path)
    frame = _packaged("nile")
    return _yearly("nile", frame["year"], frame["volume"], "yearly flow of the Nile at Aswan, 10^8 m³")


def elnino(path: Path | None = None) -> Dataset:
    """Monthly temperature of the sea surface in the region Niño 1+2, 1950 to 2010, °C, 732 values.

    Args:
        path: A CSV file with columns `ds` (date) and `y` (number) in its place; None for the package.

    Returns:
        `time`, datetime64, and `value`, float64, both of shape `(n,)`.

    Raises:
        MissingExtraError: statsmodels is not installed.
        InvalidParameterError: the file at `path` does not hold these columns.

    Example:
        >>> elnino()["value"].shape
        (732,)
    """
    if path is not None:
        return _from_csv("elnino", path)
    frame = _packaged("elnino").set_index("YEAR")
    values = frame.to_numpy(dtype=float).ravel()  # one row a year, one column a month
    months = pd.date_range(f"{int(frame.index[0])}-01-01", periods=len(values), freq="MS")
    return _dataset("elnino", months, values, "monthly sea-surface temperature, Niño 1+2, °C")


def _packaged(name: str) -> Any:
    """The frame that statsmodels ships under that name."""
    try:
        module = import_module(f"statsmodels.datasets.{name}")
    except ImportError as error:
        raise MissingExtraError(
            f"data set {name!r} comes with statsmodels, which is not installed; "
            "run: pip install 'workingpapers[series]', or give the path of a CSV file with columns ds, y"
        ) from error
    return module.load_pandas().data


def _yearly(name: str, years: Any, values: Any, about: str) -> Dataset:
    times = pd.to_datetime([f"{int(year)}-01-01" for year in years])
    return _dataset(name, times, values, about)


def _dataset(name: str, times: Any, values: Any, about: str) -> Dataset:
    return Dataset(
        name=name,
        source=f"statsmodels {version('statsmodels')}, statsmodels.datasets.{name}",
        licence="public domain",
        arrays={
            "time": np.asarray(times, dtype="datetime64[s]"),
            "value": np.asarray(values, dtype=np.float64),
        },
        about=about,
    )


def _from_csv(name: str, path: Path) -> Dataset:
    try:
        frame = pd.read_csv(path)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InvalidParameterError(f"{path} is no CSV file that can be read: {error}") from error
    if not {"ds", "y"} <= set(frame.columns):
        raise InvalidParameterError(f"{path} must have columns ds (date) and y (number); it has {list(frame.columns)}")
    try:
        times = pd.to_datetime(frame["ds"])
        values = pd.to_numeric(frame["y"]).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise InvalidParameterError(f"{path}: column ds must hold dates and y numbers: {error}") from error
    if times.isna().any():
        raise InvalidParameterError(f"{path}: column ds has no date in row {int(times.isna().to_numpy().argmax())}")
    return Dataset(
        name=name,
        source=str(path),
        licence="the user's own data",
        arrays={"time": times.to_numpy().astype("datetime64[s]"), "value": values},
        about="read from the user's CSV file",
    )
