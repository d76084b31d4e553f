"""What a trial hands out and takes down."""

import random
from typing import Any

import numpy as np
import pytest
import torch

from workingpapers.bench.protocols import Paper
from workingpapers.bench.seeds import derive, isolated_randomness, trial_seed
from workingpapers.bench.trial import RecordingTrial
from workingpapers.data import Dataset
from workingpapers.errors import InvalidParameterError, InvalidTypeError, UnknownNameError


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def trial(sample: Paper, lines: list[dict[str, Any]]) -> RecordingTrial:
    return RecordingTrial(sample.claims, seed=7, write=lines.append)


def test_named_streams_repeat_and_differ(trial: RecordingTrial, sample: Paper) -> None:
    other = RecordingTrial(sample.claims, seed=8)
    assert trial.seed_for("data") == trial.seed_for("data") != trial.seed_for("init", "arm")
    assert trial.seed_for("data") != other.seed_for("data")
    assert 0 <= trial.seed_for("data") < 2**31


def test_seeds_derive_from_base_paper_and_repetition() -> None:
    seeds = {trial_seed(base, slug, number) for base in (0, 1) for slug in ("a", "b") for number in range(50)}
    assert len(seeds) == 200
    assert derive("a", 1) != derive("a", "1") != derive("a1")
    assert trial_seed(0, "arnet", 0) == trial_seed(0, "arnet", 0)


def test_generators_are_the_trials_own(trial: RecordingTrial, sample: Paper) -> None:
    again = RecordingTrial(sample.claims, seed=7)
    assert torch.equal(torch.randn(3, generator=trial.generator), torch.randn(3, generator=again.generator))
    assert trial.rng.random() == again.rng.random()
    assert trial.generator is trial.generator


def test_seeding_puts_the_global_state_back(trial: RecordingTrial) -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()
    with trial.seeded("init", "a"):
        first = torch.nn.Linear(3, 3).weight
    with isolated_randomness(3):
        torch.rand(1), random.random(), np.random.rand()
    with trial.seeded("init", "a"):
        second = torch.nn.Linear(3, 3).weight
    assert torch.equal(first, second)
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1] == random.getstate()
    assert np.array_equal(before[2], np.random.get_state()[1])


def test_records_keep_numbers_lists_and_axes(trial: RecordingTrial, lines: list[dict[str, Any]]) -> None:
    trial.record("a", np.float32(0.5), unit="s", timing=True, arm="x", size=np.int64(3))
    trial.record("b", torch.arange(3), deep=True)
    trial.record("c", float("nan"))
    assert lines[0] == {
        "kind": "record",
        "name": "a",
        "value": 0.5,
        "axes": {"arm": "x", "size": 3},
        "unit": "s",
        "timing": True,
    }
    assert lines[1]["value"] == [0, 1, 2]
    assert lines[2]["value"] == "nan"


def test_what_cannot_be_kept_is_refused(trial: RecordingTrial) -> None:
    with pytest.raises(InvalidTypeError, match="record 'a' is of type dict; give a number"):
        trial.record("a", {})
    with pytest.raises(InvalidTypeError, match="axis 'arm' of record 'a'"):
        trial.record("a", 1.0, arm=[1])  # type: ignore[arg-type]


def test_claims_are_known_reported_once_and_with_their_control(trial: RecordingTrial) -> None:
    trial.claim("lower-error", value=torch.tensor(3.0), control=np.float64(1.0))  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="no claim 'lower'; it has lower-error, higher-error"):
        trial.claim("lower", value=1.0)
    with pytest.raises(InvalidParameterError, match="reported twice"):
        trial.claim("lower-error", value=1.0, control=1.0)
    with pytest.raises(
        InvalidParameterError, match=r"has a control \(the plain mean against itself\) and got no number"
    ):
        trial.claim("higher-error", value=1.0)
    with pytest.raises(InvalidParameterError, match="gives it no control"):
        trial.claim("needs-data", value=1.0, control=1.0)
    with pytest.raises(InvalidTypeError, match="got str"):
        trial.claim("always-smaller", value="yes", control=False)  # type: ignore[arg-type]
    assert trial.missing_claims() == ["higher-error", "always-smaller", "needs-data"]


def test_data_is_noted_with_its_hash(trial: RecordingTrial, lines: list[dict[str, Any]]) -> None:
    data = Dataset("d", "package 1.0", "free", {"x": np.arange(3)})
    trial.uses(data)
    assert lines == [{"kind": "data", "name": "d", "source": "package 1.0", "sha256": data.sha256}]
    changed = Dataset("d", "package 1.0", "free", {"x": np.arange(3.0)})
    assert changed.sha256 != data.sha256


def test_steps_report_progress(sample: Paper) -> None:
    seen: list[tuple[int, int, str]] = []
    trial = RecordingTrial(sample.claims, seed=1, watch=lambda *step: seen.append(step))
    assert list(trial.steps("ab", "letters")) == ["a", "b"]
    assert seen == [(0, 2, "letters"), (1, 2, "letters"), (2, 2, "letters")]
