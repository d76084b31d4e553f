"""The baselines of the experiment and its rolling forecast, against plain definitions."""

import numpy as np
import pytest
from statsmodels.tsa.ar_model import AutoReg
from statsmodels.tsa.stattools import levinson_durbin

from workingpapers.papers.arnet import ARNet, ar_generate
from workingpapers.papers.arnet.coefficient_study import _f1, _one_step_mse
from workingpapers.papers.arnet.cost_study import autoreg, levinson, plain_least_squares
from workingpapers.papers.arnet.experiment import SCALES
from workingpapers.papers.arnet.real_series_study import _roll

Y = ar_generate(800, [0.2, 0.3, -0.5], seed=0) + 2.0


@pytest.mark.parametrize("p", [2, 60])
def test_baselines(p: int) -> None:
    expected = AutoReg(Y, p).fit().params[1:]
    np.testing.assert_allclose(autoreg(Y, p), expected)
    np.testing.assert_allclose(plain_least_squares(Y, p), expected, atol=1e-10)
    np.testing.assert_allclose(levinson(Y, p), levinson_durbin(Y - Y.mean(), p)[1], atol=1e-10)


def test_f1_counts_lags_above_the_threshold() -> None:
    true = np.array([0.2, 0.3, 0.0, 0.0])
    assert _f1(np.array([0.2, 0.3, 0.04, 0.0]), true) == 1.0
    assert _f1(np.array([0.2, 0.01, 0.3, 0.0]), true) == 0.5


def test_one_step_error_is_that_of_the_model() -> None:
    model = ARNet(3).fit(Y[:600])
    error = [Y[t] - model.predict(1, Y[:t])[0] for t in range(600, 800)]
    assert _one_step_mse(model, Y[597:]) == pytest.approx(np.mean(np.square(error)))


def test_rolling_forecast_uses_only_the_past() -> None:
    seen: list[int] = []

    def fit(values: np.ndarray) -> tuple[float, np.ndarray]:
        seen.append(len(values))
        return 1.0, np.array([0.5, 0.25])

    values = np.arange(10.0)
    made = _roll(values, 6, 3, fit)
    assert seen == [6, 9]
    np.testing.assert_allclose(made, [1.0 + 0.5 * values[t - 1] + 0.25 * values[t - 2] for t in range(6, 10)])


def test_scales_are_consistent() -> None:
    for settings in SCALES.values():
        assert {settings.low_order, settings.high_order, settings.wrong_order} <= set(settings.sparse_orders)
        assert set(settings.slope_orders) <= set(settings.timing_orders)
        assert max(settings.slope_orders) <= settings.autoreg_up_to
        assert 10 in settings.timing_orders
