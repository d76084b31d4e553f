"""Shrinkage by its formulas written out, at its ends, and on wide tables."""

import numpy as np
import pytest

from workingpapers.papers.partial_correlation import CompositionalPartialCorrelation
from workingpapers.papers.partial_correlation.networks import network
from workingpapers.papers.partial_correlation.precision import partial_correlation_of, precision_by_eigenvalues


def _fit(X: np.ndarray, shrinkage: object) -> CompositionalPartialCorrelation:
    return CompositionalPartialCorrelation(shrinkage=shrinkage).fit(X)


@pytest.mark.parametrize("kind", ["basis", "clr"])
def test_the_formulas_written_out(kind: str) -> None:
    X = network(6, 25, seed=0).closed
    A = np.log(X / X.sum(axis=1, keepdims=True))
    if kind == "clr":
        A = A - A.mean(axis=1, keepdims=True)
    n, d = A.shape
    z = (A - A.mean(axis=0)) / A.std(axis=0, ddof=1)
    variance_of_r = r_squared = 0.0
    for i in range(d):
        for j in range(d):
            if i != j:
                w = z[:, i] * z[:, j]
                variance_of_r += n / (n - 1) ** 3 * ((w - w.mean()) ** 2).sum()
                r_squared += (n / (n - 1) * w.mean()) ** 2
    squares = (A - A.mean(axis=0)) ** 2
    v = squares.sum(axis=0) / (n - 1)
    variance_of_v = n / (n - 1) ** 3 * ((squares - squares.mean(axis=0)) ** 2).sum()
    lambda_ = min(1.0, variance_of_r / r_squared)
    lambda_variance = min(1.0, variance_of_v / ((v - np.median(v)) ** 2).sum())
    model = _fit(X, kind)
    assert model.lambda_ == pytest.approx(lambda_, rel=1e-12)
    assert model.lambda_variance_ == pytest.approx(lambda_variance, rel=1e-12)
    spread = np.sqrt(lambda_variance * np.median(v) + (1 - lambda_variance) * v)
    R = (1 - lambda_) * np.corrcoef(A, rowvar=False)
    np.fill_diagonal(R, 1.0)
    H = np.eye(d) - 1 / d
    P = np.linalg.pinv(H @ (R * spread[:, None] * spread) @ H, rcond=1e-10)
    np.testing.assert_allclose(model.precision_, P, atol=1e-11 * np.abs(P).max())


def test_the_ends_of_the_dial() -> None:
    X = network(8, 40, seed=1).closed
    np.testing.assert_array_equal(_fit(X, 0.0).partial_correlation_, _fit(X, None).partial_correlation_)
    off = ~np.eye(8, dtype=bool)
    np.testing.assert_allclose(_fit(X, 1.0).partial_correlation_[off], 1 / 7, rtol=1e-12)
    assert _fit(X, 1).lambda_ == 1.0


def test_wide_tables_are_estimated_and_not_tested() -> None:
    X = network(30, 20, seed=2).closed
    for kind in ("basis", "clr", 0.3):
        model = _fit(X, kind)
        assert model.df_ == -9
        assert np.isfinite(model.partial_correlation_).all()
        assert np.abs(model.partial_correlation_).max() <= 1
        assert np.isnan(model.pvalue_[0, 1])
        assert np.isnan(model.qvalue_[0, 1])
        assert np.isnan(model.ci_[0, 1]).all()
    with pytest.raises(ValueError, match="df=-9"):
        _fit(X, None)


def test_duplicates_are_no_trouble_when_shrunk() -> None:
    X = network(5, 40, seed=3).closed
    model = _fit(np.column_stack([X, X[:, 0]]), "basis")
    assert model.partial_correlation_[0, 5] > 0.5


def test_the_slow_inverse_agrees() -> None:
    covariance = np.cov(np.random.default_rng(0).normal(size=(50, 6)), rowvar=False)
    H = np.eye(6) - 1 / 6
    expected = partial_correlation_of(np.linalg.pinv(H @ covariance @ H, rcond=1e-10))
    np.testing.assert_allclose(partial_correlation_of(precision_by_eigenvalues(covariance)), expected, atol=1e-12)
