"""The experiment on sizes of a moment, and the data of known information."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from workingpapers.bench.paper_file import read_paper
from workingpapers.bench.trial import RecordingTrial
from workingpapers.papers import mutual_information
from workingpapers.papers.mutual_information import cca_mi
from workingpapers.papers.mutual_information.experiment import SCALES, measure
from workingpapers.papers.mutual_information.teachers import linear, teacher, two_views

PAPER = read_paper(Path(mutual_information.__file__).parent / "paper.toml", "workingpapers.papers.mutual_information")


def test_every_claim_is_reported(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = tmp_path / "digits.npz"
    np.savez(images, images=rng.integers(0, 255, (400, 5, 5)).astype(np.uint8), labels=np.arange(400) % 10)
    settings = dataclasses.replace(
        SCALES["smoke"], few_latents=(2, 10, 128, 1.0), epochs=1, naive_epochs=2, digits=200, images=str(images)
    )
    trial = RecordingTrial(PAPER.claims, seed=1)
    measure(settings, trial)
    assert not trial.missing_claims()
    assert trial.claim_values["digits"].value is not None


def test_linear_pairs_hold_the_bits_that_they_should() -> None:
    x, y = linear(20000, 2, 6, 1.0, 0)
    assert cca_mi(x, y) == pytest.approx(1.0, abs=0.05)


def test_teachers_are_of_the_size_asked_for() -> None:
    x, y = teacher(30, 2, 7, 1.0, 0)
    assert x.shape == y.shape == (30, 7)
    assert not np.allclose(x, teacher(30, 2, 7, 1.0, 1)[0])


def test_two_views_share_the_class_and_no_picture() -> None:
    labels = np.arange(200) % 4
    images = labels[:, None, None] * 10 + np.zeros((200, 2, 2), dtype=np.int64)
    x, y = two_views(images, labels, 80, 0.0, 0)
    assert np.array_equal(x[:, 0, 0], y[:, 0, 0])
    assert len(x) == 80
