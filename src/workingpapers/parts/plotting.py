"""One look for the figures of all papers: matplotlib figures without pyplot's global state."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette: distinguishable with colour-blind eyes and in grey
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
CONTROL_COLOUR = "#888888"


def new_figure(
    rows: int = 1, columns: int = 1, *, width: float = 5.2, height: float = 3.6, **subplots: Any
) -> tuple[Figure, Any]:
    """A figure of `rows` × `columns` axes, `width` × `height` inches each, in the house look.

    Returns:
        The figure and its axes: one `Axes` where there is one, else numpy's array of them.
    """
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained", dpi=130)
    axes = figure.subplots(rows, columns, **subplots)
    for one in figure.axes:
        _dress(one)
    return figure, axes


def _dress(axes: Axes) -> None:
    axes.set_prop_cycle(color=PALETTE)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, alpha=0.25, linewidth=0.6)
    axes.tick_params(labelsize=9)
