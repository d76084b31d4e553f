"""Pieces of the experiment against plain definitions."""

import numpy as np
import pytest
import torch
from scipy import stats

from workingpapers.papers.permutations.experiment import SCALES
from workingpapers.papers.permutations.limit_study import draw_inputs
from workingpapers.papers.permutations.network_study import Ensemble, _anderson, models_needed
from workingpapers.papers.permutations.networks import train_networks, unit_rows
from workingpapers.papers.permutations.rivals import networks_with_biases, ridge


def test_anderson_is_scipys() -> None:
    values = np.random.default_rng(0).standard_t(5, 300)
    ordered = np.sort((values - values.mean()) / values.std(ddof=1))
    i = np.arange(1, 301)
    plain = -300 - ((2 * i - 1) * (stats.norm.logcdf(ordered) + stats.norm.logsf(ordered[::-1]))).sum() / 300
    assert _anderson(values) == pytest.approx(plain * (1 + 0.75 / 300 + 2.25 / 300**2) / 1.035)
    assert _anderson(np.random.default_rng(1).standard_normal(500)) < 1
    assert _anderson(np.random.default_rng(1).laplace(size=500)) > 1


def test_models_needed_counts_windows() -> None:
    """Outputs that are wrong in every second network: two of them average out, one does not."""
    outputs = torch.tensor([3.0, -1.0] * 20)[:, None, None].expand(40, 1, 2)
    rows = np.array([[1, 1]], dtype=np.uint8)
    assert models_needed(outputs, rows, 0.0, 0.1) == 2
    assert models_needed(outputs, rows, 2.0, 0.1) == 40, "never enough"


def test_gathered_numbers_are_those_of_a_loop() -> None:
    k, places = 4, np.array([2, 0, 3, 1])
    rows = np.array([[1, 1, 0, 0], [0, 1, 1, 1], [1, 0, 1, 0], [1, 1, 1, 1]], dtype=np.uint8)
    networks = train_networks(torch.eye(k)[places], 6, width=50, steps=20, lr=1.0, seed=0)
    ensemble = Ensemble(k, rows, places, networks)
    ensemble.gather()
    outputs = networks.outputs(unit_rows(torch.from_numpy(rows))).double().numpy()
    wanted = np.empty_like(rows)
    wanted[:, places] = rows
    for n in range(6):
        right = ((outputs[: n + 1].mean(0) > 0) == wanted).all(1).sum()
        assert ensemble.correct["sign"][n] == right
    two = outputs[:, [0, 2]]
    ones = np.stack([two[:, i][:, wanted[[0, 2][i]] == 1].mean(1) for i in range(2)]).mean(0)
    np.testing.assert_allclose(ensemble.class_mean["one"][:, 2], ones, atol=1e-6)
    np.testing.assert_allclose(ensemble.variance[3], outputs[:, 1].var(0, ddof=1).mean(), rtol=1e-5)


def test_sampled_inputs_are_distinct_and_unseen() -> None:
    rows = draw_inputs(8, 100, np.random.default_rng(0))
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert rows.sum(1).min() == 2
    assert rows.sum(1).max() == 8


def test_networks_with_biases_learn_their_targets() -> None:
    targets = torch.eye(4).flip(0)
    found = networks_with_biases(targets, torch.eye(4), 3, width=200, seed=0)
    assert torch.allclose(found, targets.expand(3, 4, 4), atol=1e-4)


def test_ridge_solves_the_task() -> None:
    rows = draw_inputs(8, 50, np.random.default_rng(0))
    places = np.array([3, 1, 0, 7, 5, 2, 6, 4])
    np.testing.assert_array_equal(ridge(np.eye(8)[places], rows)[:, places], rows)


def test_scales_are_consistent() -> None:
    for settings in SCALES.values():
        assert settings.normal_length in settings.lengths
        assert settings.regime_models >= settings.regime_group
        assert min(settings.lengths) >= 4
