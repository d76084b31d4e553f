"""The exact solver against statsmodels, against plain least squares, and on series whose answer is known."""

import numpy as np
import pytest
from statsmodels.tsa.ar_model import AutoReg, ar_select_order

from workingpapers.data import load
from workingpapers.papers.arnet import ARNet, NonStationaryFitWarning, ar_generate, lag_matrix

EXACT = 1e-8


def series(n: int = 1500, seed: int = 0, level: float = 5.0) -> np.ndarray:
    return ar_generate(n, [0.2, 0.3, -0.5], seed=seed) + level


@pytest.mark.parametrize("p", [1, 3, 20, 75])
@pytest.mark.parametrize("trend", ["c", "n"])
def test_everything_equals_autoreg(p: int, trend: str) -> None:
    y = series(level=5.0 if trend == "c" else 0.0)
    ours, theirs = ARNet(p, fit_intercept=trend == "c").fit(y), AutoReg(y, p, trend=trend).fit()
    params, errors = ours.coef_, ours.coef_std_
    if trend == "c":
        params, errors = np.append(ours.intercept_, params), np.append(ours.intercept_std_, errors)
    np.testing.assert_allclose(params, theirs.params, atol=EXACT)
    np.testing.assert_allclose(errors, theirs.bse, atol=EXACT)
    np.testing.assert_allclose(ours.predict_in_sample(), theirs.fittedvalues, atol=EXACT)
    np.testing.assert_allclose(ours.predict(25), theirs.predict(len(y), len(y) + 24), atol=EXACT)
    table = ours.summary().table
    np.testing.assert_allclose(table["P>|z|"], theirs.pvalues, atol=EXACT)
    np.testing.assert_allclose(table[["[0.025", "0.975]"]], theirs.conf_int(), atol=1e-7)
    facts = ours.summary().facts
    assert facts["AIC"] == pytest.approx(theirs.aic, abs=1e-6)
    assert facts["BIC"] == pytest.approx(theirs.bic, abs=1e-6)
    assert facts["Log likelihood"] == pytest.approx(theirs.llf, abs=1e-6)


@pytest.mark.parametrize("name", ["sunspots", "nile", "elnino"])
def test_real_series_equal_autoreg(name: str) -> None:
    y = load(name)["value"]
    ours, theirs = ARNet(12).fit(y), AutoReg(y, 12).fit()
    np.testing.assert_allclose(np.append(ours.intercept_, ours.coef_), theirs.params, rtol=EXACT, atol=EXACT)


def test_order_by_bic_equals_ar_select_order() -> None:
    y = load("sunspots")["value"]
    limit = int(10 * np.log10(len(y)))
    assert ARNet("auto").fit(y).n_lags_ == max(ar_select_order(y, limit, ic="bic").ar_lags)


def test_noise_free_series_is_recovered() -> None:
    y = np.zeros(80)
    y[:2] = 1.0, 0.5
    for t in range(2, len(y)):
        y[t] = 1.2 * y[t - 1] - 0.5 * y[t - 2]
    np.testing.assert_allclose(ARNet(2).fit(y).coef_, [1.2, -0.5], atol=EXACT)


def test_a_wave_is_recovered_and_its_root_warned_of() -> None:
    y = np.sin(0.3 * np.arange(300))
    with pytest.warns(NonStationaryFitWarning, match="root of its companion matrix is 1"):
        model = ARNet(2, fit_intercept=False).fit(1.0000001 ** np.arange(300) * y)
    np.testing.assert_allclose(model.coef_, [2 * np.cos(0.3), -1.0], atol=1e-6)


def test_collinear_lags_give_the_solution_of_least_norm() -> None:
    y = 0.999 ** np.arange(300) * np.sin(0.3 * np.arange(300))  # two lags explain everything; five are asked for
    model = ARNet(5, fit_intercept=False).fit(y)
    plain = np.linalg.lstsq(lag_matrix(y, 5), y[5:], rcond=1e-10)[0]
    np.testing.assert_allclose(model.coef_, plain, atol=1e-6)
    np.testing.assert_allclose(model.predict_in_sample(), y[5:], atol=EXACT)


@pytest.mark.filterwarnings("ignore:the fit is not stationary")
def test_fewer_rows_than_lags_is_warned_of() -> None:
    y = series(40)
    with pytest.warns(UserWarning, match="10 rows for 30 lags"):
        model = ARNet(30).fit(y)
    np.testing.assert_allclose(model.predict_in_sample(), y[30:], atol=1e-6)


def test_forecast_equals_powers_of_the_companion_matrix() -> None:
    y = series(300, level=0.0)
    model = ARNet(3, fit_intercept=False).fit(y)
    companion = np.vstack([model.coef_, np.eye(3)[:2]])
    state = y[-3:][::-1]
    expected = [(np.linalg.matrix_power(companion, k) @ state)[0] for k in range(1, 31)]
    np.testing.assert_allclose(model.predict(30), expected, atol=1e-10)


@pytest.mark.parametrize("p", [1, 4])
def test_column_k_is_the_direct_regression_on_step_k(p: int) -> None:
    y, h = series(400), 3
    model = ARNet(p, n_forecasts=h).fit(y)
    rows = range(p, len(y) - h + 1)
    lags = np.array([np.append(1.0, y[t - p : t][::-1]) for t in rows])
    targets = np.array([y[t : t + h] for t in rows])
    plain = np.linalg.lstsq(lags, targets, rcond=None)[0]
    assert model.coef_.shape == (p, h)
    np.testing.assert_allclose(model.coef_, plain[1:], atol=1e-10)
    np.testing.assert_allclose(model.intercept_, plain[0], atol=1e-9)
    np.testing.assert_allclose(model.predict_in_sample(), lags @ plain, atol=1e-9)
    last = np.append(1.0, y[-p:][::-1]) @ plain
    np.testing.assert_allclose(model.predict(h), last, atol=1e-9)
    fed_back = np.concatenate([y, last])[-p:]
    np.testing.assert_allclose(model.predict(h + 2)[h:], (np.append(1.0, fed_back[::-1]) @ plain)[:2], atol=1e-9)


def test_scale_and_level() -> None:
    y = series(800)
    base, scaled, moved = ARNet(4).fit(y), ARNet(4).fit(1e6 * y), ARNet(4).fit(y + 50.0)
    np.testing.assert_allclose(scaled.coef_, base.coef_, atol=1e-11)
    np.testing.assert_allclose(scaled.intercept_, 1e6 * base.intercept_, rtol=1e-10)
    np.testing.assert_allclose(moved.coef_, base.coef_, atol=1e-11)
    assert moved.intercept_ == pytest.approx(base.intercept_ + 50 * (1 - base.coef_.sum()), abs=1e-9)


def test_lag_three_is_the_third_coefficient() -> None:
    y = ar_generate(3000, [0.0, 0.0, 0.8], seed=0)
    assert np.argmax(np.abs(ARNet(6).fit(y).coef_)) == 2
    assert np.argmax(np.abs(ARNet(6, solver="sgd", random_state=0).fit(y).coef_)) == 2


def test_large_problem_needs_no_lag_matrix() -> None:
    y = ar_generate(60_000, [0.2, 0.3, -0.5], seed=0)  # 60 000 × 700 float64 would be 336 MB
    coef = ARNet(700).fit(y).coef_
    np.testing.assert_allclose(coef[:3], [0.2, 0.3, -0.5], atol=0.03)
