"""The figures of this paper, drawn from records."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from workingpapers.bench.protocols import Picture, Results
from workingpapers.papers.bido.networks import COCO_MAIN, DEFENCES, HSIC_MAIN, NONE
from workingpapers.parts.plotting import CONTROL_COLOUR, PALETTE, new_figure

COLOURS = {"none": CONTROL_COLOUR, "bido": PALETTE[0], "unilateral": PALETTE[1], "vib": PALETTE[2]}
LABELS = {"none": "no defence", "bido": "BiDO", "unilateral": "unilateral", "vib": "VIB (MID)"}
MARKS = {"none": "s", "bido": "o", "unilateral": "^", "vib": "D"}
ATTACKS = {"gmi": "GMI, GAN prior", "gmi-pca": "GMI, linear prior", "adaptive": "adaptive attack"}


def figures(results: Results) -> Iterable[Picture]:
    """Frontier, all arms, reconstructions, dependences over epochs, collapse, convergence."""
    for draw in (_frontier, _reconstructions, _dependences, _collapse, _convergence):
        picture = draw(results)
        if picture is not None:
            yield picture


def _means(frame: pd.DataFrame, *axes: str) -> pd.DataFrame:
    return frame.groupby(list(axes), sort=False)["value"].mean().reset_index()


def _frontier(results: Results) -> Picture | None:
    accuracy, attacked = results.frame("accuracy"), results.frame("attack_accuracy")
    if accuracy.empty or attacked.empty:
        return None
    kept = accuracy[accuracy["family"].isin(COLOURS)]
    figure, every = new_figure(1, 3, width=3.6, height=3.4, sharex=True, sharey=True)
    of = _means(kept, "arm", "family").set_index("arm")
    for axes, (attack, title) in zip(every, ATTACKS.items(), strict=True):
        found = _means(attacked[attacked["attack"] == attack], "arm").set_index("arm")["value"]
        for family, rows in of.groupby("family", sort=False):
            rows = rows.sort_values("value")
            axes.plot(
                100 * rows["value"],
                100 * (1 - found[rows.index]),
                MARKS[str(family)],
                ms=6,
                color=COLOURS[str(family)],
                label=LABELS[str(family)],
            )
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("accuracy, per cent")
    every[0].set_ylabel("attacks that fail, per cent")
    handles, names = every[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=4, fontsize=8, frameon=False)
    caption = (
        "Each mark is one defence, mean over seeds: right is accurate, up is private. A defence is worth its price "
        "where its marks lie further up and to the right."
    )
    return Picture("frontier", figure, caption)


def _reconstructions(results: Results) -> Picture | None:
    frame = results.frame("reconstruction")
    if frame.empty:
        return None
    arms = list(dict.fromkeys(frame["arm"]))
    rows = sorted(frame["row"].unique())
    figure, every = new_figure(len(arms), len(rows), width=0.95, height=0.95, squeeze=False)
    for i, arm in enumerate(arms):
        for j, row in enumerate(rows):
            values = np.array(frame[(frame["arm"] == arm) & (frame["row"] == row)]["value"].iloc[0])
            side = round(len(values) ** 0.5)
            axes = every[i, j]
            axes.imshow(values.reshape(side, side), cmap="gray", vmin=0, vmax=255)
            axes.set_xticks([])
            axes.set_yticks([])
            axes.grid(False)
            if i == 0:
                axes.set_title(f"class {row}", fontsize=8)
        every[i, 0].set_ylabel(str(arm), rotation=0, ha="right", va="center", fontsize=8)
    caption = "What GMI brings out of each classifier, first restart of the first seed, not selected."
    return Picture("reconstructions", figure, caption)


def _dependences(results: Results) -> Picture | None:
    frame = results.frame("dependence")
    if frame.empty:
        return None
    figure, every = new_figure(2, 2, width=4.0, height=2.7, sharex=True)
    arms = (NONE.name, HSIC_MAIN.name, COCO_MAIN.name)
    layers = sorted(frame["layer"].unique())
    for column, measure in enumerate(("hsic", "coco")):
        for row, term in enumerate(("d(X, Z)", "d(Z, Y)")):
            axes = every[row, column]
            part = frame[(frame["measure"] == measure) & (frame["term"] == term)]
            for arm, colour in zip(arms, (CONTROL_COLOUR, *PALETTE), strict=False):
                for layer, style in zip(layers, (":", "--", "-"), strict=False):
                    made = _means(part[(part["arm"] == arm) & (part["layer"] == layer)], "epoch")
                    axes.plot(made["epoch"], made["value"], style, marker=".", ms=4, lw=1.2, color=colour)
            axes.set_ylabel(f"{term}, {measure.upper()}")
            axes.xaxis.get_major_locator().set_params(integer=True)
    for axes in every[1]:
        axes.set_xlabel("epoch")
    for arm, colour in zip(arms, (CONTROL_COLOUR, *PALETTE), strict=False):
        every[0, 0].plot([], [], color=colour, label=arm)
    figure.legend(loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    caption = (
        "Dependence of each block on inputs and labels, held-out batches; dotted, dashed, full: first to third block."
    )
    return Picture("dependences", figure, caption)


def _collapse(results: Results) -> Picture | None:
    frame = results.frame("accuracy")
    if frame.empty:
        return None
    made = _means(frame, "arm").set_index("arm")["value"]
    figure, axes = new_figure(width=6.4, height=3.8)
    shown = [defence for defence in DEFENCES if defence.family in COLOURS]
    places = np.arange(len(shown))[::-1]
    values = [100 * made[defence.name] for defence in shown]
    axes.barh(places, values, color=[COLOURS[defence.family] for defence in shown], height=0.65)
    axes.set_yticks(places, [defence.name for defence in shown], fontsize=8)
    axes.set_xlim(0, 100)
    axes.set_xlabel("accuracy, per cent")
    caption = "Accuracy over the strengths of each defence: where the unilateral penalty is strong, accuracy collapses."
    return Picture("collapse", figure, caption)


def _convergence(results: Results) -> Picture | None:
    frame = results.frame("attack_curve")
    if frame.empty:
        return None
    figure, axes = new_figure(width=5.6)
    for arm, style in (
        (NONE.name, "s-"),
        (HSIC_MAIN.name, "o-"),
        (COCO_MAIN.name, "^-"),
        ("unilateral HSIC .5", "v-"),
        ("VIB .1", "D-"),
    ):
        made = _means(frame[frame["arm"] == arm], "step")
        axes.plot(made["step"], 100 * made["value"], style, ms=3.5, lw=1.2, label=arm)
    axes.set_ylim(0, 103)
    axes.set_xlabel("step of GMI")
    axes.set_ylabel("attack accuracy, per cent")
    figure.legend(loc="outside upper center", ncols=3, fontsize=8, frameon=False)
    caption = "Attack accuracy over the steps of GMI: the attacks have run out where the curves are flat."
    return Picture("convergence", figure, caption)
