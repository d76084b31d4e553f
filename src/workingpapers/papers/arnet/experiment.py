"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: the experiment.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements section 4 (coefficients, sparsity, time) with controls, and one-step forecasts of real series.
Differences: see the studies; every number comes with a control from the same run.
"""

import warnings
from collections.abc import Iterable

from workingpapers.bench.protocols import Picture, Results, Trial
from workingpapers.papers.arnet import pictures
from workingpapers.papers.arnet.coefficient_study import dense, small_data, sparse
from workingpapers.papers.arnet.cost_study import cost
from workingpapers.papers.arnet.real_series_study import real_series
from workingpapers.papers.arnet.settings import SCALES, Settings
from workingpapers.papers.arnet.stationarity import NonStationaryFitWarning

__all__ = ["SCALES", "Settings", "figures", "measure"]


def measure(settings: Settings, trial: Trial) -> None:
    """One seed: coefficients on generated series, cost, and forecasts of real series."""
    with warnings.catch_warnings():
        # least squares with hundreds of needless lags, and real series with a trend, are near the unit root
        warnings.simplefilter("ignore", NonStationaryFitWarning)
        dense(settings, trial)
        sparse(settings, trial)
        small_data(settings, trial)
        cost(settings, trial)
        real_series(settings, trial)


def figures(results: Results) -> Iterable[Picture]:
    """Coefficients, error against p, small data, time against p, forecasts, and the regulariser."""
    yield from pictures.draw(results)
