"""The figures of this paper, drawn from records."""

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes

from workingpapers.bench.protocols import Picture, Results
from workingpapers.parts.intervals import mean_curve
from workingpapers.parts.plotting import CONTROL_COLOUR, PALETTE, new_figure


def figures(results: Results) -> Iterable[Picture]:
    """Accuracies, gain over sizes and locality, tickets, connectivity, and the plane of the loss."""
    for draw in (_arms, _epochs, _gains, _tickets, _lines, _plane):
        picture = draw(results)
        if picture is not None:
            yield picture


def _log_ticks(axes: Axes, places: list[float], labels: list[str]) -> None:
    axes.set_xscale("log")
    axes.minorticks_off()
    axes.set_xticks(places, labels)


def _arms(results: Results) -> Picture | None:
    frame = results.frame("accuracy")
    if frame.empty:
        return None
    made = mean_curve(frame, "arm")
    figure, axes = new_figure(width=6.2, height=3.4)
    places = np.arange(len(made))[::-1]
    colours = [PALETTE[0] if str(arm).startswith("student") else CONTROL_COLOUR for arm in made["arm"]]
    axes.barh(places, 100 * made["mean"], xerr=100 * made["error"], color=colours, height=0.65, capsize=2)
    axes.set_yticks(places, made["arm"])
    low = float((100 * (made["mean"] - made["error"])).min())
    axes.set_xlim(max(0.0, 10 * np.floor(low / 10) - 10), 100)
    axes.set_xlabel("accuracy of the linear probe, per cent (axis cut)")
    caption = (
        "Linear probing of raw pixels, their principal components, random networks, and students (blue): mean and 95 % "
        "interval over seeds. Compare each student with its teacher; students of other images, noise, permuted pixels "
        "say what the student has to see."
    )
    return Picture("probing", figure, caption)


def _epochs(results: Results) -> Picture | None:
    frame, levels = results.frame("accuracy_over_epochs"), results.frame("accuracy")
    if frame.empty:
        return None
    figure, axes = new_figure()
    made = mean_curve(frame, "epoch")
    axes.errorbar(made["epoch"], 100 * made["mean"], 100 * made["error"], fmt="o-", ms=4, capsize=2, label="student")
    for colour, arm in zip((CONTROL_COLOUR, PALETTE[1]), ("teacher", "raw pixels"), strict=True):
        axes.axhline(100 * levels[levels["arm"] == arm]["value"].mean(), color=colour, ls="--", lw=1.2, label=arm)
    axes.set_xlabel("epoch of distillation")
    axes.set_ylabel("linear probe, per cent")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(fontsize=8, frameon=False, loc="center", bbox_to_anchor=(0.8, 0.75))
    caption = "Accuracy of the linear probe while the student imitates its random teacher: mean and 95 % interval."
    return Picture("probing-over-epochs", figure, caption)


def _gains(results: Results) -> Picture | None:
    sizes, alphas = results.frame("gain_over_sizes"), results.frame("gain_over_alpha")
    if sizes.empty or alphas.empty:
        return None
    figure, (left, right) = new_figure(1, 2, width=4.1, height=3.3)
    made = mean_curve(sizes, "size")
    left.errorbar(made["size"], 100 * made["mean"], 100 * made["error"], fmt="o-", ms=4, capsize=2)
    _log_ticks(left, made["size"].tolist(), [f"{size:g}" for size in made["size"]])
    left.set_xlabel("images seen, at equally many steps")
    made = mean_curve(alphas, "alpha")
    right.errorbar(made["alpha"], 100 * made["mean"], 100 * made["error"], fmt="o-", ms=4, capsize=2, color=PALETTE[1])
    right.set_xlabel("locality α: teacher at 0, fresh draw at 1")
    for axes in (left, right):
        axes.axhline(0, color=CONTROL_COLOUR, lw=1)
        axes.set_ylabel("gain over the teacher, points")
    caption = "The student's gain over its teacher against sample size, and against the place where it starts."
    return Picture("gain", figure, caption)


