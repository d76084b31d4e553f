"""Tables of numbers with a label a row, from scikit-learn. A user's path takes their place."""

from pathlib import Path

import numpy as np
import sklearn
from sklearn import datasets

from workingpapers.data.dataset import Dataset
from workingpapers.errors import InvalidParameterError


def breast_cancer(path: Path | None = None) -> Dataset:
    """569 tumours, 30 measures of their cell nuclei each, benign (1) or malignant (0).

    Args:
        path: An `.npz` file with arrays `features` `(n, d)` and `labels` `(n,)` in their place; None for the package.

    Returns:
        `features`, float64, `(569, 30)`, in the units of the source (pixels and ratios), and `labels`, int64, `(569,)`.

    Raises:
        InvalidParameterError: the file at `path` does not hold these arrays.

    Example:
        >>> breast_cancer()["features"].shape
        (569, 30)
    """
    if path is not None:
        return _own_table("breast-cancer", path)
    loaded = datasets.load_breast_cancer()
    return Dataset(
        name="breast-cancer",
        source=f"scikit-learn {sklearn.__version__}, sklearn.datasets.load_breast_cancer",
        licence="CC-BY 4.0 (UCI), cite Wolberg, Mangasarian, Street and Street 1995",
        arrays={"features": loaded.data.astype(np.float64), "labels": loaded.target.astype(np.int64)},
        about="Measures of cell nuclei in breast tumours; label 1 is benign",
    )


def _own_table(name: str, path: Path) -> Dataset:
    try:
        with np.load(path, allow_pickle=False) as stored:
            missing = [key for key in ("features", "labels") if key not in stored.files]
            arrays = {key: np.asarray(stored[key]) for key in ("features", "labels") if key in stored.files}
    except (ValueError, AttributeError) as error:
        raise InvalidParameterError(
            f"data set {name!r}: {str(path)!r} is no .npz file of plain arrays ({error}); save one with numpy.savez"
        ) from error
    if missing:
        raise InvalidParameterError(
            f"data set {name!r}: {str(path)!r} lacks the array {missing[0]!r}; it needs features, labels"
        )
    if arrays["features"].ndim != 2 or arrays["labels"].shape != arrays["features"].shape[:1]:
        raise InvalidParameterError(
            f"data set {name!r}: features of {str(path)!r} have shape {arrays['features'].shape} and labels "
            f"{arrays['labels'].shape}; they need to be (n, d) and (n,)"
        )
    return Dataset(name=name, source=str(path), licence="the user's own", arrays=arrays)
