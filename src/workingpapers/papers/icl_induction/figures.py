"""The figures of this paper, drawn from records."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from workingpapers.bench.protocols import Picture, Results
from workingpapers.parts.plotting import CONTROL_COLOUR, PALETTE, new_figure

NAMES = {
    "ic": "new classes (context)",
    "ic_swapped": "labels swapped (context)",
    "iw": "target not in context (weights)",
    "ila1": "label to previous token, layer 1",
    "tila2": "target to its label, layer 2",
    "cla": "probability on context labels",
    "tla2": "correct among context labels",
}


def figures(results: Results) -> Iterable[Picture]:
    """Progress measures, who wins, curves, attention, and the flow of three logits."""
    for draw in (_progress, _phases, _curves, _equal_labels, _maps, _flow):
        picture = draw(results)
        if picture is not None:
            yield picture


def _lines(results: Results, arm: str, what: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Steps and values of a curve, for each trial."""
    frame = results.frame("curve")
    if frame.empty:
        return []
    mine = frame[frame["arm"] == arm]
    steps, values = mine[mine["what"] == "step"], mine[mine["what"] == what]
    pairs = zip(steps.sort_values("seed")["value"], values.sort_values("seed")["value"], strict=True)
    return [(np.asarray(x, float), np.asarray(y, float)) for x, y in pairs]


def _progress(results: Results) -> Picture | None:
    if not _lines(results, "novel", "ic"):
        return None
    figure, axes = new_figure(1, 2, width=4.6)
    for axis, names in zip(axes, (("ic", "cla", "tla2"), ("ic", "ila1", "tila2")), strict=True):
        for number, name in enumerate(names):
            colour = PALETTE[0] if name == "ic" else PALETTE[number + (2 if axis is axes[1] else 0)]
            for trial, (steps, values) in enumerate(_lines(results, "novel", name)):
                axis.plot(steps, values, color=colour, lw=1.1, alpha=0.8, label=NAMES[name] if trial == 0 else None)
        axis.axhline(1 / results.settings.n_pairs, color=CONTROL_COLOUR, ls=":", lw=1)
        axis.set_xlabel("step")
        axis.set_ylim(0, 1.03)
        axis.legend(fontsize=7, frameon=False, loc="lower right")
    axes[0].set_ylabel("share")
    caption = (
        "A network that sees new classes only, one line a seed. First it learns to answer with labels of the context "
        "and guesses among them (dotted: one over the number of pairs); then attention of both layers and accuracy "
        "rise together."
    )
    return Picture("progress-measures", figure, caption)


def _phases(results: Results) -> Picture | None:
    frame = results.frame("accuracy")
    if frame.empty:
        return None
    sizes = results.settings
    usual = {"classes": None, "burst": 1, "noise": sizes.noises[0], "skew": sizes.skews[0]}
    panels = (
        ("classes", {**usual}, "classes K"),
        ("burst", {**usual, "classes": sizes.medium, "burst": None}, f"burstiness B (K = {sizes.medium})"),
        ("noise", {**usual, "classes": sizes.medium, "noise": None}, f"within-class noise (K = {sizes.medium})"),
        ("skew", {**usual, "classes": sizes.many, "skew": None}, f"skew of classes (K = {sizes.many})"),
    )
    figure, axes = new_figure(1, 4, width=2.9, height=3.0, sharey=True)
    for axis, (varied, fixed, label) in zip(axes, panels, strict=True):
        chosen = frame
        for name, value in fixed.items():
            chosen = chosen if value is None else chosen[chosen[name] == value]
        for number, name in enumerate(("ic", "ic_swapped", "iw")):
            grouped = chosen[chosen["what"] == name].groupby(varied)["value"]
            mean, low, high = grouped.mean(), grouped.min(), grouped.max()
            errors = np.stack([mean - low, high - mean])
            axis.errorbar(mean.index, mean, errors, fmt="o-", ms=4, lw=1.2, color=PALETTE[number], label=NAMES[name])
        axis.axhline(1 / sizes.n_labels, color=CONTROL_COLOUR, ls=":", lw=1)
        axis.set_xlabel(label, fontsize=9)
        axis.set_ylim(0, 1.03)
    axes[0].set_xscale("log", base=2)
    axes[0].set_ylabel("accuracy at the end")
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=7, frameon=False, loc="outside upper center", ncols=3)
    caption = (
        "Accuracy after training against what varies in the data: means, with bars from the lowest to the highest "
        "seed; dotted is chance. Few classes are learned in weights, many in context."
    )
    return Picture("who-wins", figure, caption)


