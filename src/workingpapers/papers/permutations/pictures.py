"""Exact Learning of Permutations for Nonzero Binary Inputs (arXiv 2502.16763): the figures.

Official code: github.com/opallab/permlearn (MIT); nothing of it is used here.
Implements counterparts of Figure 1, accuracy against the number of networks, and one output beside its normal curve.
Differences from the paper: exact sizes and the threshold of known weight beside the paper's.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy import stats

from workingpapers.bench.protocols import Picture, Results
from workingpapers.papers.permutations.moments import permutation_moments
from workingpapers.parts.plotting import CONTROL_COLOUR, PALETTE, new_figure


def figures(results: Results) -> Iterable[Picture]:
    """Sizes against k, model counts of the two regimes, accuracy against N, one output, moments, and baselines."""
    for maker in (_sizes, _regimes, _accuracy, _one_output, _variance, _baselines):
        picture = maker(results)
        if picture is not None:
            yield picture


def _first_seed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["repetition"] == frame["repetition"].min()] if not frame.empty else frame


def _sizes(results: Results) -> Picture | None:
    frame = _first_seed(results.frame("size"))  # a closed form: the same for every seed
    if frame.empty:
        return None
    figure, axes = new_figure(1, 2, width=4.8, height=4.2, sharey=True)
    for panel, inputs, title, power in zip(
        axes, ("single", "all"), ("one input", "all inputs at once"), (1, 2), strict=True
    ):
        here = frame[frame["inputs"] == inputs]
        for rounding, colour in (("sign", PALETTE[0]), ("weight-aware", PALETTE[2])):
            for bound, style in (("chernoff", "--"), ("exact", "-")):
                line = here[(here["rounding"] == rounding) & (here["bound"] == bound)].sort_values("k")
                name = {"sign": "rounded at 0", "weight-aware": "weight known (ours)"}[rounding]
                kind = {"chernoff": "bound", "exact": "exact"}[bound]
                panel.plot(line["k"], line["value"], style, color=colour, marker="o", ms=3, label=f"{name}, {kind}")
        top = here[(here["rounding"] == "sign") & (here["bound"] == "chernoff")].sort_values("k")
        k = top["k"].to_numpy(float)
        shape = k * np.log(k) if power == 1 else k**2
        panel.plot(
            k,
            2 * shape * float(top["value"].iloc[-1]) / shape[-1],
            ":",
            color=CONTROL_COLOUR,
            label="shape of k log k" if power == 1 else "shape of k²",
        )
        _log_axes(panel, k)
        panel.set(xlabel="length k", title=f"Networks for {title}")
        panel.set_ylim(top=1e8)
        panel.legend(frameon=False, fontsize=8, loc="upper left")
    axes[0].set_ylabel("networks N")
    return Picture(
        "sizes",
        figure,
        "Blue, rounded at 0: left, both lines rise about as steeply as k log k; right, the bound (dashed) rises like "
        "k², while the exact size (solid) stays far below it. Green, with the number of ones known: far fewer "
        "networks.",
    )


def _log_axes(panel: Axes, ticks: np.ndarray) -> None:
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xticks(ticks[::2], [f"{each:.0f}" for each in ticks[::2]])
    panel.set_xticks([], minor=True)


def _regimes(results: Results) -> Picture | None:
    frame = _first_seed(results.frame("models for two ones"))
    if frame.empty:
        return None
    figure, axes = new_figure(width=6.0, height=4.0)
    for arm, name, colour, style in (
        ("ntk", "limit, both layers learn (the theory)", PALETTE[0], "-"),
        ("last-layer", "limit, last layer learns", PALETTE[1], "-"),
        ("published", "official repository", "#000000", "none"),
    ):
        line = frame[frame["arm"] == arm].sort_values("k")
        axes.plot(line["k"], line["value"], linestyle=style, color=colour, marker="o", ms=4, label=name)
    axes.set_yscale("log")
    axes.set_ylim(8, 5000)
    axes.set(xlabel="length k", ylabel="networks N", title="Networks for an input with two ones")
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    return Picture(
        "two-regimes",
        figure,
        "The model counts of the official repository (black) lie on the line of last-layer learning, not on that of "
        "the theory: in PyTorch's parametrisation the last layer's gradient dominates.",
    )


def _accuracy(results: Results) -> Picture | None:
    frame = results.frame("accuracy")
    if frame.empty:
        return None
    figure, axes = new_figure(1, 2, width=4.8, height=4.0, sharey=True)
    mean = frame.groupby(["rounding", "k", "models"])["value"].mean().reset_index()
    sampled = set(results.settings.sampled_lengths)
    for panel, rounding, title in zip(
        axes, ("sign", "weight-aware"), ("rounded at 0", "weight known (ours)"), strict=True
    ):
        for (k, line), colour in zip(mean[mean["rounding"] == rounding].groupby("k"), PALETTE, strict=False):
            name = f"k = {k}" + (" (sample)" if k in sampled else "")
            panel.plot(line["models"], line["value"], color=colour, label=name)
        panel.set_xscale("log")
        panel.set(xlabel="networks N", title=title, ylim=(-0.02, 1.04))
    axes[0].set_ylabel("unseen inputs wholly right")
    axes[1].legend(frameon=False, fontsize=8, loc="lower right")
    return Picture(
        "accuracy",
        figure,
        "Share of the inputs with two ones or more whose every bit is right, mean over seeds. Both panels show the "
        "same networks; only the threshold differs.",
    )


def _one_output(results: Results) -> Picture | None:
    frame = results.frame("one output")
    if frame.empty:
        return None
    row = frame.iloc[0]
    values = np.array(row["value"], dtype=float)
    _, zero, variance = permutation_moments(int(row["k"]), int(row["ones"]))
    figure, axes = new_figure()
    axes.hist(values, bins=30, density=True, color=PALETTE[5], alpha=0.6, label=f"{len(values)} trained networks")
    grid = np.linspace(zero - 4 * variance**0.5, zero + 4 * variance**0.5, 200)
    axes.plot(grid, stats.norm.pdf(grid, zero, variance**0.5), color=PALETTE[1], label="limit")
    axes.axvline(0, color=CONTROL_COLOUR, linewidth=0.8)
    axes.set(xlabel="output", ylabel="density", title=f"A bit that must be 0: k = {row['k']}, {row['ones']} ones")
    axes.set_ylim(top=1.35 * axes.get_ylim()[1])
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    return Picture(
        "one-output",
        figure,
        "Single networks fall on both sides of 0 (grey line), their mean a little below it: why many are averaged.",
    )


def _variance(results: Results) -> Picture | None:
    frame = results.frame("variance ratio")
    if frame.empty:
        return None
    figure, axes = new_figure(width=5.6)
    for (k, here), colour in zip(frame.groupby("k"), PALETTE, strict=False):
        mean = here.groupby("ones")["value"].mean()
        axes.plot(mean.index, mean.to_numpy(), marker="o", ms=3, color=colour, label=f"k = {k}")
    axes.axhspan(0.85, 1.15, color=CONTROL_COLOUR, alpha=0.12)
    axes.axhline(1, color=CONTROL_COLOUR, linewidth=0.8)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set(xlabel="ones in the input", ylabel="variance, measured / limit", title="Spread of trained networks")
    axes.set_ylim(0.75, 1.35)
    axes.legend(frameon=False, fontsize=8, ncol=3, loc="upper center")
    return Picture("variance", figure, "Mean over seeds; the grey band is the predicate's.")


def _baselines(results: Results) -> Picture | None:
    frame = results.frame("baseline")
    if frame.empty:
        return None
    shown = frame.groupby("arm")["value"].agg(["mean", "min", "max"]).sort_values("mean")
    figure, axes = new_figure(width=6.4, height=3.4)
    at = np.arange(len(shown))
    errors = np.abs(shown[["min", "max"]].to_numpy().T - shown["mean"].to_numpy())
    axes.barh(at, shown["mean"], xerr=errors, color=PALETTE[0], alpha=0.7, height=0.6, error_kw={"elinewidth": 1})
    axes.set_yticks(at, list(shown.index))
    axes.set(
        xlabel="unseen inputs wholly right",
        title=f"k = {frame['k'].iloc[0]}, {results.settings.regime_group} networks",
        xlim=(0, 1.05),
    )
    return Picture(
        "baselines",
        figure,
        "Mean and range over seeds. `one network` is rounded alone; the other arms average as many networks each, the "
        "title says how many. The task is linear: ridge regression solves it at once.",
    )
