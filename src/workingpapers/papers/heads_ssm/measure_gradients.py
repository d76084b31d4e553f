"""What a trial measures of gradients: how they fade with distance in SSMs and in attention."""

import math

import numpy as np
import pandas as pd
import torch
from torch import nn

from workingpapers.bench.protocols import Trial
from workingpapers.papers.heads_ssm.families import FAMILIES
from workingpapers.papers.heads_ssm.gradients import fit_slope, gradient_profile, needle_head, needle_input
from workingpapers.papers.heads_ssm.layers import LinearSSM
from workingpapers.papers.heads_ssm.ranks import interaction_rank
from workingpapers.papers.heads_ssm.settings import Settings

# families whose A has a full set of eigenvectors and a positive spectral radius
DIAGONALISABLE = ("distinct-diagonal", "repeated-diagonal", "rotation-blocks", "dense-orthogonal")


def gradients(settings: Settings, trial: Trial) -> None:
    n, states = settings.reach + 1, settings.gradient_states
    with trial.seeded("gradients"):
        attention = nn.MultiheadAttention(4, 1, dtype=torch.float64)
    X = torch.zeros(n, 4, dtype=torch.float64)
    distances = range(1, n)
    zero = gradient_profile(attention, X, n - 1, distances, causal=True)
    _keep(trial, zero, "attention, zero tokens")
    for length in sorted({max(2, n // 8), max(2, n // 2), n}):
        at = gradient_profile(attention, X, length - 1, [1], causal=True)
        trial.record("norm_at_length", float(at["norm"].iloc[0]), arm="attention, zero tokens", length=length)

    ratios, deviations, slopes, points = [], {}, {}, []
    for family in FAMILIES:
        rng = np.random.default_rng(trial.seed_for("gradient system", family))
        ssm = LinearSSM.random(family, states, 4, 4, settings.rho, rng)
        profile = gradient_profile(ssm, X, n - 1, distances)
        _keep(trial, profile, family)
        if family == "nilpotent":  # spectral radius zero: the gradient ends after N tokens and has no rate
            continue
        slopes[family] = fit_slope(profile)
        deviations[family] = abs(slopes[family] / math.log(settings.rho) - 1)
        trial.record("slope", slopes[family], arm=family)
        rank = interaction_rank(ssm, n=n).rank
        points.append((rank, slopes[family]))
        trial.record("plane", [rank, slopes[family]], arm=family)
        if family in DIAGONALISABLE:
            ratios.append(float((profile["norm"] / _bound(ssm, profile["distance"].to_numpy())).max()))
    needle = _needle_profile(settings)
    _keep(trial, needle, "attention, needle")
    powers = settings.rho ** zero["distance"].to_numpy()
    flat = abs(fit_slope(zero) / math.log(settings.rho) - 1)
    steepest = min(abs(slope) for slope in slopes.values())
    trial.claim("zero-input-highway", value=abs(fit_slope(zero)), control=steepest)
    trial.claim("needle-highway", value=abs(fit_slope(needle)), control=steepest)
    rival_ratio = float((zero["norm"] / zero["norm"].max() / powers).max())
    trial.claim("attenuation-bound", value=max(ratios), control=rival_ratio)
    trial.claim("attenuation-rate", value=max(deviations[family] for family in DIAGONALISABLE), control=flat)
    trial.claim("attenuation-rate-defective", value=deviations["jordan"], control=flat)
    # one head: rank 1 and the slope of the zero input; k heads have rank k and the same slope
    floor = -abs(fit_slope(zero)) - 1e-6
    share = float(np.mean([rank > 1 and slope < floor for rank, slope in points]))
    rival = float(np.mean([rank > 1 and fit_slope(zero) < floor for rank, _ in points]))
    trial.claim("reach-against-rank", value=share, control=rival)


def _needle_profile(settings: Settings) -> pd.DataFrame:
    """The needle at every distance in turn: each has an input of its own."""
    n, head = settings.reach + 1, needle_head(4, dtype=torch.float64)
    margin = math.log(n - 1) + 5
    rows = []
    for distance in np.unique(np.geomspace(1, n - 1, 24).astype(int)):
        X = needle_input(n, 4, n - 1 - distance, margin, dtype=torch.float64)
        rows.append(gradient_profile(head, X, n - 1, [distance]))
    return pd.concat(rows, ignore_index=True)


def _bound(ssm: LinearSSM, distances: np.ndarray) -> np.ndarray:
    """kappa(eigenvectors) |C| |B| rho^distance."""
    A, B, C = (parameter.detach().numpy() for parameter in (ssm.A, ssm.B, ssm.C))
    eigenvalues, vectors = np.linalg.eig(A)
    constant = np.linalg.cond(vectors) * np.linalg.norm(C, 2) * np.linalg.norm(B, 2)
    return constant * np.abs(eigenvalues).max() ** distances


def _keep(trial: Trial, profile: pd.DataFrame, arm: str) -> None:
    trial.record("distance", profile["distance"].tolist(), arm=arm)
    trial.record("gradient_norm", profile["norm"].tolist(), arm=arm)
