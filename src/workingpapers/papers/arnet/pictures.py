"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: the figures.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements counterparts of figures 2 to 6 and 8, from the records of a run.
Differences: means and ranges over seeds; exact solvers beside the paper's two.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from workingpapers.bench.protocols import Picture, Results
from workingpapers.papers.arnet.penalty import regulariser
from workingpapers.papers.arnet.real_series_study import SERIES
from workingpapers.parts.plotting import CONTROL_COLOUR, PALETTE, new_figure

_COLOURS = {
    "classic": PALETTE[1],
    "ar-net": PALETTE[0],
    "sparse ar-net": PALETTE[2],
    "adaptive lasso": PALETTE[3],
    "autoreg": PALETTE[1],
    "lstsq": PALETTE[4],
    "exact": PALETTE[2],
    "levinson": PALETTE[5],
}
_NAMES = {
    "classic": "least squares",
    "ar-net": "AR-Net, SGD",
    "sparse ar-net": "sparse AR-Net, SGD",
    "adaptive lasso": "adaptive lasso, BIC",
    "autoreg": "statsmodels AutoReg",
    "lstsq": "lstsq on the lag matrix",
    "exact": "ARNet, exact",
    "levinson": "Levinson (Yule–Walker)",
}


def draw(results: Results) -> Iterable[Picture]:
    """All figures for which the run has records."""
    for maker in (_coefficients, _error_against_order, _small_data, _time, _forecasts, _regulariser):
        picture = maker(results)
        if picture is not None:
            yield picture


def _coefficients(results: Results) -> Picture | None:
    frame = results.frame("coefficients")
    if frame.empty:
        return None
    frame = frame[frame["repetition"] == frame["repetition"].min()]
    figure, axes = new_figure(width=7.5)
    for shift, (arm, colour) in enumerate(
        (("true", "#000000"), ("classic", _COLOURS["classic"]), ("ar-net", _COLOURS["ar-net"]))
    ):
        values = np.array(frame[frame["arm"] == arm]["value"].iloc[0])
        at = np.arange(1, len(values) + 1) + 0.27 * (shift - 1)
        axes.bar(at, values, width=0.27, color=colour, label=_NAMES.get(arm, arm))
    axes.set(xlabel="lag", ylabel="coefficient", title="Coefficients, first seed")
    axes.legend(frameon=False, fontsize=8)
    return Picture(
        "coefficients",
        figure,
        "Bars of one lag side by side: AR-Net should stand as high as least squares, at each lag.",
    )


def _error_against_order(results: Results) -> Picture | None:
    frame = results.frame("stpe")
    if frame.empty:
        return None
    figure, axes = new_figure(1, 2, width=4.6, sharey=True)
    for panel, (data, arms) in zip(
        axes,
        (("dense", ("classic", "ar-net")), ("sparse", ("classic", "ar-net", "sparse ar-net", "adaptive lasso"))),
        strict=True,
    ):
        for arm in arms:
            _line(panel, frame[(frame["data"] == data) & (frame["arm"] == arm)], arm)
        panel.set_xscale("log")
        panel.set(xlabel="order p of the model", title=f"{data} coefficients")
        panel.legend(frameon=False, fontsize=8)
    axes[0].set_ylabel("sTPE, %")
    return Picture(
        "error-against-order",
        figure,
        "Lower is better; the band is the range over seeds. Left, p is the true order and the two lines should lie on "
        "each other. Right, three lags matter and p is set too high.",
    )


