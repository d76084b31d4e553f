"""The figures of this paper, drawn from records."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from workingpapers.bench.protocols import Picture, Results
from workingpapers.parts.intervals import mean_and_error
from workingpapers.parts.plotting import CONTROL_COLOUR, PALETTE, new_figure

MEASURES = {
    "kernel_alignment": "kernel alignment",
    "representation_alignment": "representation alignment",
    "weight_change": "change of recurrent weights",
    "loss": "loss after training",
}


def figures(results: Results) -> Iterable[Picture]:
    """Measures over ranks, theory against training, losses, aligned starts, connectomes, forgetting."""
    for draw in (_ranks, _theory, _aligned, _losses, _structures, _forgetting):
        picture = draw(results)
        if picture is not None:
            yield picture


def _first_task(frame: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Rows of the rank study on the first task, without the repeated full-rank draws."""
    if frame.empty or "norm" not in frame:
        return frame.iloc[:0]
    return frame[(frame["task"] == results.settings.tasks[0]) & (frame["draw"] == "first")]


def _ranks(results: Results) -> Picture | None:
    if _first_task(results.frame("loss"), results).empty:
        return None
    figure, axes = new_figure(2, 2, width=3.9, height=2.9)
    for ax, (name, label) in zip(axes.flat, MEASURES.items(), strict=True):
        frame = _first_task(results.frame(name), results)
        full = frame[(frame["norm"] == "frobenius") & (frame["rank"] == frame["rank"].max())]
        for colour, norm in zip(PALETTE, ("frobenius", "spectral"), strict=False):
            part = frame[frame["norm"] == norm]
            if norm == "spectral":
                part = pd.concat([part, full])
            groups = [
                (rank, *mean_and_error(part[part["rank"] == rank]["value"])) for rank in sorted(part["rank"].unique())
            ]
            ranks, means, errors = (list(column) for column in zip(*groups, strict=True))
            ax.errorbar(
                ranks, means, errors, fmt="o-", ms=4, lw=1.2, capsize=2, color=colour, label=f"equal {norm} norm"
            )
        ax.set_xscale("log")
        ax.set_xlabel("rank of the initial recurrent matrix")
        ax.set_ylabel(label)
    axes[0, 0].legend(fontsize=7, frameon=False)
    caption = (
        "Recurrent networks from matrices of given rank: mean and 95 % interval over seeds. Lazy learning keeps the "
        "kernel and the representation (near 1) and moves the weights little. Blue keeps the Frobenius norm, so that "
        "low rank has a larger spectral norm; orange keeps the spectral norm."
    )
    return Picture("measures-over-ranks", figure, caption)


def _theory(results: Results) -> Picture | None:
    trained, predicted = results.frame("linear_alignment"), results.frame("linear_prediction")
    if trained.empty:
        return None
    figure, (left, right) = new_figure(1, 2, width=3.9, height=3.3)
    keys = ["repetition", "arm", "rank", "condition", "network"]
    joined = trained.merge(predicted, on=keys, suffixes=("", "_predicted"))
    for colour, (arm, part) in zip(PALETTE, joined.groupby("arm", sort=False), strict=False):
        left.plot(part["value_predicted"], part["value"], "o", ms=3, alpha=0.5, color=colour, label=str(arm))
    left.plot([0, 1], [0, 1], color=CONTROL_COLOUR, lw=1, ls="--")
    left.set_xlabel("closed form")
    left.set_ylabel("trained network")
    left.legend(fontsize=7, frameon=False)
    expected = results.frame("linear_expectation")
    random = trained[(trained["arm"] == "random") & (trained["condition"] == 1)]
    right.plot(random["rank"], random["value"], "o", ms=3, alpha=0.5, color=PALETTE[0], label="trained, random task")
    curve = expected.groupby("rank")["value"].mean()
    right.plot(curve.index, curve.to_numpy(), color=PALETTE[1], label="expectation over tasks")
    right.set_xlabel("rank of the first layer")
    right.set_ylabel("kernel alignment")
    right.legend(fontsize=7, frameon=False)
    caption = (
        "Left: kernel alignment of trained two-layer linear networks against the closed form; points lie on the "
        "diagonal where the theory is right. Right: over random tasks the alignment rises with the rank."
    )
    return Picture("theory-against-training", figure, caption)


