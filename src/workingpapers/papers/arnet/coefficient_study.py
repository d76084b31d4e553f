"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: are the coefficients right?
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements sections 4.1 (dense), 4.1.1 (small data), 4.2 (sparse) and 5 (wrong s) on generated series.
Differences: least squares, the adaptive lasso and the negative controls run on the same series.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from workingpapers.bench.protocols import Trial
from workingpapers.papers.arnet.method import ARNet
from workingpapers.papers.arnet.settings import Settings
from workingpapers.papers.arnet.simulate import ar_generate, random_ar_coefficients, sparse_ar_coefficients, stpe

_COVERAGE = 1.959964
_SMALL_LAGS = (1, 3, 10)
_THRESHOLD = 0.05


def dense(settings: Settings, trial: Trial) -> None:
    """AR-Net against least squares where p is the true order (figures 2 and 3)."""
    distance: dict[str, list[float]] = {"ar-net": [], "shuffled": []}
    error_gap: dict[str, list[float]] = {"ar-net": [], "shuffled": []}
    mse_ratio: dict[str, list[float]] = {"ar-net": [], "shuffled": []}
    covered: dict[str, list[bool]] = {"ar-net": [], "shuffled": []}
    for p in trial.steps(settings.dense_orders, "dense orders"):
        true = random_ar_coefficients(p, trial.seed_for("coefficients", p))
        series = ar_generate(settings.train_size + settings.test_size, true, seed=trial.seed_for("series", p))
        series = series - series[: settings.train_size].mean()
        train, tail = series[: settings.train_size], series[settings.train_size - p :]
        classic = ARNet(p).fit(train)
        classic_mse = _one_step_mse(classic, tail)
        _note(trial, "classic", p, classic.coef_, true, classic_mse)
        shuffled = np.random.default_rng(trial.seed_for("shuffle", p)).permutation(train)
        for arm, values in (("ar-net", train), ("shuffled", shuffled)):
            model = _network(p, settings, trial, arm).fit(values)
            mse = _one_step_mse(model, tail)
            _note(trial, arm, p, model.coef_, true, mse)
            relative = float(np.linalg.norm(model.coef_ - classic.coef_) / np.linalg.norm(classic.coef_))
            trial.record("relative_distance", relative, arm=arm, order=p)
            distance[arm].append(relative)
            error_gap[arm].append(stpe(model.coef_, true) - stpe(classic.coef_, true))
            mse_ratio[arm].append(mse / classic_mse)
            covered[arm] += (np.abs(model.coef_ - true) <= _COVERAGE * model.coef_std_).tolist()
            if arm == "ar-net" and p == settings.dense_orders[-1]:
                for name, values_ in (("true", true), ("classic", classic.coef_), ("ar-net", model.coef_)):
                    trial.record("coefficients", values_.tolist(), arm=name, order=p)
    trial.claim("same-coefficients", value=max(distance["ar-net"]), control=max(distance["shuffled"]))
    trial.claim(
        "same-coefficient-error",
        value=float(np.mean(error_gap["ar-net"])),
        control=float(np.mean(error_gap["shuffled"])),
    )
    trial.claim(
        "same-forecast-error",
        value=max(mse_ratio["ar-net"], key=lambda ratio: abs(ratio - 1)),
        control=max(mse_ratio["shuffled"], key=lambda ratio: abs(ratio - 1)),
    )
    trial.claim(
        "as-interpretable", value=float(np.mean(covered["ar-net"])), control=float(np.mean(covered["shuffled"]))
    )


