"""What a trial measures of operators: the unified form, one head, the head count, and what the count is not about."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from workingpapers.bench.protocols import Trial
from workingpapers.papers.heads_ssm.families import FAMILIES, family_rank
from workingpapers.papers.heads_ssm.lags import lag_operators, toeplitz_operators
from workingpapers.papers.heads_ssm.layers import LinearAttention, LinearSSM
from workingpapers.papers.heads_ssm.method import head_errors, ssm_to_heads
from workingpapers.papers.heads_ssm.operators import apply_layer, interaction_offset, interaction_operators
from workingpapers.papers.heads_ssm.ranks import interaction_rank, tail_errors
from workingpapers.papers.heads_ssm.rivals import GatedPair, alternating_heads, balanced_truncation
from workingpapers.papers.heads_ssm.settings import Settings

# a relative singular value below this is rounding of float64 sums, and decides nothing
ROUNDING = 1e-13

# heads whose operators differ by less than this share are an exact replacement
EXACT = 1e-10


def unified_form(settings: Settings, trial: Trial) -> None:
    dim, n = settings.layer_dim, settings.layer_tokens
    rng = np.random.default_rng(trial.seed_for("layers"))
    with trial.seeded("layers"):
        X = torch.randn(n, dim, dtype=torch.float64)
        sides: dict[str, dict[str, nn.Module]] = {
            "attention-unified": {
                "softmax attention": nn.MultiheadAttention(dim, 2, dtype=torch.float64),
                "linear attention": LinearAttention(dim, 2, dtype=torch.float64),
            },
            "state-space-unified": {
                "causal convolution": nn.Conv1d(dim, dim, 4, dtype=torch.float64),
                "diagonal SSM": LinearSSM.random("distinct-diagonal", dim, dim, dim, settings.rho, rng),
            },
        }
    for claim, layers in sides.items():
        full, cut = [], []
        for arm, layer in layers.items():
            with torch.no_grad():
                W, offset, y = interaction_operators(layer, X), interaction_offset(layer, X), apply_layer(layer, X)
                alone = W * torch.eye(n, dtype=W.dtype)[:, :, None, None]
                errors = [
                    (torch.einsum("ijpd,jd->ip", operators, X) + offset - y).abs().max() for operators in (W, alone)
                ]
            full.append(float(errors[0]))
            cut.append(float(errors[1]))
            trial.record("rebuild_error", full[-1], arm=arm)
        trial.claim(claim, value=max(full), control=min(cut))


def one_head(settings: Settings, trial: Trial) -> None:
    dim, n = settings.layer_dim, settings.layer_tokens
    ranks = {}
    for heads in (1, 2):
        with trial.seeded("one-head", heads):
            layer = nn.MultiheadAttention(dim, heads, dtype=torch.float64)
        with trial.seeded("one-head inputs"):
            inputs = torch.randn(settings.rank_inputs, n, dim, dtype=torch.float64)
        ranks[heads] = max(interaction_rank(interaction_operators(layer, X, causal=True)).rank for X in inputs)
    trial.claim("one-head-rank", value=ranks[1], control=ranks[2])

    rng = np.random.default_rng(trial.seed_for("one-head systems"))
    gaps, differences, unweighted = [], [], []
    for family in FAMILIES:
        ssm = LinearSSM.random(family, 4, 4, 4, settings.rho, rng)
        lags = ssm.lag_operators(n).detach()
        closed = float(head_errors(ssm.A, ssm.B, ssm.C, n)[1])
        fitted = alternating_heads(toeplitz_operators(lags), 1, rng)
        naive = float(tail_errors(torch.linalg.svdvals(lags.flatten(1)))[1])
        gaps.append(fitted)
        differences.append(abs(fitted / closed - 1))
        unweighted.append(abs(fitted / naive - 1))
        trial.record("one_head_error", fitted, arm="fitted", family=family)
        trial.record("one_head_error", closed, arm="closed form", family=family)
    single = [
        alternating_heads(toeplitz_operators(LinearSSM(radius * np.eye(4), *_maps(rng)).lag_operators(n)), 1, rng)
        for radius in (0.5, settings.rho)
    ]
    trial.claim("one-head-gap", value=min(gaps), control=max(single))
    trial.claim("one-head-closed-form", value=max(differences), control=min(unweighted))


def _maps(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    return rng.standard_normal((4, 4)), rng.standard_normal((4, 4))


def _systems(settings: Settings, trial: Trial) -> Iterator[tuple[str, int, int, int, LinearSSM]]:
    sizes = itertools.product(FAMILIES, settings.states, settings.widths, range(settings.draws))
    for family, states, width, draw in sizes:
        seed = trial.seed_for("system", family, states, width, draw)
        yield family, states, width, draw, LinearSSM.random(family, states, width, width, settings.rho, seed)


def head_count(settings: Settings, trial: Trial) -> None:
    with_k, with_fewer, exceptions, rival_exceptions, below_rounding = [], [], 0, 0, 0
    systems = list(_systems(settings, trial))
    for family, states, width, draw, ssm in trial.steps(systems, "systems"):
        A, B, C = ssm.A, ssm.B, ssm.C
        k = family_rank(family, states, width, width, settings.n)
        errors = head_errors(A, B, C, settings.n)
        values = (errors[:-1].square() - errors[1:].square()).clamp(min=0).sqrt()  # s_r / norm
        exact = ssm_to_heads(A, B, C, settings.n, heads=k)
        with_k.append(exact.operator_error)
        fewer = ssm_to_heads(A, B, C, settings.n, heads=k - 1).operator_error if k > 1 else 1.0
        with_fewer.append(fewer)
        if float(values[k - 1]) < ROUNDING:
            below_rounding += 1
        else:
            exceptions += fewer < float(values[k - 1]) * (1 - 1e-3)
        # a system does not need N heads where fewer of them already give it exactly
        rival_exceptions += states > k and exact.operator_error < EXACT
        if draw == 0 and states <= 4 and width == settings.widths[0]:
            exceptions += _fit_does_better(settings, trial, family, states, width, ssm)
        if draw == 0:
            _error_curve(settings, trial, family, states, width, k, ssm, errors)
    trial.record("systems", len(systems))
    trial.record("systems_below_rounding", below_rounding)
    trial.claim("k-heads-suffice", value=max(with_k), control=max(with_fewer))
    trial.claim("k-heads-needed", value=exceptions, control=rival_exceptions)


def _fit_does_better(settings: Settings, trial: Trial, family: str, states: int, width: int, ssm: LinearSSM) -> bool:
    """Whether k - 1 heads with a free coefficient for every pair of tokens, fitted from a random start, beat s_k."""
    n = min(settings.n, settings.layer_tokens)
    k = family_rank(family, states, width, width, n)
    if k == 1:
        return False
    errors = head_errors(ssm.A, ssm.B, ssm.C, n)
    rng = np.random.default_rng(trial.seed_for("fit", family, states))
    found = alternating_heads(toeplitz_operators(ssm.lag_operators(n)), k - 1, rng)
    trial.record("fitted_error", found, arm="k - 1 heads, fitted", family=family, states=states)
    trial.record("fitted_error", float(errors[k - 1]), arm="k - 1 heads, closed form", family=family, states=states)
    return found < float((errors[k - 1].square() - errors[k].square()).sqrt()) * (1 - 1e-3)


def _error_curve(
    settings: Settings, trial: Trial, family: str, states: int, width: int, k: int, ssm: LinearSSM, errors: Tensor
) -> None:
    axes: dict[str, Any] = {"family": family, "states": states, "width": width, "k": k}
    spectrum = interaction_rank(ssm, n=settings.n)
    trial.record("rank", spectrum.rank, **axes)
    trial.record("effective_rank", spectrum.effective_rank(0.99), **axes)
    trial.record("closed_form", errors[: k + 2].tolist(), **axes)
    trial.record("spectrum", (spectrum.singular_values / spectrum.singular_values[0])[: k + 4].tolist(), **axes)
    if width != settings.widths[0] or states != 8:
        return
    for heads in range(1, min(k + 2, min(settings.n, width**2) + 1)):
        mixer = ssm_to_heads(ssm.A, ssm.B, ssm.C, settings.n, heads=heads)
        trial.record("operator_error", mixer.operator_error, arm="heads", heads=heads, **axes)
        if family != "nilpotent":
            A, B, C = (parameter.detach().numpy() for parameter in (ssm.A, ssm.B, ssm.C))
            reduced = lag_operators(*balanced_truncation(A, B, C, heads), settings.n)
            value = _relative_error(reduced, ssm.lag_operators(settings.n).detach())
            trial.record("operator_error", value, arm="balanced truncation", heads=heads, **axes)


def _relative_error(lags: Tensor, target: Tensor) -> float:
    n = len(target)
    often = torch.arange(n, 0, -1, dtype=target.dtype)
    errors = [(often * difference.square().sum((1, 2))).sum() for difference in (lags - target, target)]
    return float((errors[0] / errors[1]).sqrt())


def beyond_operators(settings: Settings, trial: Trial) -> None:
    rng = np.random.default_rng(trial.seed_for("caveat"))
    ssm = LinearSSM.random("dense-orthogonal", 8, 2, 2, settings.rho, rng)
    n = settings.layer_tokens
    X = torch.from_numpy(rng.standard_normal((n, 2)))
    with torch.no_grad():
        y = ssm(X)
        gated = float((GatedPair(ssm.lag_operators(n))(X) - y).abs().max())
        best = float((ssm_to_heads(ssm.A, ssm.B, ssm.C, n, heads=2)(X) - y).abs().max())
    trial.record("heads_for_operators", interaction_rank(ssm, n=n).rank)
    trial.claim("operators-not-functions", value=gated, control=best)
