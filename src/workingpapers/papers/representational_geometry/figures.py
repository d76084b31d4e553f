"""The figures of this paper, drawn from records."""

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import torch
from sklearn.manifold import MDS

from workingpapers.bench.protocols import Picture, Results
from workingpapers.papers.representational_geometry.flow import weight_flow
from workingpapers.papers.representational_geometry.measure_cells import PAIR
from workingpapers.papers.representational_geometry.measure_flow import POINTS, SIGNS
from workingpapers.parts.intervals import half_interval
from workingpapers.parts.plotting import CONTROL_COLOUR, PALETTE, new_figure

COLOURS = {"tanh": PALETTE[0], "relu": PALETTE[1], "linear": CONTROL_COLOUR, "inputs": PALETTE[6]}
NAMES = {"tanh": "tanh", "relu": "ReLU", "linear": "linear network", "inputs": "raw inputs"}


def figures(results: Results) -> Iterable[Picture]:
    """Alignment over training, differences over tasks, the sweep, condition means, weight dynamics, decoding."""
    drawings: tuple[Callable[[Results], Picture | None], ...] = (
        _differences,
        _grid,
        _sweep,
        _over_training,
        _means,
        _flow,
        _decoding,
    )
    for draw in drawings:
        picture = draw(results)
        if picture is not None:
            yield picture


def _paired(frame: pd.DataFrame, groups: list[str]) -> pd.DataFrame:
    """Tanh minus ReLU for each group and trial: mean and half-width of the 95 % interval over trials."""
    frame = frame[frame["arm"].isin(PAIR)]
    wide = frame.pivot_table(index=[*groups, "repetition"], columns="arm", values="value", aggfunc="mean")
    gaps = (wide["tanh"] - wide["relu"]).reset_index(name="gap").groupby(groups, sort=False)["gap"]
    return pd.DataFrame({"mean": gaps.mean(), "half": gaps.agg(half_interval)}).reset_index()


def _differences(results: Results) -> Picture | None:
    figure, axes = new_figure(1, 2, width=5.0, height=4.6, sharey=True)
    wanted = (("target", "alignment with the label"), ("input", "alignment with the inputs"))
    for ax, (name, title) in zip(axes, wanted, strict=True):
        frame = results.frame(name)
        if frame.empty:
            return None
        # Images have one alignment only; their claim tells it
        gaps = _paired(frame[frame["trained"] & (frame["cell"] != "images")], ["cell"])
        ax.errorbar(gaps["mean"], range(len(gaps)), xerr=gaps["half"], fmt="o", color=PALETTE[0], capsize=2)
        ax.axvline(0.0, color="black", lw=0.8)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("tanh minus ReLU")
        ax.set_yticks(range(len(gaps)), gaps["cell"], fontsize=8)
    axes[0].invert_yaxis()
    caption = (
        "Where the effect is and where it is not: tanh minus ReLU in each kind of task, mean and 95 % interval over "
        "trials. Right of the line tanh is ahead. The paper's signs are right in the left panel, left in the right one."
    )
    return Picture("differences", figure, caption)


