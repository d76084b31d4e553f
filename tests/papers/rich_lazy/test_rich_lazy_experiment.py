"""The experiment on sizes of a moment: every claim gets a number or a reason, twice the same."""

import dataclasses
from pathlib import Path

import numpy as np

from workingpapers.bench.paper_file import read_paper
from workingpapers.bench.trial import RecordingTrial
from workingpapers.papers import rich_lazy
from workingpapers.papers.rich_lazy.experiment import SCALES, Settings, measure

PAPER = read_paper(Path(rich_lazy.__file__).parent / "paper.toml", "workingpapers.papers.rich_lazy")
TINY = dataclasses.replace(
    SCALES["smoke"],
    hidden=24,
    ranks=(1, 24),
    iterations=12,
    forget_iterations=4,
    structure_iterations=4,
    linear_steps=800,
    kernel_trials=4,
    trials=16,
)


def _run(settings: Settings, seed: int = 1) -> RecordingTrial:
    trial = RecordingTrial(PAPER.claims, seed=seed)
    measure(settings, trial)
    return trial


def _wiring(folder: Path) -> str:
    rng = np.random.default_rng(0)
    path = folder / "wiring.npz"
    np.savez(path, weights=rng.poisson(0.3, (20, 20)) * (1 - np.eye(20)))
    return str(path)


def test_every_claim_is_reported_and_repeats_bit_for_bit(tmp_path: Path) -> None:
    settings = dataclasses.replace(TINY, connectome=_wiring(tmp_path))
    first, second = _run(settings), _run(settings)
    assert not first.missing_claims()
    assert all(each.value is not None for each in first.claim_values.values())
    assert repr(first.claim_values) == repr(second.claim_values)
    assert repr(first.records) == repr(second.records)
    assert {r.axes.get("norm") for r in first.records if r.name == "kernel_alignment"} >= {"frobenius", "spectral"}


def test_all_tasks_run(tmp_path: Path) -> None:
    tasks = ("two-alternative", "delayed-match", "context-decision", "sequential-images")
    trial = _run(dataclasses.replace(TINY, tasks=tasks, connectome=_wiring(tmp_path), ranks=(1, 24)))
    assert {r.axes["task"] for r in trial.records if r.name == "loss" and "task" in r.axes} == set(tasks)
    assert not any(r.value for r in trial.records if r.name == "failed")


def test_the_norms_are_what_they_are_called(tmp_path: Path) -> None:
    trial = _run(dataclasses.replace(TINY, connectome=_wiring(tmp_path)))
    ranks = {
        (r.axes["norm"], r.axes["rank"]): r.value
        for r in trial.records
        if r.name == "effective_rank" and r.axes.get("draw") == "first"
    }
    assert abs(ranks["frobenius", 1] - 1) < 1e-4
    assert abs(ranks["spectral", 1] - 1) < 1e-4
    assert ranks["frobenius", 24] > 8
