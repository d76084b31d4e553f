"""Pictures that come with scikit-learn: small digits and two photographs. A user's path takes their place."""

from pathlib import Path

import numpy as np
import sklearn
from sklearn import datasets

from workingpapers.data.dataset import Dataset
from workingpapers.errors import InvalidParameterError

_PACKAGED = f"scikit-learn {sklearn.__version__}"


def digits(path: Path | None = None) -> Dataset:
    """1,797 handwritten digits of 8 × 8 pixels.

    Args:
        path: An `.npz` file with arrays `images` `(n, h, w)` and `labels` `(n,)` in their place; None for the package.

    Returns:
        `images`, float32 in [0, 1] (the package stores 0 to 16), shape `(n, 8, 8)`, and `labels`, int64, shape `(n,)`.

    Raises:
        InvalidParameterError: the file at `path` does not hold these arrays.

    Example:
        >>> digits()["images"].shape
        (1797, 8, 8)
    """
    if path is not None:
        return _from_file("digits", path, ("images", "labels"))
    loaded = datasets.load_digits()
    return Dataset(
        name="digits",
        source=f"{_PACKAGED}, sklearn.datasets.load_digits",
        licence="CC-BY 4.0 (UCI), cite Alpaydin and Kaynak 1998",
        arrays={
            "images": (loaded.images / 16.0).astype(np.float32),
            "labels": loaded.target.astype(np.int64),
        },
        about="Handwritten digits, 8 × 8 pixels, intensity 0 to 1",
    )


def photographs(path: Path | None = None) -> Dataset:
    """Two colour photographs of 427 × 640 pixels: a temple in China and a flower.

    Args:
        path: An `.npz` file with arrays `china` and `flower`, `(h, w, 3)`, in their place; None for the package.

    Returns:
        `china` and `flower`, uint8, shape `(427, 640, 3)`.

    Raises:
        InvalidParameterError: the file at `path` does not hold these arrays.

    Example:
        >>> photographs()["flower"].shape
        (427, 640, 3)
    """
    if path is not None:
        return _from_file("photographs", path, ("china", "flower"))
    return Dataset(
        name="photographs",
        source=f"{_PACKAGED}, sklearn.datasets.load_sample_image",
        licence="CC-BY 2.0, photographs by danielbuechele (china) and vultilion (flower) on Flickr",
        arrays={name: datasets.load_sample_image(f"{name}.jpg").copy() for name in ("china", "flower")},
        about="Colour photographs, 427 × 640 pixels, 8 bits a channel",
    )


def _from_file(name: str, path: Path, wanted: tuple[str, ...]) -> Dataset:
    try:
        with np.load(path, allow_pickle=False) as stored:
            missing = [key for key in wanted if key not in stored.files]
            arrays = {key: stored[key] for key in wanted if key in stored.files}
    except ValueError as error:
        raise InvalidParameterError(
            f"data set {name!r}: {str(path)!r} is no file of plain arrays ({error}); save one with numpy.savez"
        ) from error
    if missing:
        raise InvalidParameterError(
            f"data set {name!r}: {str(path)!r} lacks the array {missing[0]!r}; it needs {', '.join(wanted)}"
        )
    return Dataset(name=name, source=str(path), licence="the user's own", arrays=arrays)
