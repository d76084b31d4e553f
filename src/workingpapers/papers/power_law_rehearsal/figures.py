"""The figures of this paper, drawn from records."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from workingpapers.bench.protocols import Picture, Results
from workingpapers.parts.plotting import CONTROL_COLOUR, PALETTE, new_figure

NAMES = {
    "none": "none",
    "none again": "none, another order (control)",
    "power": "power law, d = 1",
    "power d=0.5": "power law, d = 0.5",
    "power d=2": "power law, d = 2",
    "uniform": "uniform",
    "exponential": "exponential",
    "last": "last task only",
    "joint": "all tasks so far",
    "decoys": "decoys (control)",
    "ewc": "EWC",
    "si": "SI",
    "power + ewc": "power law + EWC",
    "power + si": "power law + SI",
}
ENVIRONMENTS = {"none": 0, "power": 1, "uniform": 2, "exponential": 3, "last": 4}


def figures(results: Results) -> Iterable[Picture]:
    """All methods, matrices, curves, ages, early accuracy, the grid, and the gaps of the stream form."""
    for draw in (_methods, _matrices, _curves, _early, _grid, _gaps):
        picture = draw(results)
        if picture is not None:
            yield picture


def _spread(values: pd.Series) -> tuple[float, float, float]:
    return float(values.mean()), float(values.min()), float(values.max())


def _count(axes: Axes, *which: str) -> None:
    for name in which:
        getattr(axes, f"{name}axis").set_major_locator(MaxNLocator(integer=True))


def _methods(results: Results) -> Picture | None:
    final, forgotten = results.frame("average_accuracy"), results.frame("forgetting")
    if final.empty:
        return None
    order = list(final.groupby("arm")["value"].mean().sort_values().index)
    figure, axes = new_figure(1, 2, width=4.4, height=4.2, sharey=True)
    for axis, frame, label in zip(axes, (final, forgotten), ("final average accuracy", "forgetting"), strict=True):
        for place, arm in enumerate(order):
            mean, low, high = _spread(frame[frame["arm"] == arm]["value"])
            colour = CONTROL_COLOUR if arm in ("decoys", "joint", "none again") else PALETTE[1 if "power" in arm else 0]
            axis.plot([low, high], [place, place], color=colour, lw=2.2, solid_capstyle="round")
            axis.plot(mean, place, "o", color=colour, ms=5)
        axis.set_xlabel(label)
        axis.set_ylim(-0.7, len(order) - 0.3)
    axes[0].set_yticks(range(len(order)), [NAMES.get(arm, arm) for arm in order])
    caption = (
        "Every method with the same steps and samples; mean (dot) and range over seeds. Orange: power-law rehearsal, "
        "alone or with a regulariser; blue: rivals; grey: the controls (another order; "
        "rehearsal of permutations of no task) and training on all tasks so far."
    )
    return Picture("methods", figure, caption)


def _matrix(results: Results, arm: str) -> np.ndarray:
    """A[t, j], mean over seeds; NaN above the diagonal."""
    rows = results.frame("row")
    mine = rows[rows["arm"] == arm]
    count = int(mine["phase"].max()) + 1
    matrix = np.full((count, count), np.nan)
    for phase in range(count):
        rows_of_it = mine[mine["phase"] == phase]["value"].tolist()
        matrix[phase, : phase + 1] = np.mean(rows_of_it, axis=0)
    return matrix


def _matrices(results: Results) -> Picture | None:
    if results.frame("row").empty:
        return None
    arms = ("none", "power", "uniform", "ewc")
    figure, axes = new_figure(1, 4, width=2.7, height=2.9, sharey=True)
    for axis, arm in zip(axes, arms, strict=True):
        image = axis.imshow(_matrix(results, arm), vmin=0.4, vmax=1.0, cmap="viridis")
        axis.grid(False)
        axis.set_title(NAMES[arm], fontsize=10)
        axis.set_xlabel("task j")
        _count(axis, "x", "y")
    axes[0].set_ylabel("after phase t")
    figure.colorbar(image, ax=list(axes), shrink=0.8, label="accuracy", extend="min")
    caption = (
        "Accuracy on task j after phase t, mean over seeds. Columns that darken downwards are tasks being forgotten."
    )
    return Picture("accuracy-matrices", figure, caption)


def _curves(results: Results) -> Picture | None:
    if results.frame("row").empty:
        return None
    figure, axes = new_figure(1, 2, width=4.4, height=3.5)
    for arm, number in ENVIRONMENTS.items():
        matrix = _matrix(results, arm)
        count = len(matrix)
        axes[0].plot(range(1, count + 1), np.nanmean(matrix, axis=1), "o-", ms=3.5, color=PALETTE[number])
        axes[1].plot(count - 1 - np.arange(count), matrix[-1], "o-", ms=3.5, color=PALETTE[number], label=NAMES[arm])
    axes[0].set_xlabel("tasks learned")
    axes[0].set_ylabel("average accuracy so far")
    axes[1].set_xlabel("age of the task at the end (phases)")
    axes[1].set_ylabel("final accuracy")
    _count(axes[0], "x")
    _count(axes[1], "x")
    figure.legend(loc="outside lower center", ncol=5, fontsize=8, frameon=False)
    caption = (
        "Left: average accuracy over the tasks learned so far. Right: final accuracy by age; steep environments keep "
        "the recent tasks and lose the old ones."
    )
    return Picture("environments", figure, caption)


def _early(results: Results) -> Picture | None:
    frame = results.frame("early")
    if frame.empty:
        return None
    figure, axis = new_figure()
    for arm, colour in (("none", PALETTE[0]), ("power", PALETTE[1]), ("decoys", CONTROL_COLOUR)):
        curves = np.array(frame[frame["arm"] == arm]["value"].tolist(), float)
        tasks = np.arange(1, curves.shape[1] + 1)
        axis.plot(tasks, curves.mean(0), "o-", ms=4, color=colour, label=NAMES[arm])
        axis.fill_between(tasks, curves.min(0), curves.max(0), color=colour, alpha=0.15, lw=0)
    axis.set_xlabel("task")
    axis.set_ylabel("accuracy after a tenth of its steps")
    _count(axis, "x")
    axis.legend(fontsize=8, frameon=False)
    caption = (
        "How fast each new task is learned; mean and range over seeds. With forward facilitation the curve would rise "
        "to the right."
    )
    return Picture("facilitation", figure, caption)


def _grid(results: Results) -> Picture | None:
    frame = results.frame("gap")
    if frame.empty:
        return None
    widths = sorted(frame["width"].unique())
    figure, axes = new_figure(1, len(widths), width=3.0, height=3.0, sharey=True, squeeze=False)
    for axis, width in zip(axes[0], widths, strict=True):
        mine = frame[frame["width"] == width]
        for number, tasks in enumerate(sorted(mine["tasks"].unique())):
            grouped = mine[mine["tasks"] == tasks].groupby("budget")["value"]
            mean = grouped.mean()
            errors = np.stack([mean - grouped.min(), grouped.max() - mean])
            axis.errorbar(mean.index, mean, errors, fmt="o-", ms=4, lw=1.2, color=PALETTE[number], label=f"{tasks}")
        axis.axhline(0, color=CONTROL_COLOUR, ls=":", lw=1)
        axis.set_title(f"width {width}", fontsize=10)
        axis.set_xlabel("budget")
    axes[0][0].set_ylabel("gain over no rehearsal")
    axes[0][0].legend(title="tasks", fontsize=8, title_fontsize=8, frameon=False, loc="upper left")
    caption = "Final average accuracy with power-law rehearsal less that without; mean and range over seeds."
    return Picture("robustness", figure, caption)


def _gaps(results: Results) -> Picture | None:
    places, density, slopes = results.frame("gap_at"), results.frame("gap_density"), results.frame("gap_slope")
    if places.empty:
        return None
    figure, axis = new_figure()
    for number, exponent in enumerate(sorted(places["exponent"].unique())):
        x = places[places["exponent"] == exponent]["value"].iloc[0]
        y = density[density["exponent"] == exponent]["value"].iloc[0]
        slope = slopes[slopes["exponent"] == exponent]["value"].astype(float).mean(skipna=False)
        name = f"d = {exponent:g}, slope {slope:.1f}" if np.isfinite(slope) else f"d = {exponent:g}"
        axis.loglog(x, y, "o-", ms=3.5, lw=1.1, color=PALETTE[number], label=name)
    axis.set_xlabel("encounters between two meetings of a task")
    axis.set_ylabel("density")
    axis.legend(fontsize=8, frameon=False)
    caption = (
        "The stream form with ten tasks: how long a task waits until it is met again (first seed), and, where "
        "there are points enough, the slope of a straight line through those from two encounters on. With d = 0 "
        "the gaps are geometric and fall off below any line. Up to d = 1 the tail grows heavier with d. Above 1 "
        "tasks are lost for ever: what is left is the time before, and then one task is met over and over."
    )
    return Picture("gaps", figure, caption)
