"""What a trial measures on two-layer linear networks: the closed form beside each trained network."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workingpapers.bench.protocols import Trial
from workingpapers.papers.rich_lazy.kernels import tangent_kernel
from workingpapers.papers.rich_lazy.settings import Settings
from workingpapers.papers.rich_lazy.theory import aligned_init_, expected_alignment, linear_alignment
from workingpapers.parts.kernel_alignment import kernel_alignment

SMALL = 1e-2  # Frobenius norm of the first layer at the start, where the theory holds
SMALLER = 1e-5  # of the second: its part of the first kernel, d |w2|^2, must vanish beside |W1|^2
LEARNING_RATE = 0.05


def linear_networks(settings: Settings, trial: Trial) -> None:
    """Ranks, aligned initialisations and gains; claims R1, R3 and R6."""
    _gains(settings, trial)
    d, ranks, full = settings.dim, settings.linear_ranks, max(settings.linear_ranks)
    found: dict[tuple[str, int, int], float] = {}
    errors, wrong_errors = [], []
    for condition in trial.steps(settings.conditions, "linear networks"):
        problems = [_problem(trial, d, condition, k) for k in range(settings.linear_networks)]
        others = [_problem(trial, d, condition, k, "other") for k in range(settings.linear_networks)]
        arms = ("random", "aligned", "aligned to another task", *(("rank one again",) if condition == 1 else ()))
        names, starts, chosen = [], [], []
        for arm in arms:
            for rank in ranks:
                for k, (problem, other) in enumerate(zip(problems, others, strict=True)):
                    w = torch.empty(settings.width, d, dtype=torch.float64)
                    generator = torch.Generator().manual_seed(trial.seed_for("linear", arm, condition, rank, k))
                    if arm.startswith("aligned"):
                        aligned_init_(w, *(problem if arm == "aligned" else other), rank, SMALL, generator=generator)
                    else:
                        w.copy_(_equal_singular_values(w, rank if arm == "random" else 1, generator))
                    names.append((arm, rank, k))
                    starts.append(w)
                    chosen.append(problem)
        readout = torch.Generator().manual_seed(trial.seed_for("readout", condition))
        seconds = [
            SMALLER * torch.randn(settings.width, dtype=torch.float64, generator=readout) / settings.width**0.5
            for _ in starts
        ]
        before = (torch.stack(starts), torch.stack(seconds))
        after, loss = _train(*before, chosen, settings.linear_steps, LEARNING_RATE)
        trial.record("linear_loss", float(loss.max()), condition=condition)
        for i, (arm, rank, k) in enumerate(names):
            beta, cov = chosen[i]
            trained = _alignment((before[0][i], before[1][i]), (after[0][i], after[1][i]), cov)
            m0 = before[0][i].T @ before[0][i]
            predicted = linear_alignment(m0, beta, cov)
            axes: dict[str, Any] = {"arm": arm, "rank": rank, "condition": condition, "network": k}
            trial.record("linear_alignment", trained, **axes)
            trial.record("linear_prediction", predicted, **axes)
            if condition == 1 and arm == "random":
                trial.record("linear_expectation", expected_alignment(m0), **axes)
            errors.append(abs(trained - predicted))
            wrong_errors.append(abs(trained - linear_alignment(torch.eye(d), beta, cov)))
        for arm in arms:
            for rank in ranks:
                same = [
                    _alignment((before[0][i], before[1][i]), (after[0][i], after[1][i]), chosen[i][1])
                    for i, name in enumerate(names)
                    if name[:2] == (arm, rank)
                ]
                found[arm, rank, condition] = float(np.mean(same))
    trial.claim("theory-trained", value=max(errors), control=max(wrong_errors))
    steps = {arm: np.diff([found[arm, rank, 1] for rank in ranks]).min() for arm in ("random", "rank one again")}
    trial.claim("theory-high-rank", value=float(steps["random"]), control=float(steps["rank one again"]))
    gaps = {
        arm: min(found[arm, r, c] - found["random", r, c] for r in ranks for c in settings.conditions)
        for arm in ("aligned", "aligned to another task")
    }
    trial.claim("aligned-lazier", value=gaps["aligned"], control=gaps["aligned to another task"])
    above = {arm: found[arm, d // 2, 4] - found["random", full, 4] for arm in ("aligned", "aligned to another task")}
    trial.claim("aligned-above-full-rank", value=above["aligned"], control=above["aligned to another task"])


def _gains(settings: Settings, trial: Trial) -> None:
    """Claim R1: small against large initial weights, whitened inputs."""
    d, h = settings.dim, settings.width
    small, large = min(settings.gains), max(settings.gains)
    found: dict[str, list[float]] = {"small": [], "large": [], "small again": []}
    for k in range(settings.linear_networks):
        problem = _problem(trial, d, 1, k)
        starts = []
        for arm in found:
            generator = torch.Generator().manual_seed(trial.seed_for("gain", arm, k))
            gain = large if arm == "large" else small
            w1 = gain * torch.randn(h, d, dtype=torch.float64, generator=generator) / d**0.5
            starts.append((w1, gain * torch.randn(h, dtype=torch.float64, generator=generator) / h**0.5))
        before = (torch.stack([w1 for w1, _ in starts]), torch.stack([w2 for _, w2 in starts]))
        after, _ = _train(*before, [problem] * len(starts), settings.linear_steps // 4, LEARNING_RATE / 5)
        for i, arm in enumerate(found):
            value = _alignment((before[0][i], before[1][i]), (after[0][i], after[1][i]), problem[1])
            found[arm].append(value)
            trial.record("gain_alignment", value, arm=arm, gain=large if arm == "large" else small, network=k)
    mean = {arm: float(np.mean(values)) for arm, values in found.items()}
    trial.claim("variance-laziness", value=mean["large"] - mean["small"], control=mean["small again"] - mean["small"])


def _problem(trial: Trial, d: int, condition: int, network: int, *which: str) -> tuple[Tensor, Tensor]:
    """Teacher of unit length and covariance of `z = F x`: half of F's singular values `condition`, half 1."""
    generator = torch.Generator().manual_seed(trial.seed_for("problem", condition, network, *which))
    beta = torch.randn(d, dtype=torch.float64, generator=generator)
    frame = torch.linalg.qr(torch.randn(d, d, dtype=torch.float64, generator=generator))[0]
    variances = torch.ones(d, dtype=torch.float64)
    variances[d // 2 :] = 1 / condition**2  # alignment does not depend on the common scale
    return beta / beta.norm(), (frame * variances) @ frame.T


def _equal_singular_values(w: Tensor, rank: int, generator: torch.Generator) -> Tensor:
    left, right = (
        torch.linalg.qr(torch.randn(size, rank, dtype=torch.float64, generator=generator))[0] for size in w.shape
    )
    return left @ right.T * (SMALL / rank**0.5)


def _train(
    w1: Tensor, w2: Tensor, problems: list[tuple[Tensor, Tensor]], steps: int, rate: float
) -> tuple[tuple[Tensor, Tensor], Tensor]:
    """Gradient descent on the expected squared error, all networks at once; `(n, h, d)` and `(n, h)`."""
    beta = torch.stack([each for each, _ in problems])
    cov = torch.stack([each for _, each in problems])
    w1, w2 = w1.clone(), w2.clone()
    for _ in range(steps):
        error = torch.bmm(w2[:, None], w1)[:, 0] - beta
        pull = torch.bmm(cov, error[:, :, None])
        step2 = torch.bmm(w1, pull)[:, :, 0]
        w1.baddbmm_(w2[:, :, None], pull.transpose(1, 2), alpha=-rate)
        w2.sub_(step2, alpha=rate)
    error = torch.bmm(w2[:, None], w1)[:, 0] - beta
    return (w1, w2), 0.5 * torch.einsum("ni,nij,nj->n", error, cov, error)


def _alignment(before: tuple[Tensor, Tensor], after: tuple[Tensor, Tensor], cov: Tensor) -> float:
    """Alignment of the empirical tangent kernels on inputs whose second moments are the covariance."""
    values, vectors = torch.linalg.eigh(cov)
    inputs = (vectors * values.sqrt()).T.contiguous()
    return kernel_alignment(*(tangent_kernel(_network(*weights), inputs) for weights in (before, after)))


def _network(w1: Tensor, w2: Tensor) -> nn.Module:
    net = nn.Sequential(
        nn.Linear(w1.shape[1], w1.shape[0], bias=False, dtype=w1.dtype),
        nn.Linear(w1.shape[0], 1, bias=False, dtype=w1.dtype),
    )
    with torch.no_grad():
        for layer, weight in zip(net, (w1, w2[None]), strict=True):
            assert isinstance(layer, nn.Linear)
            layer.weight.copy_(weight)
    return net
