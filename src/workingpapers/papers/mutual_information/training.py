"""Accurate Estimation of Mutual Information in High Dimensional Data, arXiv 2506.00330: the max-test rule.
Official code: none found; the first author's library NeuralMI (MIT) was not used.
Implements training with Adam and stopping at the smoothed maximum of the held-out bound, for all runs at once.
Differences: runs of equal size are one batched model; the weights of one run are kept by a window that can still win.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.ndimage import gaussian_filter1d, median_filter
from torch import Tensor, nn

from workingpapers.papers.mutual_information.bounds import score_gradient, value_of
from workingpapers.papers.mutual_information.critics import Critic, GivenCritic, build_critic
from workingpapers.papers.mutual_information.stacks import MatrixStack, Stack, stack

Kind = Literal["data", "shuffled", "wider"]
LEAST_BATCH = 8
MOST_EVALUATED = 5000
SMOOTHING_REACH = 6  # epochs: half the median's window of 5 and four sigma of the Gaussian
SCORES_AT_ONCE = 2**24
BATCHES = 5  # a pass over fewer batches counts as a part of a pass


@dataclass(frozen=True)
class Options:
    """How one run is trained; the public functions document each.

    Args:
        exact_epochs: Take `epochs` passes. Else at least `5 * epochs` steps: small chunks have few batches a pass, and
            in equal passes they would be trained less, which the line over γ would take for a bias.
    """

    bound: str = "infonce"
    critic: str | nn.Module = "separable"
    encoders: tuple[nn.Module | None, nn.Module | None] = (None, None)
    variational: bool = False
    beta: float = 1024.0
    embed_dim: int = 16
    hidden: int = 64
    split: str = "random"
    epochs: int = 50
    batch_size: int = 128
    lr: float = 5e-4
    exact_epochs: bool = True


@dataclass(frozen=True)
class Run:
    """One critic to train: on which rows, and from which seed. All its randomness comes from `seed`.

    Args:
        rows: Rows of x.
        partners: Rows of y that are paired with them; the same but for a shuffle.
    """

    gamma: int
    chunk: int
    repeat: int
    seed: int
    rows: Int[np.ndarray, " n"]
    partners: Int[np.ndarray, " n"]
    kind: Kind = "data"


@dataclass
class Curve:
    """What one run gave, epoch by epoch, in nats, and the epoch that the max-test rule takes."""

    run: Run
    train: Float[np.ndarray, " epochs"]
    test: Float[np.ndarray, " epochs"]
    smoothed: Float[np.ndarray, " epochs"]
    epoch: int
    n_eval: int
    is_converged: bool
    critic: Critic | GivenCritic | None = field(default=None, repr=False)


def smooth(curve: Float[np.ndarray, " epochs"]) -> Float[np.ndarray, " epochs"]:
    """Median over 5 epochs, then a Gaussian of one epoch, both repeating the ends; not finite counts as very low."""
    finite = np.isfinite(curve)
    if not finite.any():
        return np.zeros_like(curve)
    filled = np.where(finite, curve, curve[finite].min() - 1.0)
    return gaussian_filter1d(median_filter(filled, size=5, mode="nearest"), 1.0, mode="nearest")


def train_runs(
    runs: Sequence[Run],
    x: Tensor,
    y: Tensor,
    options: Options,
    *,
    keep: Run | None = None,
    tick: Callable[[float], None] | None = None,
) -> list[Curve]:
    """Train all runs; those of equal size share each forward and backward pass.

    Args:
        runs: In any order.
        x: z-scored samples, shape `(samples, ...)`.
        y: Likewise.
        options: The same for all.
        keep: The run whose critic is kept at the epoch taken.
        tick: Called after each pass of each group of runs, with the share of the group's passes that it is.

    Returns:
        A curve for each run, in the order of `runs`.
    """
    groups: dict[int, list[Run]] = {}
    for run in runs:
        groups.setdefault(len(run.rows), []).append(run)
    curves = {
        id(curve.run): curve for group in groups.values() for curve in _train_group(group, x, y, options, keep, tick)
    }
    return [curves[id(run)] for run in runs]


def count_groups(runs: Iterable[Run]) -> int:
    """How many groups `train_runs` makes, the wider runs apart."""
    return len({(len(run.rows), run.kind == "wider") for run in runs})


def split_rows(n: int, split: str, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Positions for training and for the test, 90 to 10; `blocked` tests on a contiguous block between two gaps."""
    n_test = max(LEAST_BATCH, round(0.1 * n))
    if split == "random":
        order = torch.randperm(n, generator=generator)
        return order[n_test:], order[:n_test]
    gap = max(1, round(0.02 * n))
    start = int(torch.randint(gap, n - n_test - gap + 1, (1,), generator=generator))
    positions = torch.arange(n)
    train = torch.cat([positions[: start - gap], positions[start + n_test + gap :]])
    return train[torch.randperm(len(train), generator=generator)], positions[start : start + n_test]


