"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: sizes of the experiment.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements the grid of section 4: dense and sparse orders, small data, timing; and real series, which are ours.
Differences: fewer values and series than the paper at laptop scale; the paper's sizes at paper scale.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Sizes of the experiment.

    Args:
        train_size: Values to fit on.
        test_size: Values after them, for the one-step error.
        epochs: Passes of SGD.
        dense_orders: Orders p of the series with random coefficients; p is known.
        sparse_orders: Orders p of the models for a series with three lags.
        support_order: Order at which the support is judged.
        low_order: Order from which the rise of the error is measured.
        high_order: Order to which it is measured.
        wrong_order: Order at which s is set wrong.
        small_series: Number of short series.
        small_size: Their length.
        small_order: Order p of the models for them.
        small_epochs: Passes of SGD over them; they are short.
        small_batch: Windows per step there.
        timing_size: Values in the timing of fits.
        timing_orders: Orders p that are timed.
        slope_orders: Those of them from which the slopes are taken.
        autoreg_up_to: Largest order at which statsmodels is timed.
        timing_rounds: Timed rounds of each fit.
        long_size: Values of the long series.
        long_order: Lags on it.
        long_batch: Windows per step on it.
        test_frac: Share of each real series that is forecast.
        refit_every: Values after which the models of real series are fitted anew.
    """

    train_size: int = 20_000
    test_size: int = 5000
    epochs: int = 10
    dense_orders: tuple[int, ...] = (1, 3, 10, 25)
    sparse_orders: tuple[int, ...] = (10, 30, 100, 300, 1000)
    support_order: int = 30
    low_order: int = 30
    high_order: int = 300
    wrong_order: int = 100
    small_series: int = 20
    small_size: int = 1000
    small_order: int = 20
    small_epochs: int = 100
    small_batch: int = 64
    timing_size: int = 20_000
    timing_orders: tuple[int, ...] = (10, 50, 100, 200, 500, 1000)
    slope_orders: tuple[int, ...] = (50, 100, 200, 500)
    autoreg_up_to: int = 500
    timing_rounds: int = 1
    long_size: int = 1_000_000
    long_order: int = 1440
    long_batch: int = 512
    test_frac: float = 0.2
    refit_every: int = 50


SCALES = {
    "smoke": Settings(
        train_size=3000,
        test_size=1000,
        epochs=2,
        dense_orders=(3, 20),
        sparse_orders=(10, 20),
        support_order=20,
        low_order=10,
        high_order=20,
        wrong_order=20,
        small_series=2,
        small_size=500,
        small_epochs=10,
        timing_size=3000,
        timing_orders=(10, 50, 100),
        slope_orders=(10, 50, 100),
        autoreg_up_to=100,
        long_size=20_000,
        long_order=100,
        refit_every=500,
    ),
    "laptop": Settings(),
    "paper": Settings(
        train_size=100_000,
        test_size=25_000,
        dense_orders=(1, 3, 5, 10, 15, 20, 25),
        timing_size=100_000,
        autoreg_up_to=1000,
        timing_rounds=5,
        long_batch=128,
        refit_every=1,
    ),
}
