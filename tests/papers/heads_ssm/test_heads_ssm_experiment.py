"""The experiment on sizes of a moment: every claim gets a number, twice the same, and its control differs."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from workingpapers.bench.paper_file import read_paper
from workingpapers.bench.trial import RecordingTrial
from workingpapers.papers import heads_ssm
from workingpapers.papers.heads_ssm import LinearSSM, lag_operators, random_system
from workingpapers.papers.heads_ssm.experiment import SCALES, Settings, measure
from workingpapers.papers.heads_ssm.rivals import GatedPair, balanced_truncation

PAPER = read_paper(Path(heads_ssm.__file__).parent / "paper.toml", "workingpapers.papers.heads_ssm")
TINY = dataclasses.replace(
    SCALES["smoke"], states=(2, 4), reach=40, gradient_states=4, train_steps=20, timing_tokens=(64,), rank_inputs=3
)


def run(settings: Settings, seed: int = 1) -> RecordingTrial:
    trial = RecordingTrial(PAPER.claims, seed=seed)
    measure(settings, trial)
    return trial


def test_every_claim_is_reported_and_repeats_bit_for_bit() -> None:
    first, second = run(TINY), run(TINY)
    assert not first.missing_claims()
    assert first.claim_values == second.claim_values
    measured = [record for record in first.records if not record.timing]
    assert measured == [record for record in second.records if not record.timing]


def test_exact_claims_pass_and_their_controls_do_not() -> None:
    values = run(TINY, seed=2).claim_values
    for claim in ("attention-unified", "state-space-unified", "k-heads-suffice", "operators-not-functions"):
        assert values[claim].value < 1e-10 < values[claim].control
    assert (values["one-head-rank"].value, values["one-head-rank"].control) == (1, 2)
    assert values["one-head-gap"].control < 1e-10 < values["one-head-gap"].value
    assert values["one-head-closed-form"].value < 1e-6 < values["one-head-closed-form"].control
    assert values["k-heads-needed"].value == 0 < values["k-heads-needed"].control


def test_trained_weights_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "layers.safetensors"
    stack = {"A_log": torch.zeros(3, 2), "dt_proj.bias": torch.randn(3), "D": torch.ones(3)}
    own = LinearSSM.random("jordan", N=3, d=2, p=2).state_dict()
    save_file({f"a.{key}": value for key, value in stack.items()} | {f"b.{k}": v for k, v in own.items()}, path)
    trial = run(dataclasses.replace(TINY, weights=str(path), weights_tokens=16))
    ranks = {r.axes["layer"]: r.value for r in trial.records if r.name == "trained_rank"}
    assert ranks == {"a": 3, "b": 3}
    assert {r.axes["tol"] for r in trial.records if r.name == "trained_heads"} == {0.1, 0.01, 0.001}


def test_balanced_truncation_is_exact_at_full_order_and_good_below() -> None:
    A, B, C = random_system("distinct-diagonal", 6, 3, 3, seed=0)
    full = lag_operators(A, B, C, 60).numpy()
    errors = [
        np.linalg.norm(lag_operators(*balanced_truncation(A, B, C, order), 60).numpy() - full) for order in (2, 4, 6)
    ]
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-10 * np.linalg.norm(full)


def test_gated_pair_takes_planes_only() -> None:
    with pytest.raises(ValueError, match=r"\(5, 3, 3\).*\(n, 2, 2\)"):
        GatedPair(torch.zeros(5, 3, 3))
    assert not GatedPair(torch.ones(4, 2, 2))(torch.zeros(4, 2)).any()
