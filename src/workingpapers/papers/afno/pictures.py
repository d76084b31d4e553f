"""The figures of the AFNO experiment."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from workingpapers.bench.protocols import Picture, Results
from workingpapers.parts.intervals import half_interval
from workingpapers.parts.plotting import CONTROL_COLOUR, PALETTE, new_figure

NAMES = {
    "afno": "AFNO",
    "attention": "self-attention",
    "fused-attention": "self-attention, fused kernel",
    "gfn": "GFN",
    "bfno": "BFNO",
    "pooling": "local pooling",
    "pooled-attention": "pooled attention",
    "no-mixing": "no mixing (control)",
}
COLOURS = dict(zip(NAMES, (*PALETTE[:2], PALETTE[4], *PALETTE[2:4], CONTROL_COLOUR, PALETTE[5]), strict=False))
COLOURS["no-mixing"] = CONTROL_COLOUR


def figures(results: Results) -> Iterable[Picture]:
    """Cost against tokens, few-shot accuracy, spectra, behaviour under shifts, an inpainted photograph."""
    forward, memory = results.frame("forward"), results.frame("memory")
    if len(forward):
        yield _cost(forward, memory)
    miou = results.frame("miou")
    if len(miou):
        yield _accuracy(miou, results.frame("psnr"))
    power = results.frame("power")
    if len(power):
        yield _power(power)
    shift = results.frame("shift-error")
    if len(shift):
        yield _shift(shift)
    photograph = results.frame("photograph")
    if len(photograph):
        yield _photograph(photograph)


def _line(axes: Axes, frame: pd.DataFrame, x: str, arm: str, scale: float = 1.0) -> None:
    of_arm = frame[frame["arm"] == arm].groupby(x)["value"]
    mean, low, high = of_arm.mean() * scale, of_arm.min() * scale, of_arm.max() * scale
    axes.plot(mean.index, mean.to_numpy(), marker="o", label=NAMES.get(arm, arm), color=COLOURS.get(arm))
    axes.fill_between(mean.index, low.to_numpy(), high.to_numpy(), alpha=0.2, color=COLOURS.get(arm))


def _cost(forward: pd.DataFrame, memory: pd.DataFrame) -> Picture:
    figure, (left, right) = new_figure(1, 2)
    for arm in ("attention", "afno", "bfno", "gfn", "pooling"):
        _line(left, forward, "tokens", arm, 1e3)
    for arm in ("attention", "fused-attention", "afno"):
        _line(right, memory, "tokens", arm, 1e-6)
    left.set(xscale="log", yscale="log", xlabel="tokens N", ylabel="ms for one forward pass", title="Time")
    right.set(xscale="log", yscale="log", xlabel="tokens N", ylabel="MB kept for the backward pass", title="Memory")
    for axes in (left, right):
        axes.legend(fontsize=8, frameon=False)
    return Picture(
        "cost",
        figure,
        "Time and memory of one mixer against the number of tokens, both axes logarithmic: a line of slope 1 grows "
        "linearly, one of slope 2 quadratically. Bands span the seeds. Memory of self-attention is drawn with its "
        "N × N matrix formed and with torch's fused kernel, which never keeps it and is linear too.",
    )


def _bars(axes: Axes, frame: pd.DataFrame) -> None:
    arms = [arm for arm in ("afno", "attention", "gfn", "pooled-attention", "no-mixing") if arm in set(frame["arm"])]
    for place, arm in enumerate(arms):
        values = frame.loc[frame["arm"] == arm, "value"]
        axes.errorbar(place, values.mean(), yerr=half_interval(values), fmt="o", color=COLOURS[arm], capsize=4)
        axes.scatter(np.full(len(values), place + 0.15), values, s=10, color=COLOURS[arm], alpha=0.5)
    axes.set_xticks(range(len(arms)), [NAMES[arm].replace(" (control)", "") for arm in arms], rotation=20, ha="right")


def _accuracy(miou: pd.DataFrame, psnr: pd.DataFrame) -> Picture:
    figure, (left, right) = new_figure(1, 2)
    if miou["shots"].nunique() > 1:
        for arm in ("afno", "attention", "gfn", "pooled-attention", "no-mixing"):
            grouped = miou[miou["arm"] == arm].groupby("shots")["value"]
            left.errorbar(
                grouped.mean().index, grouped.mean(), yerr=grouped.apply(half_interval), marker="o", capsize=3,
                color=COLOURS[arm], label=NAMES[arm],
            )  # fmt: skip
        left.set(xscale="log", xlabel="labelled scenes")
        left.legend(fontsize=8, frameon=False)
    else:
        _bars(left, miou)
    _bars(right, psnr)
    left.set(ylabel="mean IoU on fresh scenes", title=f"Few-shot segmentation, {miou['shots'].max()} labelled scenes")
    right.set(ylabel="dB on masked pixels", title="Inpainting")
    return Picture(
        "few-shot",
        figure,
        "The same network with five token mixers: accuracy after fine-tuning on few labelled scenes, and quality of "
        "inpainting before it. Large points with bars are means with 95 % intervals over seeds, small points seeds. "
        "What lies no higher than the network without any mixing has not used other tokens.",
    )


def _power(power: pd.DataFrame) -> Picture:
    figure, axes = new_figure()
    blocks = sorted(power["block"].unique())
    for block in blocks:
        for when, style in (("before", "--"), ("after", "-")):
            chosen = power[(power["block"] == block) & (power["when"] == when)].groupby("frequency")["value"].mean()
            axes.plot(
                chosen.index, chosen.to_numpy(), style, color=PALETTE[int(block) % len(PALETTE)],
                label=f"block {int(block) + 1}, {when}",
            )  # fmt: skip
    axes.set(yscale="log", xlabel="spatial frequency (periods per side)", ylabel="mean power of a coefficient")
    axes.legend(fontsize=7, frameon=False, ncols=2)
    return Picture(
        "spectra",
        figure,
        "Power of the coefficients of the trained network's tokens against spatial frequency, before the mixer's MLP "
        "(dashed) and after the shrinkage (solid). Where the solid line lies far below, a block filters that band out.",
    )


def _shift(shift: pd.DataFrame) -> Picture:
    figure, axes = new_figure()
    afno = shift[shift["arm"] == "afno"].groupby("bias")["value"]
    axes.plot(afno.mean().index, afno.mean().to_numpy(), marker="o", color=COLOURS["afno"], label="AFNO")
    axes.fill_between(afno.mean().index, afno.min().to_numpy(), afno.max().to_numpy(), alpha=0.2)
    for arm in ("gfn", "bfno"):
        value = shift.loc[shift["arm"] == arm, "value"].mean()
        axes.axhline(value, color=COLOURS[arm], linestyle="--", label=f"{NAMES[arm]} (linear)")
    axes.set(
        yscale="log", xlabel="standard deviation of the biases", ylabel="relative error under a shift",
        xscale="symlog",
    )  # fmt: skip
    axes.set_xscale("symlog", linthresh=0.01)
    axes.set_xlim(left=-0.002)
    axes.legend(fontsize=8, frameon=False)
    return Picture(
        "shift",
        figure,
        "Distance between mixing shifted tokens and shifting mixed tokens, relative to the latter. A convolution has "
        "rounding error only, as the linear Fourier mixers have; AFNO's ReLU on real and imaginary parts breaks it "
        "even without biases, and biases add an impulse at the first token.",
    )


def _photograph(photograph: pd.DataFrame) -> Picture:
    figure, panels = new_figure(1, 3, width=2.4, height=2.6)
    for axes, name in zip(panels, ("original", "masked", "filled"), strict=True):
        values = np.asarray(photograph.loc[photograph["picture"] == name, "value"].iloc[0])
        side = round(len(values) ** 0.5)
        axes.imshow(values.reshape(side, side), cmap="gray", vmin=0, vmax=255)
        axes.set(title=name, xticks=[], yticks=[])
        axes.grid(False)
    return Picture(
        "photograph",
        figure,
        "A crop of scikit-learn's flower, 64 × 64 pixels, inpainted by a network that was trained on 32 × 32 crops of "
        "the other photograph: the mixers' parameters do not know the size of the picture.",
    )
