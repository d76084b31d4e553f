"""Lagged views and Gram matrices against the lag matrix written out."""

import numpy as np
import pytest

from workingpapers.papers.arnet import lag_gram, lag_matrix
from workingpapers.papers.arnet.lags import correlate_lags, filter_lags, normal_equations


def written_out(y: np.ndarray, p: int) -> np.ndarray:
    """Row t holds y_{t-1}, …, y_{t-p}."""
    return np.array([[y[t - i] for i in range(1, p + 1)] for t in range(p, len(y))])


@pytest.mark.parametrize("p", [1, 2, 7, 48, 60])
def test_gram_recursion_equals_the_product_of_the_lag_matrix(p: int) -> None:
    y = np.random.default_rng(p).standard_normal(200) + 3.0
    lags = written_out(y, p)
    gram, cross, squares = lag_gram(y, p)
    np.testing.assert_array_equal(lag_matrix(y, p), lags)
    np.testing.assert_allclose(gram, lags.T @ lags, rtol=1e-12)
    np.testing.assert_allclose(cross, lags.T @ y[p:], rtol=1e-12)
    assert squares == pytest.approx(y[p:] @ y[p:], rel=1e-12)


def test_lag_matrix_is_a_read_only_view() -> None:
    y = np.arange(10.0)
    lags = lag_matrix(y, 3)
    assert np.shares_memory(lags, y)
    assert not lags.flags.writeable
    y[4] = -1.0
    assert lags[2, 0] == -1.0


@pytest.mark.parametrize("width", [1, 5, 48, 49, 90])
def test_fast_products_equal_plain_sums(width: int) -> None:
    rng = np.random.default_rng(0)
    y, target = rng.standard_normal(300), rng.standard_normal(300 - width + 1)
    plain = [sum(target[r] * y[width - 1 - i + r] for r in range(len(target))) for i in range(width)]
    np.testing.assert_allclose(correlate_lags(y, target, width), plain, atol=1e-11)
    coef = rng.standard_normal(width)
    plain = [coef @ y[t - width : t][::-1] for t in range(width, len(y) + 1)]
    np.testing.assert_allclose(filter_lags(y, coef), plain, atol=1e-11)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_normal_equations_of_several_segments_and_steps(fit_intercept: bool) -> None:
    rng, p, h = np.random.default_rng(1), 4, 3
    segments = [rng.standard_normal(n) + 2.0 for n in (50, 6, 7, 30)]  # the second is too short to hold a row
    rows = [(s[t - p : t][::-1], s[t : t + h]) for s in segments for t in range(p, len(s) - h + 1)]
    lags, targets = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    if fit_intercept:
        lags, targets = lags - lags.mean(axis=0), targets - targets.mean(axis=0)
    equations = normal_equations(segments, p, h, fit_intercept)
    assert equations.rows == len(rows)
    np.testing.assert_allclose(equations.gram, lags.T @ lags, atol=1e-11)
    np.testing.assert_allclose(equations.cross, lags.T @ targets, atol=1e-11)
    np.testing.assert_allclose(equations.target_squares, (targets**2).sum(axis=0), atol=1e-11)
