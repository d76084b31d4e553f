"""The experiment at its smallest: every claim gets a number or a reason, twice the same; a user's tables."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from workingpapers.bench.paper_file import read_paper
from workingpapers.bench.trial import RecordingTrial
from workingpapers.errors import DataNotFoundError
from workingpapers.papers import partial_correlation
from workingpapers.papers.partial_correlation.experiment import SCALES, Settings, measure
from workingpapers.papers.partial_correlation.networks import network

PAPER = read_paper(Path(partial_correlation.__file__).parent / "paper.toml", "workingpapers.papers.partial_correlation")
EXACT = {"reference-free-residuals", "precision-of-the-parts", "equals-normalised-analysis"}


def _run(settings: Settings, seed: int = 1) -> RecordingTrial:
    trial = RecordingTrial(PAPER.claims, seed=seed)
    measure(settings, trial)
    return trial


def test_numbers_repeat_and_exact_claims_pass_where_their_controls_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKINGPAPERS_DATA_ROMAN_CUPS", raising=False)
    first, second = _run(SCALES["smoke"]), _run(SCALES["smoke"])
    assert not first.missing_claims()
    assert repr(first.claim_values) == repr(second.claim_values)
    assert [repr(r) for r in first.records if not r.timing] == [repr(r) for r in second.records if not r.timing]
    for name in EXACT:
        claim = first.claim_values[name]
        assert claim.value is not None
        assert claim.control is not None
        assert claim.value < 1e-10 < claim.control
    assert "cups=" in (first.claim_values["cups-antimony"].reason or "")


def test_a_users_tables(tmp_path: Path) -> None:
    path = tmp_path / "cups.csv"
    table = network(4, 30, seed=0).closed
    np.savetxt(path, table, delimiter=",", header="Al,Fe,Sb,Si", comments="")
    trial = _run(dataclasses.replace(SCALES["smoke"], cups=str(path), own_table=str(path), tables=(), depth=0))
    assert trial.claim_values["cups-antimony"].value is not None
    assert {r.axes["table"] for r in trial.records if r.name == "names"} == {"own", "roman cups"}
    with pytest.raises(DataNotFoundError, match="nowhere"):
        _run(dataclasses.replace(SCALES["smoke"], cups="nowhere.csv"))
