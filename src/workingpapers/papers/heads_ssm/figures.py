"""The figures of this paper, drawn from records."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from workingpapers.bench.protocols import Picture, Results
from workingpapers.parts.plotting import CONTROL_COLOUR, PALETTE, new_figure

GRADIENT_ARMS = (
    "distinct-diagonal",
    "rotation-blocks",
    "jordan",
    "nilpotent",
    "attention, zero tokens",
    "attention, needle",
)


def figures(results: Results) -> Iterable[Picture]:
    """Error against heads, spectra, learned heads, gradients, the plane of both, and speed."""
    drawings = (_errors, _spectra, _learned, _gradients, _plane, _speed)
    for draw in drawings:
        picture = draw(results)
        if picture is not None:
            yield picture


def _one_size(frame: pd.DataFrame, states: int = 8) -> pd.DataFrame:
    """The first trial's rows at the smallest width and one state size (the largest where that one was not run)."""
    frame = frame[(frame["repetition"] == frame["repetition"].min()) & (frame["width"] == frame["width"].min())]
    return frame[frame["states"] == (states if (frame["states"] == states).any() else frame["states"].max())]


def _errors(results: Results) -> Picture | None:
    curves, measured = results.frame("closed_form"), results.frame("operator_error")
    if curves.empty:
        return None
    figure, axes = new_figure(2, 3, width=3.6, height=2.9, sharey=True)
    for ax, (_, row) in zip(axes.flat, _one_size(curves).iterrows(), strict=False):
        closed = np.maximum(row["value"], 1e-17)
        ax.semilogy(range(len(closed)), closed, color=PALETTE[0], label="best possible (closed form)")
        if not measured.empty:
            same = _one_size(measured)
            same = same[same["family"] == row["family"]]
            for arm, style in (("heads", "o"), ("balanced truncation", "x")):
                part = same[same["arm"] == arm].sort_values("heads")
                colour = PALETTE[0] if arm == "heads" else CONTROL_COLOUR
                label = "H heads, measured" if arm == "heads" else "H states (balanced truncation)"
                ax.plot(part["heads"], np.maximum(part["value"], 1e-17), style, color=colour, ms=5, label=label)
        ax.axvline(row["k"], color=PALETTE[1], ls="--", lw=1, label="k")
        ax.set_title(f"{row['family']}, k = {row['k']}", fontsize=9)
        ax.set_ylim(1e-17, 5)
    axes[0, 0].legend(fontsize=7, frameon=False, loc="lower left")
    for ax in axes[-1]:
        ax.set_xlabel("heads H")
    for ax in axes[:, 0]:
        ax.set_ylabel("relative operator error")
    caption = (
        "Error of the best replacement against its number of heads. It falls to rounding exactly at k (dashed) and not "
        "before. Crosses: a recurrence cut to as many states by balanced truncation, which saves something else."
    )
    return Picture("error-against-heads", figure, caption)


def _spectra(results: Results) -> Picture | None:
    spectra = results.frame("spectrum")
    if spectra.empty:
        return None
    figure, ax = new_figure()
    largest = int(spectra["states"].max())
    for number, (_, row) in enumerate(_one_size(spectra, largest).iterrows()):
        values = np.maximum(row["value"], 1e-18)
        ax.semilogy(np.arange(1, len(values) + 1), values, "o-", ms=3, lw=1, color=PALETTE[number], label=row["family"])
    ax.axhline(np.finfo(float).eps, color=CONTROL_COLOUR, ls=":", lw=1)
    ax.set_xlabel("index of the singular value")
    ax.set_ylabel("relative to the largest")
    ax.legend(fontsize=7, frameon=False)
    caption = (
        f"Singular values of the lag operators of systems with {largest} states. The exact rank is where they fall to "
        "rounding (dotted); the useful rank is far smaller where they fall steeply."
    )
    return Picture("spectra", figure, caption)


