"""The figures of this paper, drawn from records."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from workingpapers.bench.protocols import Picture, Results
from workingpapers.parts.intervals import mean_and_error, mean_curve
from workingpapers.parts.plotting import CONTROL_COLOUR, PALETTE, new_figure


def figures(results: Results) -> Iterable[Picture]:
    """Spread over coupling, the trade-off, spectra, bounds, switching on, redundancy, other losses, decisions."""
    for draw in (_spread, _trade_off, _spectra, _switching, _redundancy, _nonlinear, _decisions):
        picture = draw(results)
        if picture is not None:
            yield picture


def _curve(frame: pd.DataFrame, axis: str) -> tuple[list[float], list[float], list[float]]:
    made = mean_curve(frame.sort_values(axis), axis)
    return made[axis].tolist(), made["mean"].tolist(), made["error"].tolist()


def _judged_noise(results: Results) -> float:
    noises = results.settings.noises
    return 1.0 if 1.0 in noises else noises[0]


def _spread(results: Results) -> Picture | None:
    frames = {
        name: results.frame(name)
        for name in ("spread", "spread_theory", "spread_continuous", "spread_bound_continuous")
    }
    if frames["spread"].empty:
        return None
    shown = [graph for graph in ("complete", "ring", "star", "path") if graph in results.settings.graphs]
    figure, axes = new_figure(1, len(shown), width=2.9, height=3.2, sharey=True)
    for ax, graph in zip(np.atleast_1d(axes), shown, strict=True):
        part = {
            name: frame[(frame["graph"] == graph) & (frame["noise"] == _judged_noise(results))]
            for name, frame in frames.items()
        }
        xs, bound, _ = _curve(part["spread_bound_continuous"], "coupling")
        ax.plot(xs, bound, color=CONTROL_COLOUR, ls="--", lw=1.2, label="bound")
        ax.plot(xs, _curve(part["spread_continuous"], "coupling")[1], color=PALETTE[1], ls=":", label="continuous time")
        ax.plot(xs, _curve(part["spread_theory"], "coupling")[1], color=PALETTE[2], lw=1.2, label="at the step taken")
        xs, means, errors = _curve(part["spread"], "coupling")
        ax.errorbar(xs, means, errors, fmt="o", ms=4, capsize=2, color=PALETTE[0], label="simulated")
        ax.set_title(graph, fontsize=10)
        ax.set_yscale("log")
        ax.set_xlabel("coupling κ")
    first = np.atleast_1d(axes)[0]
    first.set_ylabel("spread S")
    first.legend(fontsize=7, frameon=False)
    caption = (
        "Spread of the replicas over the coupling on a quadratic loss: simulation (mean and 95 % interval over seeds), "
        "the exact value at the step taken and in continuous time, and the bound from the second eigenvalue alone. The "
        "bound is close where all disagreement modes are alike, as on the complete graph."
    )
    return Picture("spread-over-coupling", figure, caption)


def _trade_off(results: Results) -> Picture | None:
    frame = results.frame("spread")
    if frame.empty or len(results.settings.noises) < 2:
        return None
    part = frame[frame["graph"] == "complete"]
    table = part.groupby(["noise", "coupling"])["value"].mean().unstack("coupling")
    figure, (left, right) = new_figure(1, 2, width=4.4, height=3.4)
    figure.set_layout_engine("constrained", w_pad=0.12)  # labels of the right axes keep off the left ones
    values = np.log10(table.to_numpy(dtype=float))
    image = left.imshow(values, cmap="viridis", aspect="auto", origin="lower")
    left.set_xticks(range(table.shape[1]), [f"{k:g}" for k in table.columns])
    left.set_yticks(range(table.shape[0]), [f"{s:g}" for s in table.index])
    left.grid(False)
    middle = 0.5 * (values.min() + values.max())
    for (i, j), value in np.ndenumerate(table.to_numpy(dtype=float)):
        colour = "black" if values[i, j] > middle else "white"
        left.text(j, i, f"{value:.2g}", ha="center", va="center", fontsize=7, color=colour)
    figure.colorbar(image, ax=left, label="log₁₀ of spread S")
    left.set_xlabel("coupling κ")
    left.set_ylabel("noise σ")
    flattest, n = min(results.settings.curvatures), results.settings.replicas
    arms = (("complete", "unequal curvatures"), ("complete, isotropic", "equal curvatures"))
    for colour, (graph, label) in zip(PALETTE, arms, strict=False):
        points = frame[frame["graph"] == graph].groupby(["noise", "coupling"])["value"].mean().reset_index()
        x = points["noise"] ** 2 / (flattest + points["coupling"] * n)
        right.loglog(x, points["value"], "o", ms=4, color=colour, label=label)
    ends = np.array(right.get_xlim())
    share = 0.5 * (n - 1) / n * len(results.settings.curvatures)
    right.loglog(ends, share * ends, color=CONTROL_COLOUR, lw=1, ls="--", label="slope 1")
    right.set_xlabel("σ² / (λ + κ l₂)")
    right.set_ylabel("spread S")
    right.legend(fontsize=7, frameon=False)
    caption = (
        "Left: spread on the complete graph over coupling and noise; the same spread is had by more coupling or by "
        "less noise. Right: the same against the ratio of the two; one line where all curvatures are equal, below it "
        "at weak coupling where some directions are steeper than the flattest."
    )
    return Picture("trade-off", figure, caption)


def _spectra(results: Results) -> Picture | None:
    spectra, spread = results.frame("spectrum"), results.frame("spread")
    bound = results.frame("spread_bound")
    if spectra.empty:
        return None
    strongest, noise = max(results.settings.couplings), _judged_noise(results)
    figure, (left, right) = new_figure(1, 2, width=4.4, height=3.4)
    figure.set_layout_engine("constrained", w_pad=0.12)  # labels of the right axes keep off the left ones
    ticks = []
    for place, (colour, graph) in enumerate(zip(PALETTE, results.settings.graphs, strict=False)):
        values = list(spectra[spectra["graph"] == graph]["value"].iloc[0])[1:]
        left.plot(values, [place] * len(values), "|", ms=14, mew=1.5, color=colour)
        chosen = [
            frame[(frame["graph"] == graph) & (frame["coupling"] == strongest) & (frame["noise"] == noise)]["value"]
            for frame in (spread, bound)
        ]
        mean, error = mean_and_error(chosen[0])
        right.errorbar(mean, place, xerr=error, fmt="o", ms=5, capsize=2, color=colour)
        right.plot(chosen[1].mean(), place, "x", color=CONTROL_COLOUR)
        same_cost = spread[(spread["graph"] == f"{graph}, equal cost") & (spread["noise"] == noise)]["value"]
        right.plot(same_cost.mean(), place, "o", ms=7, mfc="none", color=colour)
        ticks.append(graph)
    left.set_yticks(range(len(ticks)), ticks)
    right.set_yticks(range(len(ticks)), [""] * len(ticks))
    for ax in (left, right):
        ax.set_xscale("log")
        ax.set_ylim(len(ticks) - 0.5, -0.5)
    left.set_xlabel("eigenvalues of the Laplacian but the first")
    right.set_xlabel(f"spread S at κ = {strongest:g}")
    for marker, filled, label in (("o", "black", "spread"), ("x", "black", "bound"), ("o", "none", "at equal cost")):
        right.plot([], [], marker, color="black", mfc=filled, label=label)
    right.legend(fontsize=7, frameon=False, loc="upper right")
    caption = (
        "Left: the spectra. Right: the spread at the strongest coupling, the bound that knows the second "
        "eigenvalue only, and (rings) the spread where all graphs have the same sum "
        "of edge weights. The star's second eigenvalue is larger than the ring's and so is its spread: the whole "
        "spectrum decides."
    )
    return Picture("spectra", figure, caption)


def _switching(results: Results) -> Picture | None:
    times, weights = results.frame("switch_times"), results.frame("switch_weights")
    if times.empty:
        return None
    figure, ax = new_figure(width=6.4, height=3.0)
    for _, row in weights.iterrows():
        at = list(times[times["phase"] == row["phase"]]["value"].iloc[0])
        ax.plot(at, list(row["value"]), lw=0.8, color=PALETTE[int(row["replica"]) % len(PALETTE)], alpha=0.8)
    ax.axvline(times[times["phase"] == 0]["value"].iloc[0][-1], color=CONTROL_COLOUR, ls="--", lw=1)
    ax.set_xlabel("time")
    ax.set_ylabel("weight of each replica")
    caption = "One path of all replicas on the complete graph; the coupling is switched on at the dashed line."
    return Picture("switching-on", figure, caption)


def _redundancy(results: Results) -> Picture | None:
    frame = results.frame("centroid_error_by_redundancy")
    if frame.empty:
        return None
    figure, ax = new_figure()
    for colour, (arm, part) in zip((PALETTE[0], CONTROL_COLOUR), frame.groupby("arm", sort=False), strict=False):
        xs, means, errors = _curve(part, "n")
        ax.errorbar(xs, means, errors, fmt="o", ms=4, capsize=2, color=colour, label=f"{arm}")
    noise = _judged_noise(results)
    single = 0.5 * noise**2 * sum(1 / h for h in results.settings.curvatures)
    xs = sorted(frame["n"].unique())
    ax.plot(xs, [single / n for n in xs], color=PALETTE[1], lw=1, label="single learner / n")
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.set_xlabel("replicas n")
    ax.set_ylabel("error of the centroid")
    ax.legend(fontsize=8, frameon=False)
    caption = (
        "Redundancy: the centroid's error falls as 1/n where each replica has noise of its own, and not at all where "
        "all share one noise."
    )
    return Picture("redundancy", figure, caption)


def _nonlinear(results: Results) -> Picture | None:
    error, bias = results.frame("nonlinear_error"), results.frame("nonlinear_bias")
    majority, single = results.frame("well_majority"), results.frame("well_individual")
    if error.empty or majority.empty:
        return None
    figure, (left, right) = new_figure(1, 2, width=4.2, height=3.3)
    figure.set_layout_engine("constrained", w_pad=0.12)  # labels of the right axes keep off the left ones
    curves = [(left, error, "individual error"), (left, bias, "bias of the centroid")]
    curves += [(right, single, "one replica"), (right, majority, "majority of replicas")]
    for number, (ax, frame, label) in enumerate(curves):
        xs, means, errors = _curve(frame[frame["arm"] == "coupled"], "coupling")
        ax.errorbar(xs, means, errors, fmt="o-", ms=4, lw=1.2, capsize=2, color=PALETTE[number % 2], label=label)
        ax.set_xscale("symlog", linthresh=0.1)
        ax.set_xlabel("coupling κ")
    left.axhline(0, color=CONTROL_COLOUR, lw=0.8)
    left.set_ylabel("on the loss $e^w - w$")
    right.set_ylabel("share in the deeper of two wells")
    for ax in (left, right):
        ax.legend(fontsize=8, frameon=False)
    caption = (
        "Left: on a loss that is not quadratic coupling lessens the error of a replica and the bias of all. Right: in "
        "a double well, replicas that start by the toss of a coin: a weak coupling draws stragglers into the deeper "
        "well, a strong one holds all of them where their majority happened to start."
    )
    return Picture("other-losses", figure, caption)


def _decisions(results: Results) -> Picture | None:
    frame = results.frame("decisions")
    if frame.empty:
        return None
    graph = results.settings.decision_graphs[0]
    figure, (left, right) = new_figure(1, 2, width=4.4, height=3.4)
    figure.set_layout_engine("constrained", w_pad=0.12)  # labels of the right axes keep off the left ones
    ours = frame[frame["arm"] == graph]
    for colour, measure in zip(PALETTE, ("individual", "averaged weights", "vote"), strict=False):
        xs, means, errors = _curve(ours[ours["measure"] == measure], "coupling")
        left.errorbar(xs, means, errors, fmt="o-", ms=4, lw=1.2, capsize=2, color=colour, label=measure)
    lone = frame[(frame["arm"] == "single learner") & (frame["measure"] == "averaged over time")]["value"]
    left.axhline(lone.mean(), color=CONTROL_COLOUR, ls="--", lw=1, label="one learner, averaged over time")
    left.set_ylabel("test accuracy")
    for colour, arm in zip(PALETTE, results.settings.decision_graphs, strict=False):
        part = frame[(frame["arm"] == arm) & (frame["measure"] == "disagreement")]
        xs, means, errors = _curve(part, "coupling")
        right.errorbar(xs, means, errors, fmt="o-", ms=4, lw=1.2, capsize=2, color=colour, label=arm)
    right.set_ylabel("disagreement of two replicas")
    for ax in (left, right):
        ax.set_xscale("symlog", linthresh=0.1)
        ax.set_xlabel("coupling κ")
        ax.legend(fontsize=7, frameon=False)
    caption = (
        f"Noisy logistic regression on breast-cancer data. Left, {graph} graph: coupling helps each replica; averages "
        "and votes of independent replicas gain nothing from it. Right: coupled replicas decide alike, most of all on "
        "the complete graph."
    )
    return Picture("decisions", figure, caption)
