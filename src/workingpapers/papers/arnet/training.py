"""AR-Net: A simple Auto-Regressive Neural Network for time-series, arXiv 1911.12436: the network and its training.
Official code: github.com/ourownstory/AR-Net (MIT); nothing of it is used here.
Implements section 3: one linear layer (or hidden ReLU layers) on p lags, trained by mini-batches, loss MSE + λ(s) R(W).
Differences: zero start; averaged AdamW, or with a penalty one cycle and a late λ; the paper decays Adam's rate.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from workingpapers.papers.arnet.penalty import SparseARLayer

_WARM_FRAC, _START_DIV, _FINAL_DIV = 0.25, 25.0, 1e4  # the one-cycle schedule of the authors' later code
_AVERAGED_FRAC = 0.6  # share of training, at its end, over which the weights of a dense linear network are averaged
_FULL_STEPS, _MAX_RATE = 1500, 0.05  # with fewer steps the default rate grows, so that weights can travel as far


@dataclass(frozen=True)
class TrainingPlan:
    """How a network is trained.

    Args:
        epochs: Passes over all windows.
        batch_size: Windows per step.
        lr: Peak of the rate.
        averaged: Whether the rate stays at its peak and the weights of the last 60 % of training are averaged
            (Polyak and Juditsky); made for the convex loss of one linear layer without a penalty.
        strength: Final λ of the penalty on the first layer.
        start: Share of training at which λ leaves 0.
        full: Share of training from which λ is whole.
    """

    epochs: int
    batch_size: int
    lr: float | int
    averaged: bool = False
    strength: float = 0.0
    start: float | int = 0.3
    full: float | int = 0.8

    def rate(self, progress: float) -> float:
        """Learning rate: constant, or one cycle (cosine up in the first quarter, cosine down to almost 0 after)."""
        if self.averaged:
            return self.lr
        low = self.lr / _START_DIV
        if progress < _WARM_FRAC:
            return _cosine(low, self.lr, progress / _WARM_FRAC)
        return _cosine(self.lr, low / _FINAL_DIV, (progress - _WARM_FRAC) / (1 - _WARM_FRAC))

    def penalty(self, progress: float) -> float:
        """λ at a share of training: 0 until `start`, then linear, whole from `full` on."""
        if progress >= self.full:
            return self.strength
        return self.strength * max(0.0, progress - self.start) / (self.full - self.start)


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * share))


def default_rate(steps: int, *, averaged: bool, sparse: bool) -> float:
    """Peak rate where none is given: 1e-2 averaged, 2e-3 with a penalty, else 5e-3; more where there are few steps."""
    base = 1e-2 if averaged else 2e-3 if sparse else 5e-3
    return max(base, min(base * _FULL_STEPS / steps, _MAX_RATE))


def build_network(
    p: int,
    h: int,
    hidden: Sequence[int],
    *,
    c1: float | int,
    c2: float | int,
    bias: bool,
    device: torch.device | str | None,
    generator: torch.Generator,
) -> nn.Sequential:
    """Linear layer p → h, or p → hidden … → h with ReLU between; inputs are oldest first.

    A single linear layer starts at 0 (its loss is convex, and small random weights would have to be unlearned at large
    p); deeper networks start as `torch.nn.Linear` does, drawn from `generator`.
    """
    widths = [p, *hidden, h]
    layers: list[nn.Module] = [_undrawn(SparseARLayer, p, widths[1], bias or len(hidden) > 0, c1=c1, c2=c2)]
    for left, right in pairwise(widths[1:]):
        layers += [nn.ReLU(), _undrawn(nn.Linear, left, right)]
    network = nn.Sequential(*layers)
    for layer in network:
        if isinstance(layer, nn.Linear):
            bound = 1 / math.sqrt(layer.in_features) if hidden else 0.0
            for parameter in layer.parameters():
                with torch.no_grad():
                    parameter.uniform_(-bound, bound, generator=generator)
    return network.to(device)


def _undrawn(layer: Callable[..., nn.Linear], *args: Any, **kwargs: Any) -> nn.Linear:
    """The layer without its own start, which would draw from torch's global generator."""
    return layer(*args, **kwargs, device="meta").to_empty(device="cpu")


def window_starts(lengths: Sequence[int], width: int) -> Int[np.ndarray, "rows"]:
    """First index of every window of `width` values that lies within one of the series laid end to end."""
    offsets = np.cumsum([0, *lengths[:-1]])
    return np.concatenate(
        [np.arange(start, start + max(n - width + 1, 0)) for start, n in zip(offsets, lengths, strict=True)]
    )


def train(
    network: nn.Sequential,
    values: Float[Tensor, "n"],
    starts: Int[np.ndarray, "rows"],
    plan: TrainingPlan,
    generator: torch.Generator,
    watch: Callable[[float, float], None] | None = None,
) -> list[float]:
    """Train on the windows of `values` that begin at `starts`; no window is copied before its batch.

    Args:
        network: From `build_network`; changed in place.
        values: All series end to end, on the device to train on.
        starts: First index of each window of p + h values.
        plan: Rates, penalty, length.
        generator: Shuffles the windows; on the CPU.
        watch: Called with (progress, loss) after each epoch.

    Returns:
        Mean loss of each epoch, penalty included.
    """
    first = network[0]
    assert isinstance(first, SparseARLayer)  # by construction
    last = network[-1]
    assert isinstance(last, nn.Linear)
    p = first.in_features
    windows = values.unfold(0, p + last.out_features, 1)  # strided view
    rows = torch.as_tensor(starts)
    betas = (0.9, 0.99) if plan.averaged else (0.9, 0.999)
    optimizer = torch.optim.AdamW(network.parameters(), lr=plan.lr, betas=betas, weight_decay=0.0, fused=True)
    group = optimizer.param_groups[0]
    steps = plan.epochs * math.ceil(len(rows) / plan.batch_size)
    parameters = list(network.parameters())
    averages, averaged = [torch.zeros_like(one) for one in parameters], 0
    step, losses = 0, []
    for _ in range(plan.epochs):
        order = rows[torch.randperm(len(rows), generator=generator)].to(values.device)
        total = torch.zeros((), device=values.device)
        for batch in torch.split(order, plan.batch_size):
            window = windows.index_select(0, batch)
            loss = nn.functional.mse_loss(network(window[:, :p]), window[:, p:])
            strength = plan.penalty(step / steps)
            if strength > 0:
                loss = loss + first.penalty(strength)
            group["lr"] = plan.rate(step / steps)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            total += loss.detach() * len(batch)
            step += 1
            if plan.averaged and step > (1 - _AVERAGED_FRAC) * steps:
                averaged += 1
                for average, one in zip(averages, parameters, strict=True):
                    average.lerp_(one.detach(), 1 / averaged)
        losses.append(float(total) / len(rows))
        if watch is not None:
            watch(step / steps, losses[-1])
    if averaged:
        with torch.no_grad():
            for average, one in zip(averages, parameters, strict=True):
                one.copy_(average)
    return losses