def sparse(settings: Settings, trial: Trial) -> None:
    """Models of growing order on a series with three lags (figures 4 and 5), and with s set wrong (section 5)."""
    series = ar_generate(settings.train_size, sparse_ar_coefficients(3), seed=trial.seed_for("sparse series"))
    error: dict[tuple[str, int], float] = {}
    for p in trial.steps(settings.sparse_orders, "sparse orders"):
        true, share = sparse_ar_coefficients(p), 3 / p
        arms = {
            "classic": ARNet(p),
            "ar-net": _network(p, settings, trial, "ar-net"),
            "sparse ar-net": _network(p, settings, trial, "sparse", sparsity=share),
            "adaptive lasso": ARNet(p, sparsity="auto"),
        }
        if p == settings.wrong_order:
            arms["s too high"] = _network(p, settings, trial, "sparse", sparsity=min(10 * share, 1.0))
            arms["s too low"] = _network(p, settings, trial, "sparse", sparsity=share / 10)
        for arm, model in arms.items():
            coef = model.fit(series).coef_
            error[arm, p] = stpe(coef, true)
            trial.record("stpe", error[arm, p], unit="%", arm=arm, order=p, data="sparse")
            trial.record("f1", _f1(coef, true), arm=arm, order=p)
    gain = {
        arm: min(error["classic", p] - error[arm, p] for p in settings.sparse_orders)
        for arm in ("sparse ar-net", "ar-net")
    }
    trial.claim("sparse-coefficients", value=gain["sparse ar-net"], control=gain["ar-net"])
    low, high, wrong = settings.low_order, settings.high_order, settings.wrong_order
    trial.claim(
        "sparse-error-stays-low",
        value=error["sparse ar-net", high] - error["sparse ar-net", low],
        control=error["classic", high] - error["classic", low],
    )
    without = error["classic", wrong] - error["ar-net", wrong]
    for claim, arm in (("sparsity-tenfold-too-high", "s too high"), ("sparsity-tenfold-too-low", "s too low")):
        trial.claim(claim, value=error["classic", wrong] - error[arm, wrong], control=without)
    p = settings.support_order
    true = sparse_ar_coefficients(p)
    sparse_coef = _network(p, settings, trial, "sparse", sparsity=3 / p).fit(series).coef_
    trial.claim("sparse-support", value=_f1(sparse_coef, true), control=_f1(ARNet(p).fit(series).coef_, true))


def small_data(settings: Settings, trial: Trial) -> None:
    """Short series with three lags (figure 6), many of them instead of one."""
    p = settings.small_order
    true, share = sparse_ar_coefficients(p, _SMALL_LAGS), len(_SMALL_LAGS) / p
    gain: dict[str, list[float]] = {"sparse ar-net": [], "ar-net": [], "adaptive lasso": []}
    for number in trial.steps(range(settings.small_series), "short series"):
        series = ar_generate(settings.small_size, true, seed=trial.seed_for("short series", number))
        classic = ARNet(p).fit(series).coef_
        recipe = {"epochs": settings.small_epochs, "batch_size": settings.small_batch}
        arms = {
            "sparse ar-net": _network(p, settings, trial, "sparse", sparsity=share, **recipe),
            "ar-net": _network(p, settings, trial, "ar-net", **recipe),
            "adaptive lasso": ARNet(p, sparsity="auto"),
        }
        trial.record("stpe", stpe(classic, true), unit="%", arm="classic", order=p, data="small", series=number)
        for arm, model in arms.items():
            coef = model.fit(series).coef_
            gain[arm].append(stpe(classic, true) - stpe(coef, true))
            trial.record("stpe", stpe(coef, true), unit="%", arm=arm, order=p, data="small", series=number)
            if number == 0:
                trial.record("small_coefficients", coef.tolist(), arm=arm, order=p)
        if number == 0:
            trial.record("small_coefficients", classic.tolist(), arm="classic", order=p)
            trial.record("small_coefficients", true.tolist(), arm="true", order=p)
    trial.claim("small-data", value=float(np.mean(gain["sparse ar-net"])), control=float(np.mean(gain["ar-net"])))


def _network(p: int, settings: Settings, trial: Trial, arm: str, **more: Any) -> ARNet:
    arguments: dict[str, Any] = {"epochs": settings.epochs, **more}
    return ARNet(p, solver="sgd", random_state=trial.seed_for("sgd", arm, p), device=str(trial.device), **arguments)


def _note(
    trial: Trial, arm: str, p: int, coef: Float[np.ndarray, "p"], true: Float[np.ndarray, "p"], mse: float
) -> None:
    trial.record("stpe", stpe(coef, true), unit="%", arm=arm, order=p, data="dense")
    trial.record("mse", mse, arm=arm, order=p)


def _one_step_mse(model: ARNet, values: Float[np.ndarray, "n"]) -> float:
    """Mean squared one-step error on `values`, whose first p are history."""
    history = np.lib.stride_tricks.sliding_window_view(values[:-1], model.n_lags_)[:, ::-1]
    error = values[model.n_lags_ :] - history @ model.coef_ - model.intercept_
    return float(np.mean(error**2))


def _f1(coef: Float[np.ndarray, "p"], true: Float[np.ndarray, "p"]) -> float:
    """F1 of the lags with |w| > 0.05."""
    found, wanted = np.abs(coef) > _THRESHOLD, true != 0
    return float(2 * (found & wanted).sum() / (found.sum() + wanted.sum()))
