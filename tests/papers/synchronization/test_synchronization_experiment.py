"""The experiment on sizes of a moment, and what its functions check."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from workingpapers.bench.paper_file import read_paper
from workingpapers.bench.trial import RecordingTrial
from workingpapers.papers import synchronization
from workingpapers.papers.synchronization.checks import as_float64
from workingpapers.papers.synchronization.classifier import pairwise_disagreement
from workingpapers.papers.synchronization.experiment import SCALES, measure
from workingpapers.papers.synchronization.quadratic_study import make_graph

PAPER = read_paper(Path(synchronization.__file__).parent / "paper.toml", "workingpapers.papers.synchronization")
SMALL = dataclasses.replace(
    SCALES["smoke"],
    replicas=10,
    graphs=SCALES["laptop"].graphs,
    couplings=(0.0, 0.3, 5.0),
    levels=(0.0, 0.3, 5.0),
    noises=(0.5, 1.0),
    paths=16,
    time=4.0,
    burn_in_time=2.0,
)


def _run(seed: int) -> RecordingTrial:
    trial = RecordingTrial(PAPER.claims, seed=seed)
    measure(SMALL, trial)
    return trial


def test_every_claim_is_reported_and_repeats_bit_for_bit() -> None:
    first, second = _run(1), _run(1)
    assert not first.missing_claims()
    assert {id_ for id_, each in first.claim_values.items() if each.value is None} == {"brain"}
    assert repr(first.claim_values) == repr(second.claim_values)
    assert repr(first.records) == repr(second.records)


def test_the_ladder_is_one() -> None:
    graph = make_graph("ladder", 10, RecordingTrial(PAPER.claims, seed=0))
    assert graph.diagonal().tolist() == [2, 3, 3, 3, 2] * 2


def test_disagreement_counts_pairs() -> None:
    assert pairwise_disagreement(np.array([[0, 1], [1, 1], [0, 0]])) == pytest.approx(2 / 3)
    assert pairwise_disagreement(np.array([[0, 1]])) == 0


@pytest.mark.parametrize("value", ["abc", [1j], [True], None, object()])
def test_no_array(value: object) -> None:
    with pytest.raises(TypeError, match="w0"):
        as_float64("w0", value)