def _learned(results: Results) -> Picture | None:
    learned, closed = results.frame("learned_error"), results.frame("learned_closed_form")
    if learned.empty:
        return None
    figure, ax = new_figure()
    for number, arm in enumerate(("state-space", "independent lags")):
        part = learned[learned["arm"] == arm]
        ax.semilogy(part["heads"], part["value"], "o", ms=3, alpha=0.5, color=PALETTE[number], label=f"{arm}, learned")
        best = closed[closed["arm"] == arm].groupby("heads")["value"].median().clip(lower=1e-15)
        ax.semilogy(best.index, best, color=PALETTE[number], lw=1, label=f"{arm}, best possible (median)")
    ax.set_ylim(bottom=1e-15)
    ax.set_xticks(sorted(learned["heads"].unique()))
    ax.axvline(results.settings.teacher_rank, color=CONTROL_COLOUR, ls="--", lw=1)
    ax.set_xlabel("heads H")
    ax.set_ylabel("relative squared error, fresh data")
    ax.legend(fontsize=7, frameon=False)
    caption = (
        "Heads trained by Adam to imitate a target. For a state-space target the error drops at its interaction rank "
        "(dashed); a target whose lags are all independent shows no such drop."
    )
    return Picture("learned-heads", figure, caption)


def _gradients(results: Results) -> Picture | None:
    norms, distances = results.frame("gradient_norm"), results.frame("distance")
    if norms.empty:
        return None
    figure, ax = new_figure(width=6.4)
    first = norms["repetition"].min()
    for number, arm in enumerate(GRADIENT_ARMS):
        mine = norms[(norms["arm"] == arm) & (norms["repetition"] == first)]
        where = distances[(distances["arm"] == arm) & (distances["repetition"] == first)]
        if mine.empty:
            continue
        x, y = np.asarray(where["value"].iloc[0], float), np.asarray(mine["value"].iloc[0], float)
        style = "--" if arm.startswith("attention") else "-"
        shown = y > 1e-16
        style = ".-" if arm == "nilpotent" else style
        ax.semilogy(x[shown], y[shown], style, color=PALETTE[number], lw=1.4, label=arm)
    ax.axhline(1e-12, color=CONTROL_COLOUR, ls=":", lw=1)
    ax.set_xlabel("distance i - j")
    ax.set_ylabel("norm of dy_i / dx_j")
    ax.legend(fontsize=7, frameon=False)
    caption = (
        "Gradient norm against distance. State-space systems fade at log rho, the nilpotent one ends; attention is "
        "flat on both constructed inputs (dashed). With zero tokens the level is 1 / i: flat in distance, not in "
        "length. Slopes are fitted above the dotted line."
    )
    return Picture("gradients", figure, caption)


def _plane(results: Results) -> Picture | None:
    plane = results.frame("plane")
    if plane.empty:
        return None
    figure, ax = new_figure()
    for number, (family, part) in enumerate(plane.groupby("arm", sort=False)):
        points = np.array(part["value"].tolist())
        shifted = points[:, 0] + 0.08 * (number - 2)  # equal ranks would hide each other
        ax.plot(shifted, points[:, 1], "o", ms=5, alpha=0.7, color=PALETTE[number], label=str(family))
    heads = np.arange(1, int(max(point[0] for point in plane["value"])) + 1)
    ax.plot(heads, np.zeros(len(heads)), "s-", color=PALETTE[6], ms=4, lw=0.8, label="attention, H heads (zero tokens)")
    ax.axhline(np.log(results.settings.rho), color=CONTROL_COLOUR, ls="--", lw=1)
    ax.set_xlabel("expressivity: interaction rank")
    ax.set_ylabel("reach: slope of log gradient per token")
    ax.legend(fontsize=7, frameon=False)
    caption = (
        "Expressivity against reach. State-space systems lie at (k, log rho), with log rho dashed; attention with H "
        "heads lies at (H, 0). More heads buy rank without giving up reach. Families are set slightly apart sideways."
    )
    return Picture("expressivity-and-reach", figure, caption)


def _speed(results: Results) -> Picture | None:
    seconds = results.frame("seconds")
    if seconds.empty:
        return None
    figure, ax = new_figure()
    for number, arm in enumerate(("FFT heads", "scan")):
        median = seconds[seconds["arm"] == arm].groupby("tokens")["value"].median()
        ax.loglog(median.index, median, "o-", color=PALETTE[number], label=arm)
    ax.set_xlabel("tokens n")
    ax.set_ylabel("seconds for one sequence, one thread")
    ax.legend(fontsize=8, frameon=False)
    caption = "Time of the exact eight-head replacement by FFT and of the scan written as a Python loop, d = p = 8."
    return Picture("speed", figure, caption)
