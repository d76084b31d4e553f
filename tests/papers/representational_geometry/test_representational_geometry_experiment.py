"""The experiment on sizes of a moment: every claim gets a number, twice the same."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from workingpapers.bench.paper_file import read_paper
from workingpapers.bench.trial import RecordingTrial
from workingpapers.errors import DataNotFoundError
from workingpapers.papers import representational_geometry
from workingpapers.papers.representational_geometry.experiment import SCALES, Settings, measure
from workingpapers.papers.representational_geometry.measure_cells import unsaturated
from workingpapers.papers.representational_geometry.measure_images import _cifar

FOLDER = Path(representational_geometry.__file__).parent
PAPER = read_paper(FOLDER / "paper.toml", "workingpapers.papers.representational_geometry")
TINY = dataclasses.replace(SCALES["smoke"], steps=20, samples=200, conv_steps=3, hidden=20, decoding_noises=(1.0,))


def run(settings: Settings) -> RecordingTrial:
    trial = RecordingTrial(PAPER.claims, seed=1)
    measure(settings, trial)
    return trial


def test_every_claim_is_reported_and_repeats_bit_for_bit() -> None:
    first, second = run(TINY), run(TINY)
    assert not first.missing_claims()
    assert first.claim_values == second.claim_values
    assert first.records == second.records
    assert first.claim_values["label-direction"].control == 0.0


def test_the_noise_is_the_first_that_is_unsaturated() -> None:
    assert unsaturated({0.1: 1.0, 0.5: 0.9, 1.0: 0.8}) == 0.5
    assert unsaturated({0.1: 1.0, 0.5: 0.6, 1.0: 0.5}) == 0.1


def test_cifar_is_read_from_its_binary_version(tmp_path: Path) -> None:
    records = np.random.default_rng(0).integers(0, 10, (5, 3073), dtype=np.uint8)
    records.tofile(tmp_path / "data_batch_1.bin")
    images, labels = _cifar(tmp_path)
    assert images.shape == (5, 3, 32, 32)
    assert labels.tolist() == records[:, 0].tolist()
    assert torch.allclose(images[2, 1, 0], torch.tensor(records[2, 1025:1057] / 255.0).float())
    with pytest.raises(DataNotFoundError, match=r"data_batch_\*\.bin"):
        _cifar(tmp_path / "nothing")