def _grid(results: Results) -> Picture | None:
    settings = results.settings
    figure, axes = new_figure(1, 2, width=4.4, height=3.2)
    for ax, (name, title) in zip(axes, (("target", "label"), ("input", "inputs")), strict=True):
        frame = results.frame(name)
        if frame.empty:
            return None
        gaps = _paired(frame[frame["trained"]], ["cell"]).set_index("cell")["mean"]
        table = np.array(
            [
                [gaps[f"separability {separability:g}, noise {noise:g}"] for separability in settings.separabilities]
                for noise in settings.noises
            ]
        )
        limit = max(float(np.abs(table).max()), 1e-6)
        image = ax.imshow(table, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
        for (i, j), value in np.ndenumerate(table):
            colour = "white" if abs(value) > 0.6 * limit else "black"
            ax.text(j, i, f"{value:+.3f}", ha="center", va="center", fontsize=8, color=colour)
        ax.set_xticks(range(len(settings.separabilities)), [f"{each:g}" for each in settings.separabilities])
        ax.set_yticks(range(len(settings.noises)), [f"{each:g}" for each in settings.noises])
        ax.set(xlabel="separability of the label in the inputs", ylabel="noise")
        ax.set_title(f"alignment with the {title}, tanh minus ReLU", fontsize=9)
        ax.grid(False)
        figure.colorbar(image, ax=ax, shrink=0.8)
    caption = (
        "The family of tasks: the more separable the inputs are along the label already, the less is left for the "
        "activation to decide. Red: tanh is ahead; blue: ReLU."
    )
    return Picture("grid", figure, caption)


def _sweep(results: Results) -> Picture | None:
    wanted = (
        ("parallelism", "parallelism score"),
        ("selectivity", "label selectivity"),
        ("target", "target alignment"),
        ("input", "input alignment"),
    )
    figure, axes = new_figure(1, 4, width=3.0, height=3.8, sharey=True)
    order: list[str] = []
    for ax, (name, title) in zip(axes, wanted, strict=True):
        frame = results.frame(name)
        if frame.empty:
            return None
        frame = frame[frame["cell"] == "three labels"]
        trained = frame[frame["trained"]].groupby("arm")["value"].agg(["mean", half_interval])
        untrained = frame[~frame["trained"]].groupby("arm")["value"].mean()
        if not order:
            order = trained["mean"].sort_values(ascending=False).index.tolist()
        y = range(len(order))
        colours = [COLOURS.get(arm, PALETTE[2]) for arm in order]
        ax.barh(y, trained["mean"][order], xerr=trained["half_interval"][order], color=colours, height=0.6)
        ax.plot(untrained[order], y, "|", color="black", ms=9, label="before training")
        ax.set_title(title, fontsize=10)
        ax.set_yticks(y, order, fontsize=8)
    axes[0].invert_yaxis()
    axes[0].legend(fontsize=7, frameon=False, loc="lower right")
    caption = (
        "Three labels on eight unstructured clusters, one network for each activation and trial; 95 % intervals over "
        "trials, ticks before training. Read it from above: which functions are most parallel?"
    )
    return Picture("sweep", figure, caption)


def _over_training(results: Results) -> Picture | None:
    frame = results.frame("alignment_over_training")
    if frame.empty:
        return None
    cells = list(dict.fromkeys(frame["cell"]))
    steps = results.frame("steps_over_training")["value"].iloc[0]
    figure, axes = new_figure(1, len(cells), width=4.6, height=3.4, sharey=True)
    for ax, cell in zip(np.atleast_1d(axes), cells, strict=True):
        for (arm, to), part in frame[frame["cell"] == cell].groupby(["arm", "to"]):
            values = np.array(part["value"].tolist())  # (trials, moments)
            mean, spread = values.mean(0), values.std(0)
            style = "-" if to == "target" else "--"
            ax.plot(steps, mean, style, color=COLOURS[arm], label=f"{NAMES[arm]}, {to}")
            ax.fill_between(steps, mean - spread, mean + spread, color=COLOURS[arm], alpha=0.12, linewidth=0)
        ax.set_title(cell, fontsize=9)
        ax.set_xlabel("step")
    np.atleast_1d(axes)[0].set_ylabel("centred kernel alignment")
    np.atleast_1d(axes)[0].legend(fontsize=7, frameon=False)
    caption = (
        "Alignment with the label (solid) and with the inputs (dashed) over training, mean and standard deviation over "
        "trials. Left the default task, right the exception: exclusive or on structured inputs, where ReLU is ahead."
    )
    return Picture("over-training", figure, caption)


def _means(results: Results) -> Picture | None:
    frame = results.frame("condition_distances")
    if frame.empty:
        return None
    shown = [arm for arm in ("inputs", "relu", "tanh") if arm in set(frame["arm"])]
    figure, axes = new_figure(1, len(shown), width=3.2, height=3.3)
    bits = (np.arange(8)[:, None] >> np.arange(3)) & 1
    for ax, arm in zip(np.atleast_1d(axes), shown, strict=True):
        distances = np.array(frame[frame["arm"] == arm]["value"].iloc[0])
        distances = (distances + distances.T) / 2
        np.fill_diagonal(distances, 0.0)
        points = MDS(
            metric="precomputed", n_init=2, init="random", random_state=0, normalized_stress=False
        ).fit_transform(distances)
        for i in range(8):
            for j in range(i):
                if np.abs(bits[i] - bits[j]).sum() == 1:
                    factor = int(np.abs(bits[i] - bits[j]).argmax())
                    ax.plot(*points[[i, j]].T, color=PALETTE[2 + factor], lw=1.2, zorder=1)
        ax.scatter(*points.T, c=[COLOURS["tanh"] if bit else COLOURS["relu"] for bit in bits[:, 0]], s=40, zorder=2)
        ax.set_title(NAMES[arm], fontsize=10)
        ax.set_aspect("equal", adjustable="datalim")
        ax.set(xticks=[], yticks=[])
    caption = (
        "Condition means of the first trial in the plane that keeps their distances best (multidimensional scaling). "
        "Points are conditions, coloured by the first label; lines join conditions that differ in one label, a "
        "colour for each. Parallel lines of one colour are what the parallelism score counts."
    )
    return Picture("condition-means", figure, caption)


def _flow(results: Results) -> Picture | None:
    weights, readout = results.frame("flow_weights"), results.frame("flow_readout")
    if weights.empty:
        return None
    figure, axes = new_figure(1, 2, width=4.2, height=4.0)
    X, y = torch.tensor(POINTS, dtype=torch.float64), torch.tensor(SIGNS, dtype=torch.float64)
    side = np.linspace(-2.4, 2.4, 17)
    grid = np.stack([*np.meshgrid(side, side), np.zeros((17, 17))], axis=-1).reshape(-1, 3)
    for ax, arm in zip(axes, PAIR, strict=True):
        flow = weight_flow(arm, X, y, torch.from_numpy(grid)).numpy()
        ax.quiver(*grid.T[:2], *flow.T[:2], color=CONTROL_COLOUR, alpha=0.7, width=0.004)
        own = weights[weights["arm"] == arm].sort_values("step")
        paths = np.array(own["value"].tolist())  # (moments, units, 3)
        positive = np.array(readout[readout["arm"] == arm]["value"].iloc[0]) > 0
        for unit in np.flatnonzero(positive):
            ax.plot(*paths[:, unit, :2].T, color=COLOURS[arm], lw=1.2)
            ax.plot(*paths[-1, unit, :2], "o", color=COLOURS[arm], ms=4)
        for point, sign in zip(POINTS, SIGNS, strict=True):
            ax.plot(*point[:2], "P" if sign > 0 else "X", color="black", ms=8)
        ax.set_title(f"{NAMES[arm]}: units with a positive readout", fontsize=10)
        ax.set(xlim=(-2.5, 2.5), ylim=(-2.5, 2.5), aspect="equal")
        ax.set(xlabel="axis between the classes", ylabel="axis within the class +")
    caption = (
        "Four clusters at equal distances (both clusters of class × lie at one point of this plane). Arrows: where "
        "gradient descent moves a unit's input weights at the start of learning. Lines: where units went, dots: their "
        "ends. Tanh pulls weights to the axis between the classes; a ReLU unit that faces one cluster follows that one."
    )
    return Picture("weight-flow", figure, caption)


def _decoding(results: Results) -> Picture | None:
    frame, generalisation = results.frame("decoding"), results.frame("ccgp")
    if frame.empty or generalisation.empty:
        return None
    figure, axes = new_figure(1, 2, width=4.4, height=3.3)
    frame = frame[frame["dichotomies"] == "untrained"]
    generalisation = generalisation[generalisation["trained"]]
    titles = ("untrained dichotomies, one label trained", "CCGP of three trained labels")
    for ax, part, title in zip(axes, (frame, generalisation), titles, strict=True):
        for arm in dict.fromkeys(part["arm"]):
            own = part[part["arm"] == arm]
            curve = own.groupby("noise")["value"].agg(["mean", "std"]).fillna(0.0)
            ax.errorbar(
                curve.index, curve["mean"], curve["std"], marker="o", ms=4, color=COLOURS[arm], label=NAMES[arm]
            )
        ax.axhspan(0.7, 0.95, color=CONTROL_COLOUR, alpha=0.12, linewidth=0)
        ax.set_title(title, fontsize=10)
        ax.set(xlabel="noise of the inputs", ylabel="accuracy", ylim=(0.45, 1.03))
        ax.legend(fontsize=8, frameon=False)
    caption = (
        "Accuracy against noise, mean and standard deviation over trials. Claims are judged at the first noise of each "
        "trial whose mean accuracy lies in the grey band: below it everything is read, above it nothing."
    )
    return Picture("decoding", figure, caption)
