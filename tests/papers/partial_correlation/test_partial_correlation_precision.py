"""Precision, partial correlation and their tests against closed forms, regressions and carried reference values."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from workingpapers.papers.partial_correlation import (
    CompositionalPartialCorrelation,
    clr,
    induced_partial_correlation,
    partial_corr,
)
from workingpapers.papers.partial_correlation.networks import network
from workingpapers.papers.partial_correlation.precision import (
    partial_correlation_of,
    precision_by_eigenvalues,
    precision_of_covariance,
    precision_of_logs,
)
from workingpapers.papers.partial_correlation.rivals import ratio_residuals


def _table(n: int = 60, d: int = 7, seed: int = 0) -> np.ndarray:
    return network(d, n, seed).closed


def _r(X: np.ndarray, **parameters: object) -> np.ndarray:
    return CompositionalPartialCorrelation(**parameters).fit(X).partial_correlation_


def test_the_precision_is_the_inverse_of_the_clr_covariance() -> None:
    X = _table()
    model = CompositionalPartialCorrelation().fit(X)
    P, gamma = model.precision_, np.cov(clr(X), rowvar=False)
    scale = np.abs(P).max()
    assert np.abs(P.sum(axis=1)).max() < 1e-12 * scale
    np.testing.assert_array_equal(P, P.T)
    values = np.linalg.eigvalsh(P)
    assert abs(values[0]) < 1e-12 * scale
    assert (values[1:] > 0).all()
    np.testing.assert_allclose(gamma @ P, np.eye(7) - 1 / 7, atol=1e-12)
    np.testing.assert_allclose(P, np.linalg.pinv(gamma, rcond=1e-10), atol=1e-12 * scale)
    np.testing.assert_allclose(model.partial_variance_, 1 / np.diag(P), rtol=1e-14)


def test_every_reference_gives_the_same() -> None:
    X = pd.DataFrame(_table(), columns=list("abcdefg"))
    expected = CompositionalPartialCorrelation().fit(X)
    for reference in (*"abcdefg", 0, -1):
        model = CompositionalPartialCorrelation(reference=reference).fit(X)
        np.testing.assert_allclose(model.precision_, expected.precision_, rtol=1e-9)
        np.testing.assert_allclose(model.pvalue_, expected.pvalue_, rtol=1e-8)


def test_rows_columns_and_order_do_not_count() -> None:
    X, rng = _table(), np.random.default_rng(1)
    r = _r(X)
    rows = np.exp(rng.normal(0, 5, (len(X), 1)))
    np.testing.assert_allclose(_r(X * rows * rng.uniform(1e-6, 1e6, 7)), r, atol=1e-12)
    order = rng.permutation(7)
    np.testing.assert_allclose(_r(X[:, order]), r[np.ix_(order, order)], atol=1e-12)
    np.testing.assert_allclose(_r(X[rng.permutation(len(X))]), r, atol=1e-12)


def test_a_common_factor_of_each_sample_changes_nothing() -> None:
    drawn = network(6, 40, seed=2)
    for spread in (0.0, 1.5, 20.0):
        factor = np.random.default_rng(3).normal(0, spread, (40, 1))
        np.testing.assert_allclose(_r(np.exp(drawn.basis + factor)), _r(drawn.closed), atol=1e-11)


@pytest.mark.parametrize("d", [3, 4, 10])
def test_closure_induces_one_over_d_minus_one(d: int) -> None:
    r = partial_correlation_of(precision_of_covariance(np.eye(d)))
    np.testing.assert_allclose(r[~np.eye(d, dtype=bool)], 1 / (d - 1), rtol=1e-12)
    np.testing.assert_allclose(induced_partial_correlation(np.full(d, 7.0)), r, rtol=1e-12)


def test_induced_values_of_unequal_variances() -> None:
    assert induced_partial_correlation(1 / np.arange(1, 5))[0, 1] == pytest.approx(1 / 6, abs=1e-14)
    for variances in ([1.0, 2.0, 3.0], [1e-6, 1.0, 5.0, 1e6], np.random.default_rng(0).uniform(0.1, 9, 12)):
        from_precision = partial_correlation_of(precision_of_covariance(np.diag(variances)))
        np.testing.assert_allclose(induced_partial_correlation(variances), from_precision, atol=1e-9)


def test_three_parts_are_one_correlation() -> None:
    X = _table(9, 3)
    expected = np.corrcoef(np.log(X[:, 0] / X[:, 2]), np.log(X[:, 1] / X[:, 2]))[0, 1]
    assert _r(X)[0, 1] == pytest.approx(expected, abs=1e-13)
    ranks = stats.spearmanr(X[:, 0] / X[:, 2], X[:, 1] / X[:, 2])
    found = partial_corr(X, 0, 1, method="spearman")
    assert found["r"] == pytest.approx(ranks.statistic, abs=1e-13)
    assert found["p"] == pytest.approx(ranks.pvalue, rel=1e-10)


def test_r_is_the_correlation_of_residuals_for_every_third_reference() -> None:
    X = _table()
    logs, model = np.log(X), CompositionalPartialCorrelation().fit(X)
    for k in range(2, 7):
        given = range(2, 7)
        x, y = (ratio_residuals(logs, i, k, given) for i in (0, 1))
        found = stats.pearsonr(x, y)
        assert model.partial_correlation_[0, 1] == pytest.approx(found.statistic, abs=1e-12)
        residual = ratio_residuals(logs, 0, k)
        assert model.partial_variance_[0] == pytest.approx(residual @ residual / (len(X) - 1), rel=1e-11)
    # the same test by regression: t of log x_1 / k in the regression of log x_0 / k on all others
    design = np.column_stack([np.ones(len(X)), logs[:, 1:6] - logs[:, [6]]])
    y = logs[:, 0] - logs[:, 6]
    coefficients, rss = np.linalg.lstsq(design, y, rcond=None)[:2]
    assert model.df_ == len(X) - design.shape[1]
    error = np.sqrt(rss[0] / model.df_ * np.linalg.inv(design.T @ design)[1, 1])
    assert model.pvalue_[0, 1] == pytest.approx(2 * stats.t.sf(abs(coefficients[1] / error), model.df_), rel=1e-9)


def test_as_many_degrees_of_freedom_as_there_must_be() -> None:
    X = _table(60, 7)
    model = CompositionalPartialCorrelation().fit(X[:8])
    assert model.df_ == 2
    assert np.isfinite(model.pvalue_).all()
    assert np.isfinite(model.ci_).all()
    with pytest.raises(ValueError, match="df=1"):
        CompositionalPartialCorrelation().fit(X[:7])


def test_p_q_and_intervals() -> None:
    X = _table()
    model = CompositionalPartialCorrelation().fit(X)
    r, upper = model.partial_correlation_, np.triu_indices(7, 1)
    t = r[upper] * np.sqrt(54 / (1 - r[upper] ** 2))
    np.testing.assert_allclose(model.pvalue_[upper], 2 * stats.t.sf(np.abs(t), 54), rtol=1e-12)
    np.testing.assert_array_equal(model.pvalue_, model.pvalue_.T)
    p = np.sort(model.pvalue_[upper])
    by_hand = np.minimum.accumulate((p * 21 / np.arange(1, 22))[::-1])[::-1]
    np.testing.assert_allclose(np.sort(model.qvalue_[upper]), by_hand, rtol=1e-12)
    half = stats.norm.ppf(0.975) / np.sqrt(53)
    np.testing.assert_allclose(np.arctanh(model.ci_[0, 1]), np.arctanh(r[0, 1]) + half * np.array([-1, 1]), rtol=1e-12)
    assert (np.diag(model.pvalue_) == 1).all()


def test_the_induced_null_keeps_its_level_on_independent_parts() -> None:
    rng, d, n, draws = np.random.default_rng(5), 5, 60, 400
    called = np.zeros((2, draws))
    for draw in range(draws):
        X = np.exp(rng.normal(size=(n, d)) * [0.5, 1, 1, 1, 2])
        for row, null in enumerate(("zero", "induced")):
            p = CompositionalPartialCorrelation(null=null).fit(X).pvalue_
            called[row, draw] = (p[np.triu_indices(d, 1)] < 0.05).mean()
    mean, error = called.mean(axis=1), called.std(axis=1) / np.sqrt(draws)
    assert mean[0] > 0.05 + 4 * error[0]  # closure alone is taken for an edge
    assert mean[1] < 0.06 + 4 * error[1]


def test_the_value_tested_against() -> None:
    variances = np.array([0.2, 1.0, 3.0, 0.7])
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(30, 5)))[0]
    basis = basis - basis.mean(axis=0)
    basis = basis @ np.linalg.inv(np.linalg.cholesky(np.cov(basis, rowvar=False))).T  # sample covariance I
    model = CompositionalPartialCorrelation(null="induced").fit(np.exp(basis[:, :4] * np.sqrt(variances)))
    np.testing.assert_allclose(model.induced_, induced_partial_correlation(variances), atol=1e-9)
    np.testing.assert_allclose(model.partial_correlation_, model.induced_, atol=1e-9)
    np.testing.assert_allclose(model.pvalue_, 1.0, atol=1e-6)


def test_near_singular_tables_take_the_slow_way() -> None:
    X = _table(60, 5)
    logs = np.log(np.column_stack([X, X[:, 0] * np.exp(1e-6 * np.random.default_rng(0).normal(size=60))]))
    with pytest.raises(ValueError, match="0 and 5 are proportional"):
        precision_of_logs(logs)
    logs[:, 5] = logs[:, 0] + 1e-3 * np.random.default_rng(0).normal(size=60)
    P = precision_of_logs(logs)
    gamma = np.cov(logs - logs.mean(axis=1, keepdims=True), rowvar=False)
    np.testing.assert_allclose(P, precision_by_eigenvalues(gamma), atol=1e-7 * np.abs(P).max())
    dependent = np.log(X.copy())
    dependent[:, 4] = dependent[:, 0] + dependent[:, 1] - dependent[:, 2]
    with pytest.raises(ValueError, match="'a', 'b', 'c', 'e' depend on each other"):
        precision_of_logs(dependent, names=list("abcde"))


@pytest.mark.parametrize("kind", ["float32", "fortran", "strided", "list", "tensor", "integers", "nullable"])
def test_tables_of_all_kinds(kind: str) -> None:
    X = np.round(_table() * 1e4) + 1
    tables = {
        "float32": X.astype(np.float32),
        "fortran": np.asfortranarray(X),
        "strided": np.repeat(X, 2, axis=1)[:, ::2],
        "list": X.tolist(),
        "tensor": torch.tensor(X),
        "integers": X.astype(int),
        "nullable": pd.DataFrame(X.astype(int)).astype("Int64"),
    }
    np.testing.assert_allclose(_r(tables[kind]), _r(X), atol=1e-12)


def test_a_failed_fit_leaves_the_former_one() -> None:
    X = _table()
    model = CompositionalPartialCorrelation().fit(X)
    before = model.partial_correlation_.copy()
    with pytest.raises(ValueError, match="at least 3 parts"):
        model.fit(X[:, :2])
    np.testing.assert_array_equal(model.partial_correlation_, before)
    assert model.n_features_in_ == 7