def _small_data(results: Results) -> Picture | None:
    frame = results.frame("stpe")
    frame = frame[frame["data"] == "small"] if not frame.empty else frame
    if frame.empty:
        return None
    arms = ("classic", "ar-net", "sparse ar-net", "adaptive lasso")
    figure, axes = new_figure()
    boxes = axes.boxplot(
        [frame[frame["arm"] == arm]["value"].to_numpy(float) for arm in arms],
        patch_artist=True,
        widths=0.55,
        medianprops={"color": "black"},
    )
    for box, arm in zip(boxes["boxes"], arms, strict=True):
        box.set(facecolor=_COLOURS[arm], alpha=0.6)
    axes.set_xticks(range(1, len(arms) + 1), ["least\nsquares", "AR-Net", "sparse\nAR-Net", "adaptive\nlasso, BIC"])
    axes.set(ylabel="sTPE, %", title="Short series, three lags of many", ylim=(0, None))
    return Picture("small-data", figure, "Each box holds all short series of all seeds; lower is better.")


def _time(results: Results) -> Picture | None:
    frame = results.frame("seconds")
    if frame.empty:
        return None
    figure, axes = new_figure(width=6.0)
    for arm in ("autoreg", "lstsq", "ar-net", "exact", "levinson"):
        _line(axes, frame[frame["arm"] == arm], arm)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set(xlabel="order p", ylabel="CPU seconds, one thread", title="Time of a fit")
    axes.set_ylim(top=8 * axes.get_ylim()[1])  # room for the legend
    axes.legend(frameon=False, fontsize=8)
    return Picture(
        "time-against-order",
        figure,
        "Both axes are logarithmic: a straight line of slope 1 is linear in p, slope 2 quadratic. AR-Net overtakes the "
        "solvers that build the lag matrix at a large p; the exact fit from the Gram matrix lies below it throughout.",
    )


def _forecasts(results: Results) -> Picture | None:
    frame = results.frame("forecast")
    if frame.empty:
        return None
    figure, axes = new_figure(len(SERIES), 1, width=8.0, height=1.9)
    for panel, name in zip(axes, SERIES, strict=True):
        here = frame[frame["data"] == name]
        observed = np.array(here[here["arm"] == "observed"]["value"].iloc[0])[-120:]
        predicted = np.array(here[here["arm"] == "ar-net exact"]["value"].iloc[0])[-120:]
        panel.plot(observed, color=CONTROL_COLOUR, linewidth=2.5, label="observed")
        panel.plot(predicted, color=PALETTE[0], linewidth=1.0, label="one step ahead")
        panel.set_title(name, fontsize=10)
        panel.xaxis.get_major_locator().set_params(integer=True)
    axes[0].legend(frameon=False, fontsize=8, loc="upper right")
    axes[-1].set_xlabel("step (at most the last 120)")
    return Picture("forecasts", figure, "One-step forecasts of the held-out end of each real series.")


def _regulariser(results: Results) -> Picture | None:
    figure, axes = new_figure()
    grid = torch.linspace(-1.5, 1.5, 601, dtype=torch.float64)
    curve = [regulariser(w[None]).item() for w in grid]
    axes.plot(grid, curve, color=PALETTE[0], label="R, c1 = c2 = 3")
    axes.plot(grid, [regulariser(w[None], 2, 2).item() for w in grid], color=PALETTE[4], label="R, c1 = c2 = 2")
    axes.plot(grid, grid.abs(), color=CONTROL_COLOUR, linestyle="--", label="|w|, the lasso's")
    axes.set(xlabel="weight w", ylabel="penalty", title="The regulariser", ylim=(0, 1.05))
    axes.legend(frameon=False, fontsize=8)
    return Picture(
        "regulariser", figure, "Steep at 0, flat from 1 on: small weights are drawn to 0, large ones are left alone."
    )


def _line(axes: Any, frame: Any, arm: str) -> None:
    """Mean over seeds against the order, with the range as a band."""
    if frame.empty:
        return
    grouped = frame.assign(value=frame["value"].astype(float)).groupby("order")["value"]
    orders = grouped.mean().index.to_numpy(float)
    axes.plot(orders, grouped.mean(), marker="o", markersize=3.5, color=_COLOURS[arm], label=_NAMES[arm])
    axes.fill_between(orders, grouped.min(), grouped.max(), color=_COLOURS[arm], alpha=0.2, linewidth=0)
