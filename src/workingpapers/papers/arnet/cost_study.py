"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: what does a fit cost?
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements section 4.3 (time against the order p, figure 8), on one thread, in CPU seconds.
Differences: the paper times one classic solver; here are statsmodels, lstsq, Levinson and the Gram solver.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import linalg

from workingpapers.bench.protocols import Trial
from workingpapers.errors import MissingExtraError
from workingpapers.papers.arnet.lags import correlate_lags, lag_matrix
from workingpapers.papers.arnet.method import ARNet
from workingpapers.papers.arnet.settings import Settings
from workingpapers.papers.arnet.simulate import ar_generate, sparse_ar_coefficients
from workingpapers.parts.timing import interleaved, log_log_slope, single_thread

_SHORT_ORDER = 10


def plain_least_squares(y: Float[np.ndarray, "n"], p: int) -> Float[np.ndarray, "p"]:
    """Least squares on the lag matrix with a column of ones: O(N p²) time, N × p memory."""
    design = np.hstack([np.ones((len(y) - p, 1)), lag_matrix(y, p)])
    return linalg.lstsq(design, y[p:], overwrite_a=True, check_finite=False)[0][1:]


def levinson(y: Float[np.ndarray, "n"], p: int) -> Float[np.ndarray, "p"]:
    """Yule-Walker equations by Levinson's recursion: O(N log N + p²), and not least squares (biased at the ends)."""
    centred = y - y.mean()
    padded = np.concatenate([np.zeros(p), centred])
    autocovariance = correlate_lags(padded, centred, p + 1)
    return linalg.solve_toeplitz(autocovariance[:-1], autocovariance[1:], check_finite=False)


def autoreg(y: Float[np.ndarray, "n"], p: int) -> Float[np.ndarray, "p"]:
    """statsmodels' AutoReg."""
    try:
        from statsmodels.tsa.ar_model import AutoReg
    except ImportError as error:
        raise MissingExtraError(
            "the comparison with AutoReg needs statsmodels; run: pip install 'workingpapers[series]'"
        ) from error
    return AutoReg(y, p).fit().params[1:]


def cost(settings: Settings, trial: Trial) -> None:
    """Seconds of every solver against the order; whether they agree; the fit of a long series."""
    y = ar_generate(settings.timing_size, sparse_ar_coefficients(3), seed=trial.seed_for("timing"))
    seconds: dict[tuple[str, int], float] = {}
    with single_thread():
        _network(y[:500], 3, 1, 128, trial)  # warm up
        autoreg(y[:500], 3)
        for p in trial.steps(settings.timing_orders, "timed orders"):
            fits: dict[str, Callable[[], Any]] = {
                "ar-net": partial(_network, y, p, settings.epochs, 128, trial),
                "exact": partial(_exact, y, p),
                "lstsq": partial(plain_least_squares, y, p),
                "levinson": partial(levinson, y, p),
            }
            if p <= settings.autoreg_up_to:
                fits["autoreg"] = partial(autoreg, y, p)
            taken = interleaved(fits, rounds=settings.timing_rounds, warmup=0)
            for name, values in taken.items():
                seconds[name, p] = float(values.min())
                trial.record("seconds", seconds[name, p], unit="s", timing=True, arm=name, order=p)
            reference = plain_least_squares(y, p)
            for name in ("exact", "levinson"):
                gap = float(np.abs(fits[name]() - reference).max())
                trial.record("largest_difference_to_lstsq", _bound(gap), arm=name, order=p)
    slopes = {
        name: log_log_slope(np.array(settings.slope_orders), [seconds[name, p] for p in settings.slope_orders])
        for name in ("ar-net", "autoreg")
    }
    trial.claim("arnet-cost-linear", value=slopes["ar-net"], control=slopes["autoreg"])
    trial.claim("classic-cost-quadratic", value=slopes["autoreg"], control=slopes["ar-net"])
    longest, short = max(settings.timing_orders), _SHORT_ORDER
    fastest = min(seconds["exact", longest], seconds["lstsq", longest])
    trial.claim(
        "only-viable-for-long-range",
        value=fastest / seconds["ar-net", longest],
        control=seconds["autoreg", short] / seconds["ar-net", short],
    )
    largest = max(p for name, p in seconds if name == "autoreg")
    _long_series(settings, trial, seconds["autoreg", largest], largest)


def _network(y: Float[np.ndarray, "n"], p: int, epochs: int, batch_size: int, trial: Trial) -> Float[np.ndarray, "p"]:
    seed = trial.seed_for("sgd", "timing")
    model = ARNet(p, solver="sgd", epochs=epochs, batch_size=batch_size, random_state=seed, device=str(trial.device))
    return model.fit(y).coef_


def _exact(y: Float[np.ndarray, "n"], p: int) -> Float[np.ndarray, "p"]:
    return ARNet(p).fit(y).coef_


def _bound(gap: float) -> float:
    """A difference at the level of rounding as its power of ten, so that records do not depend on the processor."""
    return gap if gap > 1e-9 else 10.0 ** np.ceil(np.log10(max(gap, 1e-16)))


def _long_series(settings: Settings, trial: Trial, autoreg_s: float, autoreg_order: int) -> None:
    n, p = settings.long_size, settings.long_order
    y = ar_generate(n, sparse_ar_coefficients(3), seed=trial.seed_for("long"))
    fits: dict[str, Callable[[], Any]] = {
        "ar-net": partial(_network, y, p, 1, settings.long_batch, trial),
        "exact": partial(_exact, y, p),
    }
    with single_thread():
        taken = interleaved(fits, rounds=1, warmup=0)
    for name, values in taken.items():
        trial.record("long_seconds", float(values.min()), unit="s", timing=True, arm=name, size=n, order=p)
    projected = autoreg_s * (n / settings.timing_size) * (p / autoreg_order) ** 2
    trial.record("long_seconds", projected, unit="s", timing=True, arm="autoreg, projected", size=n, order=p)
    trial.claim("long-range-fit", value=float(taken["ar-net"].min()), control=projected)
