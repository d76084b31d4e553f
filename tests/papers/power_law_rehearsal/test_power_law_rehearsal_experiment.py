"""The experiment on sizes of a moment: every claim gets a number, exposure is equal, decoys belong to no task."""

import dataclasses
from pathlib import Path

import pytest
import torch

from workingpapers.bench.paper_file import read_paper
from workingpapers.bench.trial import RecordingTrial
from workingpapers.errors import InvalidParameterError
from workingpapers.papers import power_law_rehearsal
from workingpapers.papers.power_law_rehearsal import PowerLawSampler
from workingpapers.papers.power_law_rehearsal.arms import Arm, check_equal_exposure, run
from workingpapers.papers.power_law_rehearsal.experiment import SCALES, measure
from workingpapers.papers.power_law_rehearsal.streams import JointSampler, images, make_stream

PAPER = read_paper(Path(power_law_rehearsal.__file__).parent / "paper.toml", "workingpapers.papers.power_law_rehearsal")
TINY = dataclasses.replace(SCALES["smoke"], steps=3, grid_steps=2, encounters=100, train_size=100, test_size=40)


def test_every_claim_is_reported_with_its_control() -> None:
    trial = RecordingTrial(PAPER.claims, seed=1)
    measure(TINY, trial)
    assert not trial.missing_claims()
    for claim in PAPER.claims:
        value = trial.claim_values[claim.id]
        assert value.value is not None
        assert (value.control is None) == (claim.control is None)
    exposures = {(r.name, r.value) for r in trial.records if r.name in ("steps", "samples")}
    assert exposures == {("steps", 9), ("samples", 9 * 64)}


def test_unequal_exposure_stops_the_run() -> None:
    trial = RecordingTrial(PAPER.claims, seed=1)
    stream = make_stream(images(TINY, trial), 2, 0)
    outcome = run(Arm("none"), TINY, trial, stream)
    check_equal_exposure({"none": outcome}, TINY, 2)
    with pytest.raises(InvalidParameterError, match=r"none took 6 steps and 384 samples.*must take 9"):
        check_equal_exposure({"none": outcome}, TINY, 3)


def test_decoys_are_no_tasks_and_new_samples_are_themselves() -> None:
    trial = RecordingTrial(PAPER.claims, seed=1)
    stream = make_stream(images(TINY, trial), 3, 0)
    decoys, train = stream.decoys, stream.train
    assert len(decoys) == 3
    assert torch.equal(decoys.permutations[:3], train.permutations)
    for decoy in decoys.permutations[3:]:
        assert all(not torch.equal(decoy, task) for task in train.permutations)
    mixed = [5, 105, 207]  # one of each task, the last is new
    assert torch.equal(decoys.batch(mixed)[0][2], train.batch(mixed)[0][2])
    assert not torch.equal(decoys.batch(mixed)[0][:2], train.batch(mixed)[0][:2])
    assert torch.equal(decoys.batch(mixed)[1], train.batch(mixed)[1])


def test_all_tasks_so_far_are_met_alike() -> None:
    sampler = JointSampler([4000] * 4, batch_size=50, kind="uniform", generator=torch.Generator().manual_seed(0))
    for _ in range(3):
        sampler.next_task()
    counts = torch.bincount(sampler.task_of([index for batch in sampler for index in batch]), minlength=4)
    assert float((counts - 1000.0).abs().max()) < 4 * (4000 * 0.25 * 0.75) ** 0.5
    assert isinstance(sampler, PowerLawSampler)