def _curves(results: Results) -> Picture | None:
    sizes = results.settings
    base = f"noise {sizes.noises[0]:g}"
    arms = {
        f"K {sizes.few}, B 1, {base}, skew {sizes.skews[0]:g}": f"K = {sizes.few}",
        f"K {sizes.many}, B 1, {base}, skew {sizes.skews[0]:g}": f"K = {sizes.many}",
        f"K {sizes.many}, B 1, {base}, skew {sizes.skews[-1]:g}": f"K = {sizes.many}, skew {sizes.skews[-1]:g}",
        "minimal, few": f"two parameters, K = {sizes.few}",
        "minimal, many": f"two parameters, K = {sizes.many}",
        "one layer": f"one layer, K = {sizes.many}",
    }
    if not any(_lines(results, arm, "ic") for arm in arms):
        return None
    figure, axes = new_figure(2, 3, width=3.4, height=2.6, sharex=True, sharey=True)
    for axis, (arm, title) in zip(axes.flat, arms.items(), strict=True):
        for number, name in enumerate(("ic", "ic_swapped", "iw")):
            for trial, (steps, values) in enumerate(_lines(results, arm, name)):
                axis.plot(steps, values, color=PALETTE[number], lw=1, alpha=0.8, label=None if trial else NAMES[name])
        axis.set_title(title, fontsize=9)
        axis.set_ylim(0, 1.03)
    for axis in axes[-1]:
        axis.set_xlabel("step")
    for axis in axes[:, 0]:
        axis.set_ylabel("accuracy")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), fontsize=7, frameon=False, loc="outside upper center", ncols=3
    )
    caption = "Learning curves, one line a seed: the full network above, the two-parameter model and one layer below."
    return Picture("learning-curves", figure, caption)


def _equal_labels(results: Results) -> Picture | None:
    if not _lines(results, "equal labels", "ic"):
        return None
    figure, axis = new_figure()
    sizes = results.settings
    arms = {"twice the labels": 2 * sizes.n_labels, "novel": sizes.n_labels, "equal labels": sizes.n_pairs}
    for number, (arm, labels) in enumerate(arms.items()):
        for trial, (steps, values) in enumerate(_lines(results, arm, "ic")):
            label = None if trial else f"L = {labels}"
            axis.plot(steps, values, color=PALETTE[number], lw=1.1, alpha=0.8, label=label)
    axis.set_xlabel("step")
    axis.set_ylabel("accuracy on new classes")
    axis.legend(fontsize=8, frameon=False)
    caption = (
        f"New classes with N = {sizes.n_pairs} pairs and different numbers of labels, one line a seed. Where L = N "
        "there is nothing to learn before matching, and the gradient at the start is the weakest."
    )
    return Picture("labels-and-delay", figure, caption)


def _maps(results: Results) -> Picture | None:
    frame = results.frame("attention")
    if frame.empty:
        return None
    figure, axes = new_figure(2, 2, width=3.0, height=2.9)
    for row, when in zip(axes, ("before", "after"), strict=True):
        for axis, layer in zip(row, (1, 2), strict=True):
            mine = frame[(frame["when"] == when) & (frame["layer"] == layer)].sort_values("query")
            axis.imshow(np.array(mine["value"].tolist()), vmin=0, vmax=1, cmap="viridis")
            axis.set_title(f"layer {layer}, {when} training", fontsize=9)
            axis.grid(False)
            axis.set_xlabel("looks at token")
            axis.set_ylabel("token")
    caption = (
        "Mean attention of a network on new classes, before and after training. In layer 1 label tokens (odd rows) "
        "come to look at the item before them. In layer 2 only the last row is used; its mean spreads over the labels, "
        "because the matching pair may stand anywhere."
    )
    return Picture("attention", figure, caption)


def _flow(results: Results) -> Picture | None:
    grid, path = results.frame("slice"), results.frame("flow")
    if grid.empty or path.empty:
        return None
    along: dict[str, np.ndarray] = {row["what"]: np.asarray(row["value"], float) for _, row in path.iterrows()}
    figure, axes = new_figure(1, 3, width=3.7, height=3.1)
    axes[0].plot(along["times"], along["loss"], color=PALETTE[0])
    for number, pairs in enumerate((1.05 * np.log(8), 0.5 * np.log(8))):
        axes[0].axhline(pairs, color=CONTROL_COLOUR, ls=(":", "--")[number], lw=1)
    axes[0].set_ylabel("loss (nats)")
    for number, name in enumerate(("xi", "alpha", "beta1")):
        axes[1].plot(along["times"], along[name], color=PALETTE[number], label=name)
    axes[1].legend(fontsize=8, frameon=False)
    axes[1].set_ylabel("logit")
    for axis in axes[:2]:
        axis.set_xlabel("time of the flow")
    _landscape(axes[2], grid, along)
    caption = (
        "Gradient flow on three nested logits, N = 8 and L = 32. Left: the loss waits near ln N (dotted: 5 % above it; "
        "dashed: half of it), then drops. Middle: the classifier (xi) moves first, the head after it. Right: the loss "
        "where both logits of the head are equal, with the flow's path (mean of both)."
    )
    return Picture("nested-logits", figure, caption)


def _landscape(axis: Axes, grid: pd.DataFrame, along: dict[str, np.ndarray]) -> None:
    grid = grid.sort_values("xi")
    values = np.array(grid["value"].tolist())
    both = np.linspace(0, 8, values.shape[1])
    axis.contourf(both, grid["xi"], values, levels=14, cmap="viridis")
    axis.plot((along["beta1"] + along["alpha"]) / 2, along["xi"], color="white", lw=1.5)
    axis.set_xlim(0, 8)
    axis.set_ylim(0, float(grid["xi"].max()))
    axis.set_xlabel("beta1 = alpha")
    axis.set_ylabel("xi")
