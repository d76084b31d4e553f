"""The penalty by its formula, selection of lags on data with a known answer."""

import numpy as np
import pytest
import torch

from workingpapers.papers.arnet import (
    ARNet,
    SparseARLayer,
    ar_generate,
    penalty_strength,
    regulariser,
    sparse_ar_coefficients,
    stpe,
)


def test_regulariser_is_the_papers_formula() -> None:
    w = torch.tensor([-2.0, -0.3, 0.01, 0.7], dtype=torch.float64)
    expected = np.mean([2 / (1 + np.exp(-3 * abs(v) ** (1 / 3))) - 1 for v in w.tolist()])
    assert regulariser(w).item() == pytest.approx(expected, rel=1e-6)
    expected = np.mean([2 / (1 + np.exp(-2 * abs(v) ** 0.5)) - 1 for v in w.tolist()])
    assert regulariser(w, 2, 2).item() == pytest.approx(expected, rel=1e-6)


def test_regulariser_starts_at_zero_rises_and_saturates() -> None:
    grid = torch.logspace(-6, 3, 200, dtype=torch.float64)
    values = torch.stack([regulariser(w[None]) for w in grid])
    assert regulariser(torch.zeros(5)).item() == 0.0
    assert (values.diff() > 0).all()
    assert values[-1] > 0.999999


def test_gradient_is_finite_at_zero() -> None:
    layer = SparseARLayer(4, 1, dtype=torch.float64)
    with torch.no_grad():
        layer.weight.zero_()
    layer.penalty(0.5).backward()
    assert torch.equal(layer.weight.grad, torch.zeros(1, 4, dtype=torch.float64))
    assert layer.bias.grad is None


def test_gradient_of_the_penalty() -> None:
    w = torch.tensor([0.4, -0.2, 1.1], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(regulariser, (w,))


def test_strength() -> None:
    assert penalty_strength(1.0, 0.01) == 0.0
    assert penalty_strength(0.15, 0.01) == pytest.approx(0.056667, abs=5e-7)


def test_sparse_arnet_beats_least_squares_and_finds_the_support() -> None:
    true = sparse_ar_coefficients(30)
    y = ar_generate(20_000, true, seed=3)
    exact, sparse = ARNet(30).fit(y), ARNet(30, sparsity=0.1, random_state=0).fit(y)
    assert stpe(sparse.coef_, true) < stpe(exact.coef_, true)
    np.testing.assert_array_equal(sparse.support_, true != 0)
    assert sparse.solver_ == "sgd"
    assert sparse.sparsity_ == 0.1


def test_debiased_coefficients_are_least_squares_on_the_support() -> None:
    true = sparse_ar_coefficients(10, (1, 3, 9))
    y = ar_generate(8000, true, seed=0) + 4.0
    model = ARNet(10, sparsity=0.3, reg={"debias": True}, random_state=0).fit(y)
    np.testing.assert_array_equal(np.flatnonzero(model.support_) + 1, [1, 3, 9])
    lags = np.array([[1.0, y[t - 1], y[t - 3], y[t - 9]] for t in range(10, len(y))])
    plain = np.linalg.lstsq(lags, y[10:], rcond=None)[0]
    np.testing.assert_allclose(model.coef_[model.support_], plain[1:], atol=1e-9)
    assert model.intercept_ == pytest.approx(plain[0], abs=1e-8)
    assert (model.coef_[~model.support_] == 0).all()
    assert np.isnan(model.coef_std_[~model.support_]).all()


@pytest.mark.filterwarnings("ignore:the fit is not stationary")
@pytest.mark.parametrize(
    ("n", "p", "lags"), [(1000, 20, (1, 3, 10)), (20_000, 100, (1, 2, 3)), (5000, 300, (7, 50, 288))]
)
def test_auto_selects_the_true_lags(n: int, p: int, lags: tuple[int, ...]) -> None:
    true = sparse_ar_coefficients(p, lags)
    y = ar_generate(n, true, seed=1)
    model = ARNet(p, sparsity="auto").fit(y)
    assert set(lags) <= set(np.flatnonzero(model.support_) + 1)
    assert model.support_.sum() <= len(lags) + 1
    assert stpe(model.coef_, true) < 0.5 * stpe(ARNet(p).fit(y).coef_, true)
    assert model.sparsity_ == model.support_.mean()
    assert len(model.summary().table) == model.support_.sum() + 1


def test_noise_selects_nothing_and_still_forecasts_the_mean() -> None:
    y = np.random.default_rng(5).standard_normal(2000) + 3.0
    model = ARNet(10, sparsity="auto").fit(y)
    assert model.support_.sum() == 0
    np.testing.assert_allclose(model.predict(3), y[10:].mean())


def test_auto_with_sgd_takes_the_selected_share() -> None:
    y = ar_generate(3000, sparse_ar_coefficients(20), seed=0)
    model = ARNet(20, sparsity="auto", solver="sgd", random_state=0).fit(y)
    assert model.sparsity_ == pytest.approx(0.15)


def test_a_sparsity_of_one_is_no_penalty() -> None:
    y = ar_generate(500, [0.5], seed=0)
    np.testing.assert_array_equal(ARNet(4, sparsity=1.0).fit(y).coef_, ARNet(4).fit(y).coef_)
    one = ARNet(4, sparsity=1, solver="sgd", random_state=0).fit(y).coef_
    np.testing.assert_array_equal(one, ARNet(4, solver="sgd", random_state=0).fit(y).coef_)