def _tickets(results: Results) -> Picture | None:
    frame = results.frame("ticket_accuracy")
    if frame.empty:
        return None
    figure, axes = new_figure()
    for place, (arm, part) in enumerate(frame.groupby("arm", sort=False)):
        made = mean_curve(part, "remaining").sort_values("remaining")
        spread = made["remaining"] * (1 + 0.03 * (place - 1.5))  # so that intervals stand side by side
        axes.errorbar(
            100 * spread, 100 * made["mean"], 100 * made["error"], fmt="o-", ms=4, lw=1.2, capsize=2, label=str(arm)
        )
    remaining = sorted(frame["remaining"].unique())
    _log_ticks(axes, [100 * each for each in remaining], [f"{100 * each:.3g}" for each in remaining])
    axes.invert_xaxis()
    axes.set_xlabel("weights that remain, per cent")
    axes.set_ylabel("accuracy, per cent")
    axes.legend(fontsize=8, frameon=False, title="start and rewinding", title_fontsize=8)
    caption = (
        "Iterative magnitude pruning: accuracy after training from the survivors' rewound values. A start that holds "
        "lottery tickets stays high to the right. Points are shifted sideways a little."
    )
    return Picture("tickets", figure, caption)


def _lines(results: Results) -> Picture | None:
    frame = results.frame("error_on_line")
    if frame.empty:
        return None
    rates = sorted(frame["rate"].unique())
    figure, panels = new_figure(1, len(rates), width=4.1, height=3.3)
    for axes, rate in zip(np.atleast_1d(panels), rates, strict=True):
        for place, (arm, part) in enumerate(frame[frame["rate"] == rate].groupby("arm", sort=False)):
            made = mean_curve(part, "share")
            made["share"] += 0.012 * (place - 1)  # so that intervals stand side by side
            axes.errorbar(
                made["share"],
                100 * made["mean"],
                100 * made["error"],
                fmt="o-",
                ms=3,
                lw=1.2,
                capsize=2,
                label=str(arm),
            )
        axes.set_title(f"learning rate {rate:g}", fontsize=9)
        axes.set_xlabel("from one run to the other")
        axes.set_ylabel("held-out error, per cent")
    np.atleast_1d(panels)[0].legend(fontsize=7, frameon=False)
    caption = (
        "Error on the straight line between two supervised runs that differ in the order of batches only, from the "
        "student and from random draws: mean and 95 % interval. A hill in the middle is a barrier. Points are shifted "
        "sideways a little."
    )
    return Picture("connectivity", figure, caption)


def _plane(results: Results) -> Picture | None:
    frame = results.frame("plane_kl")
    if frame.empty:
        return None
    first = frame[frame["repetition"] == frame["repetition"].min()]
    table = first.pivot_table(index="y", columns="x", values="value")
    lengths = results.frame("plane_student")
    length = float(lengths[lengths["repetition"] == lengths["repetition"].min()]["value"].iloc[0])
    figure, axes = new_figure()
    drawn = axes.contourf(table.columns, table.index, np.log10(table.to_numpy() + 1e-9), levels=12, cmap="viridis")
    figure.colorbar(drawn, ax=axes, label="log10 KL to the teacher")
    axes.plot([0], [0], "o", color="white", mec="black", label="teacher")
    axes.plot([length], [0], "^", color=PALETTE[1], mec="black", label="student")
    axes.set_xlabel("towards the student (distance)")
    axes.set_ylabel("random direction (distance)")
    axes.legend(fontsize=8, loc="upper left")
    axes.grid(visible=False)
    caption = (
        "KL divergence from the teacher on the plane through teacher, student and a random direction, for the first "
        "seed. Compare both sides of the teacher at equal distance along the horizontal line through it."
    )
    return Picture("plane", figure, caption)
