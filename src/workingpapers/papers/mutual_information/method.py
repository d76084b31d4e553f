"""Accurate Estimation of Mutual Information in High Dimensional Data, arXiv 2506.00330: the protocol.
Official code: none found; the first author's library NeuralMI (MIT) was not used.
Implements the estimate on chunks of N / γ samples, its extrapolation, its interval and its reliability checks.
Differences: all runs train as one batched model; two checks, their thresholds and a part of the interval are ours.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from torch import nn

from workingpapers.errors import InvalidParameterError
from workingpapers.papers.mutual_information.arguments import (
    UNITS,
    derived_seed,
    grid,
    scaled_pair,
    threads,
    training_options,
)
from workingpapers.papers.mutual_information.extrapolation import extrapolate
from workingpapers.papers.mutual_information.inputs import ArrayLike
from workingpapers.papers.mutual_information.reliability import all_checks, values_of
from workingpapers.papers.mutual_information.result import MIResult, in_units
from workingpapers.papers.mutual_information.training import Curve, Kind, Options, Run, count_groups, train_runs
from workingpapers.parts.checks import one_of, real_number, seed_number

NULL_GAMMAS = 3
_KINDS: tuple[Kind, ...] = ("data", "shuffled", "wider")


def estimate_mi(
    x: ArrayLike,
    y: ArrayLike,
    *,
    bound: str = "infonce",
    critic: str | nn.Module = "separable",
    encoder: nn.Module | tuple[nn.Module | None, nn.Module | None] | None = None,
    variational: bool = False,
    beta: float = 1024.0,
    embed_dim: int = 16,
    gammas: Iterable[int] = range(1, 7),
    repeats: Mapping[int, int] = {1: 3, 2: 2},
    confidence: float = 0.95,
    split: str = "random",
    units: str = "bits",
    epochs: int = 50,
    batch_size: int = 128,
    lr: float = 5e-4,
    device: torch.device | str | None = None,
    seed: int = 0,
    n_jobs: int = 1,
    hidden: int = 64,
    discrete_y: bool = False,
    dtype: torch.dtype = torch.float32,
) -> MIResult:
    """Mutual information of x and y with an interval, and whether to trust it.

    A critic is trained on the whole sample and on each of γ chunks of it, for every γ; each takes its value at the
    epoch where the held-out bound is largest. Finite samples bias the values by an amount that grows with γ / N, so
    the line `I(γ) = a0 + a1 γ` through them is read at γ = 0. All runs, the shuffled ones among them, train at once.

    Args:
        x: Samples first, shape `(samples, features)` or `(samples,)`; with `encoder` any shape, such as
            `(samples, channels, height, width)`. NumPy, torch or a DataFrame.
        y: Likewise, of the same length.
        bound: infonce, smile, nwj, js or dv. infonce cannot pass log2 of the samples evaluated (256 or fewer by
            default: 8 bits); smile can, and is less stable; dv and nwj vary most; js trains by Jensen-Shannon and reads
            its critic by dv.
        critic: separable `g(x) · h(y)`; hybrid, an MLP on `[g(x), h(y)]`; concat, an MLP on `[x, y]` (both score every
            pair, at the cost of batch_size²); or a module that gives the scores `(batch, batch)` of a batch of x and y.
        encoder: Module for both x and y, or a pair of modules, None for the MLP. It is copied for each run with the
            weights that it has, and trained; it gives `(batch, dim)`, and a linear layer leads to `embed_dim`.
            Parameters that need no gradient stay as they are. Batch norm is trained run by run.
        variational: VSIB: embeddings are `N(μ, σ²)` in training, and their KL divergence is paid for. For high
            information; at low information its bias is larger.
        beta: Weight of the information against the KL divergences.
        embed_dim: Numbers of an embedding.
        gammas: Into how many chunks the sample is cut. A chunk needs 32 samples; up to γ - 1 samples are left over.
        repeats: Runs of each chunk with other starts, by γ; 1 where γ is not named.
        confidence: Of the interval.
        split: random or blocked. Test samples at random; or a contiguous block of each chunk between two gaps, and
            contiguous chunks, for time series.
        units: bits or nats, of everything returned.
        epochs: Passes over the samples of a run; where a pass has fewer than 5 batches, as many passes as make
            `5 * epochs` steps. A run ends early when a quarter of its passes brought no better held-out value.
        batch_size: Pairs of a step; at least 8.
        lr: Learning rate of Adam.
        device: Where to train; None is the CPU.
        seed: All randomness comes from it; torch's and NumPy's global generators are left alone.
        n_jobs: Threads of torch; -1 for as many as torch uses now.
        hidden: Units of the hidden layers.
        discrete_y: y holds class labels: take them as one-hot columns.
        dtype: float32 or float64, of the training.

    Returns:
        `MIResult`; print it, ask `.mi`, `.ci`, `.reliable`, `.failed`, `.per_run`, or `.plot()`.

    Raises:
        InvalidParameterError: x and y of different length, fewer than 64 samples, chunks below 32, NaN or infinite
            values, one class only, all columns constant, or an argument outside of what is allowed.
        InvalidTypeError: an argument of another type; a critic that gives no square matrix of scores.

    Differs from the paper: curvature must be significant to count; the interval also holds the scatter between
    disjoint chunks, because all runs share one sample; the checks `gap` and `shuffle` and most thresholds are ours.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> common = rng.normal(size=(400, 1))
        >>> x, y = common + 0.5 * rng.normal(size=(400, 5)), common + 0.5 * rng.normal(size=(400, 5))
        >>> result = estimate_mi(x, y, gammas=(1, 2, 3, 4))
        >>> truth = -0.5 * np.log2(1 - (1 / 1.05) ** 2)  # of the means of the five columns
        >>> bool(result.ci[0] < truth < result.ci[1])
        True
    """
    options = training_options(
        bound=bound,
        critic=critic,
        encoder=encoder,
        variational=variational,
        beta=beta,
        embed_dim=embed_dim,
        hidden=hidden,
        split=split,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
    )
    options = replace(options, exact_epochs=False)
    factor = float(UNITS[one_of("units", units, UNITS)])
    level = real_number("confidence", confidence, above=0, below=1)
    number = seed_number(seed)
    with threads(n_jobs):
        first, second, _ = scaled_pair(x, y, options, discrete_y=discrete_y, device=device, dtype=dtype)
        chosen, counts = grid(gammas, repeats, len(first))
        runs = plan_runs(len(first), chosen, counts, options, number)
        with progress(count_groups(runs)) as tick:
            curves = train_protocol(runs, first, second, options, tick)
    return _conclude(curves, runs, options, level, factor, units)


def plan_runs(samples: int, gammas: list[int], repeats: Mapping[int, int], options: Options, seed: int) -> list[Run]:
    """Every run of a protocol: chunks of one permutation for each γ, shuffled pairs, twice the embedding.

    Shuffled pairs take one run for each chunk at the smallest three γ, the wider embedding the runs on the smallest γ.
    """
    rng = np.random.default_rng(derived_seed(seed, 0))
    master = np.arange(samples) if options.split == "blocked" else rng.permutation(samples)
    partners = _shift(master, rng) if options.split == "blocked" else rng.permutation(samples)
    runs = []
    for gamma in gammas:
        size = samples // gamma
        for chunk in range(gamma):
            rows = master[chunk * size : (chunk + 1) * size]
            for repeat in range(repeats.get(gamma, 1)):
                runs.append(_run("data", gamma, chunk, repeat, seed, rows, rows))
            if gamma in gammas[:NULL_GAMMAS]:
                runs.append(_run("shuffled", gamma, chunk, 0, seed, rows, partners[chunk * size : (chunk + 1) * size]))
    if options.critic in ("separable", "hybrid"):
        first = [run for run in runs if run.gamma == gammas[0] and run.kind == "data"]
        runs += [_run("wider", r.gamma, r.chunk, r.repeat, seed, r.rows, r.partners) for r in first]
    return runs


def _shift(master: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A series against itself shifted round by a third to two thirds: pairs are broken, each keeps its own order."""
    return np.roll(master, int(rng.integers(len(master) // 3, 2 * len(master) // 3)))


def _run(kind: Kind, gamma: int, chunk: int, repeat: int, seed: int, rows: np.ndarray, partners: np.ndarray) -> Run:
    own_seed = derived_seed(seed, 1 + _KINDS.index(kind), gamma, chunk, repeat)
    return Run(gamma, chunk, repeat, own_seed, rows, partners, kind)


def train_protocol(
    runs: list[Run],
    x: torch.Tensor,
    y: torch.Tensor,
    options: Options,
    tick: Callable[[float], None] | None = None,
) -> list[Curve]:
    """All runs of a plan; the critic of the first is kept."""
    plain = [run for run in runs if run.kind != "wider"]
    wider = [run for run in runs if run.kind == "wider"]
    curves = train_runs(plain, x, y, options, keep=runs[0], tick=tick)
    return curves + train_runs(wider, x, y, replace(options, embed_dim=2 * options.embed_dim), tick=tick)


def _conclude(
    curves: list[Curve], runs: list[Run], options: Options, level: float, factor: float, units: str
) -> MIResult:
    data = [curve for curve in curves if curve.run.kind == "data"]
    gammas, chunks, values = values_of(data)
    if not np.isfinite(values).all():
        raise InvalidParameterError(
            f"{int((~np.isfinite(values)).sum())} of {len(values)} runs diverged with bound={options.bound!r} and "
            f"lr={options.lr:g}; choose a smaller lr, or bound='infonce'"
        )
    line = extrapolate(gammas, chunks, values, level)
    checks = tuple(in_units(check, factor) for check in all_checks(curves, line, options.bound, level))
    rows = [
        {
            "gamma": c.run.gamma,
            "chunk": c.run.chunk,
            "n": len(c.run.rows),
            "train_mi": factor * float(c.train[c.epoch]),
            "test_mi": factor * float(c.test[c.epoch]),
            "epoch": c.epoch,
            "repeat": c.run.repeat,
            "kind": c.run.kind,
        }
        for c in curves
    ]
    model = curves[0].critic
    if model is None:  # train_protocol kept it
        raise RuntimeError("the critic of the first run was not kept")
    mi, half, wide = (factor * v for v in (line.intercept, line.half_width, line.prediction_half_width))
    return MIResult(
        mi=mi,
        ci=(mi - half, mi + half),
        reliable=all(check.passed for check in checks),
        checks=checks,
        per_run=pd.DataFrame(rows),
        model=model,
        slope=factor * line.slope,
        prediction=(mi - wide, mi + wide),
        used_gammas=line.gammas,
        line_half_width=factor * line.line_half_width,
        sampling_half_width=factor * line.sampling_half_width,
        confidence=level,
        units=units,
    )


@contextmanager
def progress(total: int) -> Iterator[Callable[[float], None] | None]:
    """A bar on a terminal's standard error; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("training critics", total=total)
        yield lambda share: bar.advance(task, share)
