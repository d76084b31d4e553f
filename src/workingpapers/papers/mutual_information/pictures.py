"""The figures of this paper, drawn from records."""

from collections.abc import Iterable

import numpy as np

from workingpapers.bench.protocols import Picture, Results
from workingpapers.parts.plotting import CONTROL_COLOUR, PALETTE, new_figure

ARMS = {
    "protocol": "protocol",
    "ksg": "KSG",
    "cca": "CCA",
    "infonce-last-train": "InfoNCE, last epoch, train",
    "infonce-last-test": "InfoNCE, last epoch, test",
    "dv-last-train": "MINE, last epoch, train",
}
TASKS = ("wide", "undersampled", "few_latents")


def figures(results: Results) -> Iterable[Picture]:
    """Extrapolation, estimates against the truth, coverage, high information."""
    yield _extrapolation(results)
    yield _estimates(results)
    yield _coverage(results)
    yield _strong(results)


def _extrapolation(results: Results) -> Picture:
    runs = results.frame("run")
    estimates = results.frame("estimate")
    first = estimates[(estimates["task"] == "wide") & (estimates["arm"] == "protocol") & (estimates["repetition"] == 0)]
    low, high = (
        results.frame(name).query("task == 'wide' and repetition == 0")["value"].iloc[0] for name in ("low", "high")
    )
    figure, ax = new_figure()
    for colour, kind, label in ((PALETTE[0], "data", "runs"), (CONTROL_COLOUR, "shuffled", "shuffled pairs")):
        part = runs[runs["kind"] == kind]
        ax.plot(part["gamma"], part["value"], "o", ms=4, alpha=0.7, color=colour, label=label)
    value, truth = float(first["value"].iloc[0]), float(first["truth"].iloc[0])
    slope = float(results.frame("slope")["value"].iloc[0])
    reach = np.array([0, runs["gamma"].max()])
    ax.plot(reach, value + slope * reach, color=PALETTE[1], lw=1.2)
    ax.errorbar(
        [0], [value], [[value - low], [high - value]], fmt="s", ms=5, capsize=4, color=PALETTE[1], label="estimate"
    )
    ax.axhline(truth, color=PALETTE[2], ls="--", lw=1, label="truth")
    ax.set_xlabel("γ: each chunk holds N / γ samples")
    ax.set_ylabel("mutual information (bits)")
    ax.legend(fontsize=7, frameon=False, loc="center right")
    caption = (
        "One data set of the task with four latents behind many columns. Each point is a critic on one chunk; the line "
        "is read at γ = 0, for infinitely many samples. Its interval should hold the dashed truth, and "
        "grey points, trained on shuffled pairs, should lie near zero."
    )
    return Picture("extrapolation", figure, caption)


def _estimates(results: Results) -> Picture:
    frame = results.frame("estimate")
    figure, axes = new_figure(1, len(TASKS), width=3.2, height=3.4, sharey=True)
    for ax, task in zip(axes, TASKS, strict=True):
        part = frame[frame["task"] == task]
        for at, (colour, arm) in enumerate(zip(PALETTE, ARMS, strict=False)):
            values = part[part["arm"] == arm]["value"]
            ax.plot(np.full(len(values), at), values, "o", ms=4, alpha=0.7, color=colour)
        ax.axhline(part["truth"].iloc[0], color="black", ls="--", lw=1)
        ax.set_xticks(range(len(ARMS)), ARMS.values(), rotation=60, ha="right", fontsize=7)
        ax.set_title(task.replace("_", " "), fontsize=9)
    axes[0].set_ylabel("mutual information (bits)")
    caption = (
        "Estimates of each seed on three tasks of known information (dashed). A critic at its last epoch reads too "
        "much on training samples and too little on others; nearest neighbours read too little with four latents."
    )
    return Picture("estimates", figure, caption)


def _coverage(results: Results) -> Picture:
    low, high = results.frame("low"), results.frame("high")
    keys = ["repetition", "task", "data"]
    both = low.merge(high, on=keys, suffixes=("_low", "_high"))
    both = both[both["task"].isin(["teacher", "linear"])]
    figure, axes = new_figure(1, 2, width=3.9, height=3.3, sharey=True)
    for ax, (task, part) in zip(axes, both.groupby("task"), strict=True):
        part = part.sort_values("value_low").reset_index(drop=True)
        truth = part["truth_low"].iloc[0]
        is_covered = (part["value_low"] <= truth) & (truth <= part["value_high"])
        for colour, label, rows in (
            (PALETTE[0], "holds the truth", part[is_covered]),
            (PALETTE[1], "misses it", part[~is_covered]),
        ):
            ax.vlines(rows.index, rows["value_low"], rows["value_high"], color=colour, lw=1.5, label=label)
        ax.axhline(truth, color="black", ls="--", lw=1)
        ax.set_title(f"{task}: {int(is_covered.sum())} of {len(part)}", fontsize=9)
        ax.set_xlabel("data sets, sorted by their lower end")
    axes[0].set_ylabel("interval (bits)")
    axes[0].legend(fontsize=7, frameon=False, loc="upper left")
    caption = (
        "The nominal 95 % intervals of all data sets of two easy tasks, with the truth dashed. The title counts the "
        "intervals that hold it."
    )
    return Picture("coverage", figure, caption)


def _strong(results: Results) -> Picture:
    frame = results.frame("strong")
    figure, ax = new_figure()
    arms = list(dict.fromkeys(frame["arm"]))
    for at, (colour, arm) in enumerate(zip(PALETTE, arms, strict=False)):
        values = frame[frame["arm"] == arm]["value"]
        ax.plot(np.full(len(values), at) + np.linspace(-0.15, 0.15, len(values)), values, "o", ms=4, color=colour)
        ax.hlines(values.mean(), at - 0.25, at + 0.25, color=colour, lw=2)
    ax.axhline(frame["truth"].iloc[0], color="black", ls="--", lw=1, label="truth")
    ax.set_xticks(range(len(arms)), arms)
    ax.set_ylabel("SMILE at the max-test epoch (bits)")
    ax.legend(fontsize=8, frameon=False)
    caption = (
        "High information read by SMILE on the whole sample: one point for each data set, bars for means. Variational "
        "encoders should lie nearer to the dashed truth and closer together."
    )
    return Picture("high-information", figure, caption)
