"""Generated series, their error measure, and the test for stationarity."""

import numpy as np
import pytest

from workingpapers.papers.arnet import (
    ar_generate,
    is_stationary,
    largest_root,
    random_ar_coefficients,
    sparse_ar_coefficients,
    stpe,
)


def test_stpe_by_hand() -> None:
    w = np.array([0.2, 0.3, -0.5, 0.0])
    assert stpe(w, w) == 0.0
    assert stpe(np.zeros(4), w) == pytest.approx(100.0, abs=1e-5)
    assert stpe([0.1, 0.0, -0.5, 0.05], w) == pytest.approx(27.2727, abs=5e-5)
    assert stpe([0.0], [0.0]) == 0.0


def test_generated_series_obeys_its_recursion() -> None:
    coef = np.array([0.4, -0.3])
    y = ar_generate(500, coef, noise_std=2.0, burn_in=100, seed=7)
    noise = 2.0 * np.random.default_rng(7).standard_normal(600)
    plain = np.zeros(600)
    for t in range(600):
        plain[t] = noise[t] + sum(coef[i] * plain[t - 1 - i] for i in range(min(2, t)))
    np.testing.assert_allclose(y, plain[100:], atol=1e-12)
    np.testing.assert_array_equal(y, ar_generate(500, coef, noise_std=2, burn_in=100, seed=7))


def test_variance_of_a_first_order_series() -> None:
    y = ar_generate(200_000, [0.8], seed=0)
    assert y.var() == pytest.approx(1 / (1 - 0.64), rel=0.03)


@pytest.mark.parametrize("p", [1, 3, 10, 25])
def test_random_coefficients_follow_the_papers_rules(p: int) -> None:
    for seed in range(20):
        w = random_ar_coefficients(p, seed)
        assert is_stationary(w)
        if p > 1:
            assert abs(w.sum()) < 1e-12
        assert np.abs(w).sum() <= 2.0


def test_sparse_coefficients() -> None:
    assert sparse_ar_coefficients(4, (4, 1, 2)).tolist() == [0.3, -0.5, 0.0, 0.2]


def test_step_down_recursion_agrees_with_the_roots() -> None:
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(500):
        w = rng.standard_normal(rng.integers(1, 9)) * rng.uniform(0.05, 0.7)
        inside = largest_root(w) < 1
        assert is_stationary(w) == inside
        seen.add(inside)
    assert seen == {True, False}
