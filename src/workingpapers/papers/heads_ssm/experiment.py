"""The experiment: every claim on fresh random systems, and the speed of the exact replacement."""

from functools import partial

import numpy as np
import torch

from workingpapers.bench.protocols import Trial
from workingpapers.papers.heads_ssm.figures import figures
from workingpapers.papers.heads_ssm.layers import LinearSSM
from workingpapers.papers.heads_ssm.measure_gradients import gradients
from workingpapers.papers.heads_ssm.measure_operators import beyond_operators, head_count, one_head, unified_form
from workingpapers.papers.heads_ssm.measure_training import trained_heads
from workingpapers.papers.heads_ssm.method import heads_needed, ssm_to_heads
from workingpapers.papers.heads_ssm.ranks import interaction_rank
from workingpapers.papers.heads_ssm.settings import SCALES, Settings
from workingpapers.papers.heads_ssm.weights import load_ssm_layers
from workingpapers.parts.timing import interleaved, single_thread

__all__ = ["SCALES", "Settings", "figures", "measure"]


def measure(settings: Settings, trial: Trial) -> None:
    """One seed: every claim of the paper on fresh random systems."""
    parts = (unified_form, one_head, head_count, trained_heads, gradients, beyond_operators, _speed, _trained_weights)
    with single_thread():  # the matrices are small: more threads only wait for each other
        for part in trial.steps(parts, "parts"):
            part(settings, trial)


def _speed(settings: Settings, trial: Trial) -> None:
    seed = trial.seed_for("speed")
    ssm = LinearSSM.random("dense-orthogonal", 8, 8, 8, settings.rho, seed, device=trial.device)
    generator = torch.Generator().manual_seed(seed)
    for n in trial.steps(settings.timing_tokens, "speed"):
        mixer = ssm_to_heads(ssm.A, ssm.B, ssm.C, n, heads=8, method="fft")
        X = torch.randn(n, 8, generator=generator, dtype=torch.float64).to(trial.device)
        with torch.no_grad():
            contenders = {"scan": partial(ssm, X), "FFT heads": partial(mixer, X)}
            taken = interleaved(contenders, rounds=settings.timing_rounds, device=trial.device)
            trial.record("scan_difference", float((mixer(X) - ssm(X)).abs().max()), tokens=n)
        for arm, seconds in taken.items():
            trial.record("seconds", float(np.median(seconds)), unit="s", timing=True, arm=arm, tokens=n)


def _trained_weights(settings: Settings, trial: Trial) -> None:
    """How many heads the layers of the user's own checkpoint need; the same for every seed, so only the first."""
    if not settings.weights or trial.repetition > 0:
        return
    for name, layer in load_ssm_layers(settings.weights).items():
        n = settings.weights_tokens
        report = interaction_rank(layer, n=n)
        trial.record("trained_rank", report.rank, layer=name)
        trial.record("trained_effective_rank", report.effective_rank(0.99), layer=name)
        if not layer.A.is_complex() or layer.conjugate_pairs:
            arrays = (layer.A, layer.B, layer.C)
            options = {"per_channel": layer.per_channel, "conjugate_pairs": layer.conjugate_pairs}
            for tol in (0.1, 0.01, 0.001):
                trial.record("trained_heads", heads_needed(*arrays, n, tol, D=layer.D, **options), layer=name, tol=tol)
