"""The line over γ, its interval, the curvature filter, the checks that need no training."""

import numpy as np
import pytest
from scipy.stats import t as student

from workingpapers.papers.mutual_information.extrapolation import extrapolate, sampling_variance
from workingpapers.papers.mutual_information.training import smooth, split_rows

GAMMAS = np.repeat(np.arange(1, 7), np.arange(1, 7))
CHUNKS = np.concatenate([np.arange(g) for g in range(1, 7)])


def test_exact_points_give_the_line_and_no_width() -> None:
    line = extrapolate(GAMMAS, CHUNKS, 2 + 0.05 * GAMMAS)
    assert (line.intercept, line.slope) == pytest.approx((2.0, 0.05), abs=1e-9)
    assert line.half_width == pytest.approx(0, abs=1e-9)
    assert line.is_straight


def test_the_line_is_weighted_least_squares() -> None:
    values = 1 + 0.1 * GAMMAS + 0.2 * np.random.default_rng(0).normal(size=len(GAMMAS))
    line = extrapolate(GAMMAS, CHUNKS, values)
    design, weights = np.column_stack([np.ones(21), GAMMAS]), 1 / GAMMAS
    normal = np.linalg.inv(design.T @ (weights[:, None] * design))
    coefficients = normal @ design.T @ (weights * values)
    variance = (weights * (values - design @ coefficients) ** 2).sum() / 19
    assert line.intercept == pytest.approx(coefficients[0])
    assert line.line_half_width == pytest.approx(student.ppf(0.975, 19) * np.sqrt(variance * normal[0, 0]))
    assert line.half_width == pytest.approx(np.hypot(line.line_half_width, line.sampling_half_width))
    assert line.prediction_half_width > line.half_width


def test_curvature_drops_large_gammas_and_flat_runs_are_straight() -> None:
    noise = 1e-3 * np.random.default_rng(1).normal(size=len(GAMMAS))
    bent = extrapolate(GAMMAS, CHUNKS, 2 + 0.05 * GAMMAS + 0.1 * GAMMAS**2 + noise)
    assert bent.gammas == (1, 2, 3, 4)
    assert not bent.is_straight
    flat = extrapolate(GAMMAS, CHUNKS, 1 + 10 * noise)  # |a2 / a1| is large and means nothing
    assert flat.gammas == (1, 2, 3, 4, 5, 6)
    assert flat.is_straight


def test_disjoint_chunks_show_the_scatter_of_a_mean() -> None:
    """The mean of n draws, cut into γ chunks, has variance 1 / n at every γ."""
    rng = np.random.default_rng(2)
    found = []
    for _ in range(300):
        draws = rng.normal(size=60)
        values = [draws.reshape(g, 60 // g)[c].mean() for g, c in zip(GAMMAS, CHUNKS, strict=True)]
        found.append(sampling_variance(GAMMAS, CHUNKS, np.array(values))[0])
    error = np.std(found) / np.sqrt(300)
    assert abs(np.mean(found) - 1 / 60) < 4 * error


def test_the_interval_of_a_shifting_sample_covers() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(300):
        draws = rng.normal(size=60)
        values = [draws.reshape(g, 60 // g)[c].mean() for g, c in zip(GAMMAS, CHUNKS, strict=True)]
        line = extrapolate(GAMMAS, CHUNKS, values)
        hits += abs(line.intercept) <= line.half_width
    assert hits / 300 > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 300)


def test_smoothing_repeats_the_ends_and_ignores_spikes() -> None:
    assert np.allclose(smooth(np.ones(9)), 1)
    spiked = np.ones(15)
    spiked[7] = 50
    assert np.allclose(smooth(spiked), 1)
    assert np.isfinite(smooth(np.array([1.0, np.nan, -np.inf, 2.0, 3.0]))).all()


@pytest.mark.parametrize("split", ["random", "blocked"])
def test_splits_hold_out_a_tenth(split: str) -> None:
    import torch

    train, test = split_rows(200, split, torch.Generator().manual_seed(0))
    assert len(test) == 20
    assert not set(train.tolist()) & set(test.tolist())
    if split == "blocked":
        assert (test.diff() == 1).all()
        near = set(range(int(test[0]) - 4, int(test[-1]) + 5))
        assert not near & set(train.tolist())
    else:
        assert len(train) == 180
