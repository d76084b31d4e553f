"""The series that come with statsmodels, and a user's CSV in their place."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from workingpapers.data import load
from workingpapers.errors import InvalidParameterError, MissingExtraError

SHAPES = {"sunspots": 309, "co2": 2284, "nile": 100, "elnino": 732}
FREQUENCIES = {"sunspots": "YS-JAN", "co2": "W-SAT", "nile": "YS-JAN", "elnino": "MS"}


@pytest.mark.parametrize("name", SHAPES)
def test_packaged_series_have_their_length_an_even_time_axis_and_an_origin(name: str) -> None:
    data = load(name)
    assert data["time"].shape == data["value"].shape == (SHAPES[name],)
    assert data["time"].dtype.kind == "M"
    assert data["value"].dtype == np.float64
    assert pd.DatetimeIndex(data["time"]).equals(
        pd.date_range(data["time"][0], periods=SHAPES[name], freq=FREQUENCIES[name], unit="s")
    )
    assert data.source.startswith("statsmodels ")
    assert data.licence == "public domain"
    assert len(data.sha256) == 64
    assert load(name).sha256 == data.sha256


def test_known_first_and_last_values() -> None:
    assert load("sunspots")["value"][0] == 5.0
    assert load("nile")["value"][0] == 1120.0
    assert load("elnino")["value"][0] == 23.11
    assert load("elnino")["time"][-1] == np.datetime64("2010-12-01")
    assert load("co2")["time"][0] == np.datetime64("1958-03-29")


def test_the_gaps_of_co2_stay_gaps() -> None:
    values = load("co2")["value"]
    assert np.isnan(values).sum() == 59
    assert np.isfinite(load("elnino")["value"]).all()


def test_a_csv_takes_the_place_of_the_package(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("ds,y\n2024-01-01,1.5\n2024-01-02,\n2024-01-03,2.5\n")
    data = load("nile", file)
    assert data.name == "nile"
    assert data.source == str(file)
    np.testing.assert_array_equal(data["value"], [1.5, np.nan, 2.5])
    assert data["time"][2] == np.datetime64("2024-01-03")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("date,y\n2024-01-01,1\n", "columns ds"),
        ("ds,y\n2024-01-01,many\n", "numbers"),
        ("ds,y\nsoon,1\n", "dates"),
        ("ds,y\n,1\n", "row 0"),
        ("", "no CSV file"),
    ],
)
def test_a_csv_of_another_form_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(text)
    with pytest.raises(InvalidParameterError, match=message):
        load("sunspots", file)


def test_without_statsmodels_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels.datasets.nile", None)
    with pytest.raises(MissingExtraError, match=r"workingpapers\[series\]"):
        load("nile")
