"""The pictures of scikit-learn, and a user's own file in their place."""

import numpy as np
import pytest

from workingpapers.data.catalog import load
from workingpapers.errors import DataNotFoundError, InvalidParameterError


def test_digits():
    data = load("digits")
    assert data["images"].shape == (1797, 8, 8)
    assert data["images"].dtype == np.float32
    assert data["images"].min() == 0.0
    assert data["images"].max() == 1.0
    assert np.bincount(data["labels"]).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert "scikit-learn" in data.source
    assert load("digits").sha256 == data.sha256


def test_photographs():
    data = load("photographs")
    assert data["china"].shape == data["flower"].shape == (427, 640, 3)
    assert data["china"].dtype == np.uint8
    assert data["china"].std() > 10
    assert data["china"].flags.writeable


@pytest.mark.parametrize(("name", "keys"), [("digits", ("images", "labels")), ("photographs", ("china", "flower"))])
def test_own_file(tmp_path, monkeypatch, name, keys):
    path = tmp_path / "own.npz"
    np.savez(path, **{key: np.arange(6) for key in keys}, other=np.zeros(1))
    own = load(name, path)
    assert sorted(own.arrays) == sorted(keys)
    assert own.source == str(path)
    monkeypatch.setenv(f"WORKINGPAPERS_DATA_{name.upper()}", str(path))
    assert load(name).sha256 == own.sha256


def test_wrong_files(tmp_path):
    with pytest.raises(DataNotFoundError, match="nothing lies at"):
        load("digits", tmp_path / "missing.npz")
    np.savez(tmp_path / "part.npz", images=np.zeros((1, 8, 8)))
    with pytest.raises(InvalidParameterError, match="lacks the array 'labels'"):
        load("digits", tmp_path / "part.npz")
    np.savez(tmp_path / "pickled.npz", images=np.array([{}], dtype=object), labels=np.zeros(1))
    with pytest.raises(InvalidParameterError, match="plain arrays"):
        load("digits", tmp_path / "pickled.npz")
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(InvalidParameterError, match="plain arrays"):
        load("photographs", tmp_path / "text.npz")
