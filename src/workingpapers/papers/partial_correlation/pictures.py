"""The figures of this paper, drawn from records."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from workingpapers.bench.protocols import Picture, Results
from workingpapers.parts.intervals import mean_and_error
from workingpapers.parts.plotting import CONTROL_COLOUR, PALETTE, new_figure

ARMS = ("pcor", "clr correlation", "rho_p", "raw correlation", "raw partial correlation")
WIDE_ARMS = ("no shrinkage", "basis shrinkage", "clr shrinkage", "clr correlation")
LABELS = {"pcor": "partial correlation of the composition", "rho_p": "proportionality ρ_p"}
LEVEL = 0.05


def figures(results: Results) -> Iterable[Picture]:
    """Edges found, shrinkage, false positives; heat map, graph, variances and references of a real table."""
    for draw in (_edges, _wide, _false_positives, _heat_map, _graph, _variances, _references):
        picture = draw(results)
        if picture is not None:
            yield picture


def _bars(ax: Any, groups: Sequence[tuple[str, pd.DataFrame]], arms: Sequence[str]) -> None:
    """One group of bars for each (label, frame), one bar for each arm of the frame."""
    width = 0.8 / len(arms)
    for place, arm in enumerate(arms):
        pairs = [mean_and_error(frame[frame["arm"] == arm]["value"]) for _, frame in groups]
        at = np.arange(len(groups)) + (place - (len(arms) - 1) / 2) * width
        means, errors = zip(*pairs, strict=True)
        ax.bar(at, means, width, yerr=errors, color=PALETTE[place], label=LABELS.get(arm, arm), error_kw={"lw": 0.8})
    ax.set_xticks(range(len(groups)), [label for label, _ in groups])
    ax.grid(visible=False, axis="x")
    ax.set_ylim(0, 1)
    ax.set_ylabel("average precision for true edges")
    ax.legend(fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.25), ncols=2)


def _edges(results: Results) -> Picture | None:
    frame = results.frame("average_precision")
    if frame.empty:
        return None
    figure, ax = new_figure(height=3.9)
    _bars(ax, [(f"D = {d}", part) for d, part in frame.groupby("parts")], ARMS)
    caption = (
        "Sparse networks with known edges: how well each measure ranks true edges first (mean and 95 % interval over "
        "seeds; 1 is perfect). With few parts partial correlation leads; where parts are half as many as samples it "
        "falls behind pairwise association, unless it is shrunk (next figure)."
    )
    return Picture("edges-found", figure, caption)


def _wide(results: Results) -> Picture | None:
    frame = results.frame("wide_average_precision")
    if frame.empty:
        return None
    figure, ax = new_figure(height=3.9)
    groups = [(f"D = {d}, n = {n}", part) for (d, n), part in frame.groupby(["parts", "n"], sort=False)]
    _bars(ax, groups, WIDE_ARMS)
    caption = (
        "Wide tables: average precision without shrinkage (a pseudo-inverse where samples are fewer than parts, which "
        "the estimator refuses), with shrinkage of the basis or the clr covariance, and of pairwise clr correlation. "
        "Shrinkage pays where samples outnumber parts; with fewer samples than parts it brings no lead over pairs."
    )
    return Picture("shrinkage", figure, caption)


def _false_positives(results: Results) -> Picture | None:
    frame = results.frame("false_positive_rate")
    if frame.empty:
        return None
    figure, ax = new_figure(width=4.6, height=3.2)
    for colour, (null, part) in zip(PALETTE, frame.groupby("null", sort=False), strict=False):
        found = [(d, *mean_and_error(group["value"])) for d, group in part.groupby("parts")]
        parts, means, errors = (list(column) for column in zip(*found, strict=True))
        ax.errorbar(parts, means, errors, fmt="o-", ms=4, capsize=2, color=colour, label=f"null: {null}")
    ax.axhline(LEVEL, color=CONTROL_COLOUR, lw=1, ls="--", label="nominal level")
    ax.set_xscale("log")
    ticks = sorted(frame["parts"].unique())
    ax.set_xticks(ticks, [str(d) for d in ticks])
    ax.minorticks_off()
    ax.set_ylim(bottom=0)
    ax.set_xlabel("parts D")
    ax.set_ylabel("pairs without edge with p < 0.05")
    ax.legend(fontsize=8, frameon=False)
    caption = (
        "How often a pair without edge is called significant. Closure makes partial correlations of few parts positive "
        "and a test against zero errs; a test against the value that closure induces errs less."
    )
    return Picture("false-positives", figure, caption)


def _table(results: Results, record: str, table: str) -> Any:
    frame = results.frame(record)
    return None if frame.empty else frame[(frame["table"] == table)]["value"].iloc[0]


def _shown(results: Results) -> str | None:
    """The table that is drawn: the cups where they are given, else the first real one."""
    frame = results.frame("names")
    if frame.empty:
        return None
    tables = list(frame["table"])
    return "roman cups" if "roman cups" in tables else tables[0]


def _heat_map(results: Results) -> Picture | None:
    table = _shown(results)
    if table is None:
        return None
    r, names = np.array(_table(results, "r", table)), _table(results, "names", table)
    distance = squareform(1 - np.abs(r), checks=False)
    order = leaves_list(linkage(distance, "average"))
    figure, ax = new_figure(width=4.6, height=3.9)
    shown = ax.imshow(np.where(np.eye(len(r), dtype=bool), np.nan, r)[np.ix_(order, order)], "RdBu", vmin=-1, vmax=1)
    for i, a in enumerate(order):
        for j, b in enumerate(order):
            if a != b:
                colour = "white" if abs(r[a, b]) > 0.6 else "black"
                ax.text(j, i, f"{r[a, b]:.2f}", ha="center", va="center", fontsize=7, color=colour)
    ax.set_xticks(range(len(r)), [names[i] for i in order])
    ax.set_yticks(range(len(r)), [names[i] for i in order])
    ax.grid(visible=False)
    figure.colorbar(shown, ax=ax, label="partial correlation")
    caption = (
        f"Partial correlations of the table {table!r}; parts in the order of a hierarchical clustering by 1 - |r|."
    )
    return Picture("heat-map", figure, caption)


def _graph(results: Results) -> Picture | None:
    table = _shown(results)
    if table is None:
        return None
    r, q = np.array(_table(results, "r", table)), np.array(_table(results, "q", table))
    names = _table(results, "names", table)
    figure, ax = new_figure(width=4.2, height=4.0)
    angle = 2 * np.pi * np.arange(len(names)) / len(names)
    x, y = np.cos(angle), np.sin(angle)
    for i, j in zip(*np.triu_indices(len(names), 1), strict=True):
        if q[i, j] <= LEVEL:
            colour = PALETTE[0] if r[i, j] > 0 else PALETTE[1]
            ax.plot(x[[i, j]], y[[i, j]], color=colour, lw=0.5 + 4 * abs(r[i, j]), ls="-" if r[i, j] > 0 else "--")
    ax.scatter(x, y, s=420, color="white", edgecolor="black", zorder=3)
    for each, a, b in zip(names, x, y, strict=True):
        ax.text(a, b, each, ha="center", va="center", zorder=4, fontsize=9)
    ax.plot([], [], color=PALETTE[0], label="positive")
    ax.plot([], [], color=PALETTE[1], ls="--", label="negative")
    ax.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.08), ncols=2)
    ax.set_axis_off()
    ax.set_aspect("equal")
    ax.margins(0.15)
    caption = (
        f"Pairs of the table {table!r} with q ≤ 0.05: solid blue positive, dashed orange negative, thick is strong. "
        "Tested against zero."
    )
    return Picture("graph", figure, caption)


def _variances(results: Results) -> Picture | None:
    table = _shown(results)
    if table is None:
        return None
    names = _table(results, "names", table)
    figure, ax = new_figure(width=5.0, height=3.2)
    at = np.arange(len(names))
    ax.bar(at - 0.2, _table(results, "clr_variance", table), 0.4, color=CONTROL_COLOUR, label="variance of clr")
    ax.bar(at + 0.2, _table(results, "partial_variance", table), 0.4, color=PALETTE[0], label="partial variance")
    ax.set_yscale("log")
    ax.set_xticks(at, names)
    ax.grid(visible=False, axis="x")
    ax.set_ylabel("squared log-ratio")
    ax.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2)
    caption = (
        f"Table {table!r}: the variance of each part's centred log-ratio, and what of its log-ratios the others leave "
        "unexplained. A part with a large partial variance goes its own way; replaced zeros add to it. It may pass the "
        "variance of clr, by (D / (D - 1))² at most: the centre holds the part itself."
    )
    return Picture("partial-variances", figure, caption)


def _references(results: Results) -> Picture | None:
    table = _shown(results)
    frame = results.frame("pair_by_reference")
    if table is None or frame.empty:
        return None
    names = _table(results, "names", table)
    figure, (left, right) = new_figure(1, 2, width=4.3, height=3.3)
    pairs = frame[frame["table"] == table]
    for colour, row in zip(PALETTE, pairs.itertuples(), strict=False):
        i, j = int(str(row.part_a)), int(str(row.part_b))
        others = [k for k in range(len(names)) if k not in (i, j)]
        left.plot(others, row.value, "o-", ms=4, lw=1.2, color=colour, label=f"{names[i]}, {names[j]}")
    left.set_ylabel("r by regression on log-ratios")
    left.set_ylim(-1, 1)
    r2 = np.array(_table(results, "r2_by_reference", table))
    for colour, i in zip(PALETTE, range(min(4, len(names))), strict=False):
        others = [k for k in range(len(names)) if k != i]
        right.plot(others, r2[i, others], "o-", ms=4, lw=1.2, color=colour, label=names[i])
    right.set_ylabel("multiple correlation R²")
    right.set_ylim(0, 1.04)  # points at 1 stay whole
    for ax in (left, right):
        ax.set_xticks(range(len(names)), names)
        ax.set_xlabel("reference part")
        ax.legend(fontsize=7, frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=4)
    caption = (
        f"Table {table!r}. Left: the partial correlation of the strongest pairs, calculated with each third part "
        "as the reference; the lines are flat. Right: R² of single parts, which does change with the reference."
    )
    return Picture("by-reference", figure, caption)
