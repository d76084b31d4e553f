"""The connectome's reader: orientation, the muscle left out, files of the user's, and what it says when it cannot."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from workingpapers.data.catalog import load
from workingpapers.errors import InvalidParameterError, MissingExtraError


def _write(path: Path, table: object) -> Path:
    path.write_text(json.dumps(table))
    return path


def test_rows_receive_and_the_muscle_is_left_out(tmp_path: Path) -> None:
    connections = [[0, 3, 9], [0, 0, 9], [0, 0, 0]]
    path = _write(tmp_path / "c.json", {"nodes": ["A", "B", "BWM"], "connections": {"Generic_CS": connections}})
    data = load("celegans", path)
    assert data["weights"].tolist() == [[0.0, 0.0], [3.0, 0.0]]
    assert data["names"].tolist() == ["A", "B"]


def test_npz_takes_the_place_of_the_package(tmp_path: Path) -> None:
    np.savez(tmp_path / "c.npz", weights=np.eye(3))
    assert load("celegans", tmp_path / "c.npz")["weights"].shape == (3, 3)


@pytest.mark.parametrize(
    "table",
    [
        {"nodes": ["A"]},
        {"nodes": ["A"], "connections": {"Generic_CS": [[0, 1]]}},
        {"nodes": ["A"], "connections": {"Generic_CS": [["x"]]}},
    ],
)
def test_other_files_are_refused(tmp_path: Path, table: object) -> None:
    with pytest.raises(InvalidParameterError, match="celegans"):
        load("celegans", _write(tmp_path / "c.json", table))


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install --no-deps cect"):
        load("celegans")


def test_the_package_ships_the_wiring() -> None:
    if importlib.util.find_spec("cect") is None:
        pytest.skip("cect is not installed")
    weights = load("celegans")["weights"]
    assert weights.shape == (280, 280)
    assert (np.diag(weights) == 0).all()
    assert weights.sum() > 7000
