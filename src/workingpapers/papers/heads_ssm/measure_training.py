"""What a trial measures of learned heads: whether gradient descent finds the knee at k heads."""

import math

import numpy as np
import torch
from torch import Tensor

from workingpapers.bench.protocols import Trial
from workingpapers.papers.heads_ssm.lags import toeplitz_operators
from workingpapers.papers.heads_ssm.layers import LinearSSM
from workingpapers.papers.heads_ssm.mixers import FactorizedMixer
from workingpapers.papers.heads_ssm.ranks import tail_errors
from workingpapers.papers.heads_ssm.settings import Settings


def trained_heads(settings: Settings, trial: Trial) -> None:
    k, n, width = settings.teacher_rank, settings.train_tokens, 4
    drops: dict[str, list[float]] = {"state-space": [], "independent lags": []}
    for teacher in range(settings.teachers):
        rng = np.random.default_rng(trial.seed_for("teacher", teacher))
        ssm = LinearSSM.random("dense-orthogonal", k, width, width, settings.rho, rng)
        decay = settings.rho ** np.arange(n)[:, None, None]
        targets = {
            "state-space": ssm.lag_operators(n).detach(),
            "independent lags": torch.from_numpy(decay * rng.standard_normal((n, width, width)) / width),
        }
        for arm, lags in targets.items():
            often = torch.arange(n, 0, -1, dtype=lags.dtype).sqrt()[:, None]
            closed = tail_errors(torch.linalg.svdvals(often * lags.flatten(1))).square()
            errors = {}
            for heads in trial.steps(range(1, k + 2), "learned heads"):
                errors[heads] = _imitate(settings, trial, lags, heads, teacher, arm)
                trial.record("learned_error", errors[heads], arm=arm, heads=heads, teacher=teacher)
                trial.record("learned_closed_form", float(closed[heads]), arm=arm, heads=heads, teacher=teacher)
            drops[arm].append(math.log10(errors[k - 1]) - math.log10(errors[k]))
    value, control = (float(np.mean(drops[arm])) for arm in ("state-space", "independent lags"))
    trial.claim("trained-knee", value=value, control=control)


def _imitate(settings: Settings, trial: Trial, lags: Tensor, heads: int, teacher: int, arm: str) -> float:
    """Train heads on outputs of a target and return the relative squared error on fresh sequences."""
    n, p, d = lags.shape
    device, single = trial.device, torch.float32  # as layers are usually trained
    generator = torch.Generator().manual_seed(trial.seed_for("imitate", teacher, heads, arm))
    mixer = FactorizedMixer.random(heads, n, d, p, method="fft", generator=generator, dtype=single, device=device)
    optimizer = torch.optim.Adam(mixer.parameters(), lr=settings.learning_rate)
    whole = toeplitz_operators(lags).to(device, single)
    for _ in range(settings.train_steps):
        X = torch.randn(settings.train_batch, n, d, generator=generator).to(device)
        y = torch.einsum("ijpd,bjd->bip", whole, X)
        loss = (mixer(X) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    X = torch.randn(256, n, d, generator=generator).to(device)
    with torch.no_grad():
        y = torch.einsum("ijpd,bjd->bip", whole, X)
        return float((mixer(X) - y).square().sum() / y.square().sum())
