"""The experiment on sizes of a moment: every claim gets a number and its control; the flow's claims already decide."""

import dataclasses
from pathlib import Path

import pytest

from workingpapers.bench.paper_file import read_paper
from workingpapers.bench.trial import RecordingTrial
from workingpapers.papers import icl_induction
from workingpapers.papers.icl_induction import InContextClassification
from workingpapers.papers.icl_induction.experiment import SCALES, measure
from workingpapers.papers.icl_induction.measure_flow import flow_claims
from workingpapers.papers.icl_induction.networks import nearest_in_context

PAPER = read_paper(Path(icl_induction.__file__).parent / "paper.toml", "workingpapers.papers.icl_induction")
TINY = dataclasses.replace(
    SCALES["smoke"], steps=4, delay_steps=4, eval_every=2, fine_every=2, eval_size=20, batch=8, sgd_steps=4
)


def test_every_claim_is_reported_sgd_included() -> None:
    trial = RecordingTrial(PAPER.claims, seed=1)
    measure(TINY, trial)
    assert not trial.missing_claims()
    assert all(value.value is not None and value.control is not None for value in trial.claim_values.values())


def test_the_flows_claims_hold_and_their_controls_fail() -> None:
    for seed in (1, 2):
        trial = RecordingTrial(PAPER.claims, seed=seed, repetition=1)
        flow_claims(trial)
        values = trial.claim_values
        assert values["nested-logits-abrupt"].value < 0.2 < values["nested-logits-abrupt"].control
        assert values["saddle-gradient"].value == pytest.approx(0.0, abs=1e-12)
        assert values["saddle-gradient"].control == pytest.approx((1 / 8) * (1 - 8 / 16))
        assert values["saddle-escape"].value > 0.5 > values["saddle-escape"].control
        assert (values["logits-in-order"].value, values["logits-in-order"].control) == (1.0, 0.0)


def test_the_nearest_item_tells_the_label_of_new_classes() -> None:
    task = InContextClassification(64, 8, 4, 32, positions=17, seed=0)
    assert nearest_in_context(task.batch(500, "ic"), 17) > 0.99
    assert nearest_in_context(task.batch(500, "iw"), 17) < 0.3
