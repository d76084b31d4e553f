"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: one-step forecasts of real series.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements no table of the paper, which has generated series only; the rolling forecast is ours.
Differences: not in the paper.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from jaxtyping import Float

from workingpapers.bench.protocols import Trial
from workingpapers.data import load
from workingpapers.errors import MissingExtraError
from workingpapers.papers.arnet.method import ARNet
from workingpapers.papers.arnet.settings import Settings

SERIES = ("sunspots", "nile", "elnino", "co2")
_SGD_STEPS, _SGD_BATCH = 1500, 32

Coefficients = tuple[float, Float[np.ndarray, "p"]]


def real_series(settings: Settings, trial: Trial) -> None:
    """Rolling one-step error on the last part of each series: fitted on all values before, refitted now and then."""
    for name in trial.steps(SERIES, "real series"):
        data = load(name)
        trial.uses(data)
        values = pd.Series(data["value"]).interpolate().to_numpy()  # co2 has weeks without a measurement
        first = int(len(values) * (1 - settings.test_frac))
        order = _selected_order(values[:first])
        trial.record("order", order, arm="ar_select_order", data=name)
        trial.record("order", ARNet().fit(values[:first]).n_lags_, arm="ar-net auto", data=name)
        trial.record("rmse", _rmse(np.diff(values)[first - 1 :]), arm="last value", data=name)
        for arm, fit in _arms(order, trial).items():
            forecasts = _roll(values, first, settings.refit_every, fit)
            trial.record("rmse", _rmse(values[first:] - forecasts), arm=arm, data=name)
            if trial.repetition == 0 and arm == "ar-net exact":
                trial.record("forecast", forecasts.tolist(), arm=arm, data=name)
                trial.record("forecast", values[first:].tolist(), arm="observed", data=name)


def _arms(order: int, trial: Trial) -> dict[str, Callable[[Float[np.ndarray, "n"]], Coefficients]]:
    def network(values: Float[np.ndarray, "n"]) -> Coefficients:
        epochs = max(10, -(-_SGD_STEPS * _SGD_BATCH // len(values)))
        model = ARNet(
            order, solver="sgd", epochs=epochs, batch_size=_SGD_BATCH, random_state=trial.seed_for("sgd", "real")
        )
        return _read(model.fit(values))

    return {
        "autoreg": lambda values: _autoreg(values, order),
        "ar-net exact": lambda values: _read(ARNet(order).fit(values)),
        "ar-net sgd": network,
        "ar-net auto": lambda values: _read(ARNet().fit(values)),
        "adaptive lasso": lambda values: _read(ARNet(min(3 * order, len(values) // 4), sparsity="auto").fit(values)),
    }


def _roll(
    values: Float[np.ndarray, "n"],
    first: int,
    refit_every: int,
    fit: Callable[[Float[np.ndarray, "_"]], Coefficients],
) -> Float[np.ndarray, "rest"]:
    forecasts = np.empty(len(values) - first)
    for t in range(first, len(values)):
        if (t - first) % refit_every == 0:
            intercept, coef = fit(values[:t])
        forecasts[t - first] = intercept + coef @ values[t - len(coef) : t][::-1]
    return forecasts


def _read(model: ARNet) -> Coefficients:
    return float(model.intercept_), model.coef_


def _autoreg(values: Float[np.ndarray, "n"], order: int) -> Coefficients:
    from statsmodels.tsa.ar_model import AutoReg

    params = AutoReg(values, order).fit().params
    return float(params[0]), params[1:]


def _selected_order(values: Float[np.ndarray, "n"]) -> int:
    try:
        from statsmodels.tsa.ar_model import ar_select_order
    except ImportError as error:
        raise MissingExtraError(
            "the comparison with ar_select_order needs statsmodels; run: pip install 'workingpapers[series]'"
        ) from error
    lags = ar_select_order(values, int(min(10 * np.log10(len(values)), len(values) // 3)), ic="bic").ar_lags
    return max(lags) if lags else 1


def _rmse(error: Float[np.ndarray, "n"]) -> float:
    return float(np.sqrt(np.mean(error**2)))