def _train_group(
    runs: list[Run], x: Tensor, y: Tensor, options: Options, keep: Run | None, tick: Callable[[float], None] | None
) -> list[Curve]:
    device, size = x.device, len(runs[0].rows)
    generators = [torch.Generator().manual_seed(run.seed) for run in runs]
    parts = [split_rows(size, options.split, generator) for generator in generators]
    train, test = (torch.stack([pair[side] for pair in parts]).to(device) for side in (0, 1))
    rows = torch.from_numpy(np.stack([run.rows for run in runs])).to(device)
    partners = torch.from_numpy(np.stack([run.partners for run in runs])).to(device)
    sample = (x[:2], y[:2])
    # layers start from torch's global generator before ours replace that start: its state is put back
    with _seeded(runs[0].seed, device):
        critics = [
            build_critic(
                options.critic,
                sample,
                options.encoders,
                options.embed_dim,
                options.hidden,
                variational=options.variational,
                generator=generator,
            ).to(device, x.dtype)
            for generator in generators
        ]
        model = stack(critics, sample)
    optimizer = torch.optim.Adam(model.parameters, lr=options.lr, fused=x.device.type in ("cpu", "cuda"))
    n_test = min(test.shape[1], MOST_EVALUATED)
    n_eval = min(train.shape[1], max(n_test, 2 * options.batch_size), MOST_EVALUATED)
    data = _Pairs(x, y, rows, partners)
    passes = count_passes(train.shape[1], options)
    history = np.full((2, len(runs), passes), np.nan)
    ended = [passes] * len(runs)
    kept = next((i for i, run in enumerate(runs) if run is keep), None)
    window: dict[int, Critic | GivenCritic] = {}
    # dropout and the like draw from torch's global generator: its state is put back afterwards
    drawn = nullcontext() if isinstance(model, MatrixStack) else _seeded(runs[0].seed, device)
    with drawn:
        for epoch in range(passes):
            _train_epoch(model, optimizer, data, train, generators, options)
            history[0, :, epoch] = _evaluate(model, data, train[:, :n_eval], options)
            history[1, :, epoch] = _evaluate(model, data, test[:, :n_test], options)
            if not options.exact_epochs:
                ended = [_end(ended[i], history[1, i, : epoch + 1], passes) for i in range(len(runs))]
            if kept is not None and epoch < ended[kept]:
                window[epoch] = model.critic(kept)
                _forget(window, history[1, kept, : epoch + 1])
            if tick is not None:
                tick(1 / passes)
            if max(ended) <= epoch + 1 < passes:
                break
    curves = []
    for i, run in enumerate(runs):
        values, tests = history[:, i, : ended[i]]
        smoothed = smooth(tests)
        best = int(smoothed.argmax())
        # where values were not finite the maximum may have left the window: the nearest epoch stands in
        critic = window[min(window, key=lambda epoch: abs(epoch - best))] if i == kept else None
        is_converged = ended[i] < passes or best < len(smoothed) - 1
        curves.append(Curve(run, values, tests, smoothed, best, n_eval, is_converged, critic))
    return curves