def _aligned(results: Results) -> Picture | None:
    frame = results.frame("linear_alignment")
    if frame.empty:
        return None
    half, full = results.settings.dim // 2, frame["rank"].max()
    bars = {
        f"aligned, rank {half}": frame[(frame["arm"] == "aligned") & (frame["rank"] == half)],
        f"aligned to another task, rank {half}": frame[
            (frame["arm"] == "aligned to another task") & (frame["rank"] == half)
        ],
        f"random, rank {half}": frame[(frame["arm"] == "random") & (frame["rank"] == half)],
        f"random, full rank {full}": frame[(frame["arm"] == "random") & (frame["rank"] == full)],
    }
    figure, ax = new_figure(width=5.6)
    conditions = sorted(frame["condition"].unique())
    for number, (label, part) in enumerate(bars.items()):
        made = [mean_and_error(part[part["condition"] == c].groupby("repetition")["value"].mean()) for c in conditions]
        at = np.arange(len(conditions)) + 0.2 * (number - 1.5)
        ax.bar(at, [m for m, _ in made], 0.18, yerr=[e for _, e in made], color=PALETTE[number], label=label)
    ax.set_xticks(range(len(conditions)), [str(c) for c in conditions])
    ax.set_xlabel("condition number of the feature map")
    ax.set_ylabel("kernel alignment")
    ax.set_ylim(0, 1.45)
    ax.legend(fontsize=7, frameon=False, loc="upper left", ncols=2)
    caption = (
        "The exception: a low-rank start that is aligned with task and inputs is lazier than a random one of its rank, "
        "and, where few directions of the input carry its variance, than a random one of full rank."
    )
    return Picture("aligned-starts", figure, caption)


def _losses(results: Results) -> Picture | None:
    frame = _first_task(results.frame("losses"), results)
    if frame.empty:
        return None
    figure, ax = new_figure()
    for colour, (rank, part) in zip(PALETTE, frame[frame["norm"] == "frobenius"].groupby("rank"), strict=False):
        curves = np.array([list(each) for each in part["value"]], float)
        steps = (np.arange(curves.shape[1]) + 0.5) * results.settings.iterations / curves.shape[1]
        ax.semilogy(steps, curves.mean(0), color=colour, label=f"rank {rank:.0f}")
    ax.set_xlabel("iteration")
    ax.set_ylabel("training loss")
    ax.legend(fontsize=8, frameon=False)
    return Picture("losses", figure, "Training loss by rank at equal Frobenius norm, mean over seeds.")


def _structures(results: Results) -> Picture | None:
    frames = {name: results.frame(name) for name in ("effective_rank", *list(MEASURES)[:2])}
    if any("arm" not in each for each in frames.values()):
        return None
    figure, axes = new_figure(1, 2, width=3.9, height=3.3, sharex=True)
    for ax, name in zip(axes, list(MEASURES)[:2], strict=True):
        for number, (arm, part) in enumerate(frames[name].dropna(subset="arm").groupby("arm", sort=False)):
            ranks = frames["effective_rank"].dropna(subset="arm")
            x, _ = mean_and_error(ranks[ranks["arm"] == arm]["value"])
            y, error = mean_and_error(part["value"])
            ax.errorbar(x, y, error, fmt="o", capsize=2, color=PALETTE[number % len(PALETTE)], label=str(arm))
        ax.set_xscale("log")
        ax.set_xlabel("effective rank of the initial matrix")
        ax.set_ylabel(MEASURES[name])
    axes[1].legend(fontsize=7, frameon=False)
    caption = (
        "A measured connectome, the same weights on other pairs of neurons, a Gaussian matrix of its density, and "
        "generated structures, all at one norm: mean and 95 % interval over seeds."
    )
    return Picture("connectomes", figure, caption)


def _forgetting(results: Results) -> Picture | None:
    rise = _first_task(results.frame("forgetting"), results)
    alignment = _first_task(results.frame("representation_alignment"), results)
    if rise.empty:
        return None
    joined = rise.merge(alignment, on=["repetition", "norm", "rank"], suffixes=("", "_alignment"))
    figure, ax = new_figure()
    for colour, (norm, part) in zip(PALETTE, joined.groupby("norm"), strict=False):
        ax.plot(1 - part["value_alignment"], part["value"], "o", ms=4, color=colour, label=f"equal {norm} norm")
    ax.set_xscale("log")
    ax.set_xlabel("1 − representation alignment on the first task")
    ax.set_ylabel("rise of its loss after the second task")
    ax.legend(fontsize=8, frameon=False)
    caption = "Forgetting against richness: each point is one network, trained on one task and then on another."
    return Picture("forgetting", figure, caption)
