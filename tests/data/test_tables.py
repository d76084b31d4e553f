"""The tables of scikit-learn, and a user's own file in their place."""

from pathlib import Path

import numpy as np
import pytest

from workingpapers.data.catalog import load
from workingpapers.errors import InvalidParameterError


def test_breast_cancer() -> None:
    data = load("breast-cancer")
    assert data["features"].shape == (569, 30)
    assert np.bincount(data["labels"]).tolist() == [212, 357]
    assert data["features"][0, 0] == 17.99  # the radius of the first, in the published file


def test_own_table(tmp_path: Path) -> None:
    path = tmp_path / "own.npz"
    np.savez(path, features=np.ones((3, 2)), labels=np.arange(3))
    assert load("breast-cancer", path)["features"].shape == (3, 2)
    np.savez(path, features=np.ones((3, 2)))
    with pytest.raises(InvalidParameterError, match="lacks the array 'labels'"):
        load("breast-cancer", path)
    np.savez(path, features=np.ones((3, 2)), labels=np.arange(4))
    with pytest.raises(InvalidParameterError, match=r"\(3, 2\).*\(4,\)"):
        load("breast-cancer", path)
    path.write_text("no archive")
    with pytest.raises(InvalidParameterError, match="plain arrays"):
        load("breast-cancer", path)