def count_passes(n_train: int, options: Options) -> int:
    """Passes over `n_train` samples: `epochs`, or as many as make `5 * epochs` steps."""
    batches = n_train // options.batch_size + (n_train % options.batch_size >= LEAST_BATCH)
    return options.epochs if options.exact_epochs else math.ceil(options.epochs * max(1.0, BATCHES / max(1, batches)))


def _end(ended: int, test: np.ndarray, passes: int) -> int:
    """After how many passes a run's record ends: once a quarter of all passes brought no new smoothed maximum.

    It depends on the run alone, so a run gives the same whether others go on beside it or not.
    """
    if ended < passes:
        return ended
    return len(test) if len(test) - 1 - int(smooth(test).argmax()) >= max(10, passes // 4) else passes


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    """torch's global generators seeded inside, and as they were outside."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@dataclass(frozen=True)
class _Pairs:
    """Pairs of all runs, by their positions within each run's rows."""

    x: Tensor
    y: Tensor
    rows: Tensor
    partners: Tensor

    def take(self, positions: Int[Tensor, "runs batch"]) -> tuple[Tensor, Tensor]:
        return self.x[self.rows.gather(1, positions)], self.y[self.partners.gather(1, positions)]


def _train_epoch(
    model: Stack,
    optimizer: torch.optim.Optimizer,
    data: _Pairs,
    train: Tensor,
    generators: list[torch.Generator],
    options: Options,
) -> None:
    n = train.shape[1]
    order = torch.stack([torch.randperm(n, generator=each) for each in generators]).to(train.device)
    shuffled = train.gather(1, order)
    noises = None
    if options.variational:
        drawn = [torch.randn(2, n, options.embed_dim, generator=each, dtype=data.x.dtype) for each in generators]
        noises = torch.stack(drawn, 1).to(data.x.device)
    for start in range(0, n, options.batch_size):
        stop = min(n, start + options.batch_size)
        if stop - start < LEAST_BATCH:
            break
        noise = None if noises is None else (noises[0, :, start:stop], noises[1, :, start:stop])
        scores, kl = model.scores(*data.take(shuffled[:, start:stop]), noise, training=True)
        optimizer.zero_grad()
        gradient = score_gradient(options.bound, scores.detach()).neg_()
        if kl.requires_grad:  # KL - β I, divided by β: the same for Adam, with gradients of ordinary size
            torch.autograd.backward([scores, kl], [gradient, torch.full_like(kl, 1 / options.beta)])
        else:
            torch.autograd.backward([scores], [gradient])
        optimizer.step()


@torch.no_grad()
def _evaluate(model: Stack, data: _Pairs, positions: Tensor, options: Options) -> np.ndarray:
    """The bound on these positions, in nats; Jensen-Shannon trains the critic and Donsker-Varadhan reads it."""
    scores, _ = model.scores(*data.take(positions), None, training=False)
    runs = max(1, SCORES_AT_ONCE // scores[0].numel())
    bound = "dv" if options.bound == "js" else options.bound
    values = [value_of(bound, part.float() if part.itemsize < 4 else part) for part in torch.split(scores, runs)]
    return torch.cat(values).double().cpu().numpy()


def _forget(window: dict[int, Critic | GivenCritic], test: np.ndarray) -> None:
    """Drop the weights of epochs that can no longer be the smoothed maximum."""
    last = len(test) - 1
    settled = smooth(test)[: max(0, last - SMOOTHING_REACH + 1)]
    needed = set(range(max(0, last - SMOOTHING_REACH), last + 1))
    if len(settled):
        needed.add(int(settled.argmax()))
    for epoch in set(window) - needed:
        del window[epoch]


def ceiling(n_eval: int) -> float:
    """The most that InfoNCE can give on `n_eval` samples, in nats."""
    return math.log(n_eval)
