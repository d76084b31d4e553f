"""What a trial measures on losses that are not quadratic: e^w - w, and decisions in a double well."""

from collections.abc import Callable

import torch
from torch import Tensor

from workingpapers.bench.protocols import Trial
from workingpapers.papers.synchronization.graphs import laplacian
from workingpapers.papers.synchronization.settings import Settings
from workingpapers.papers.synchronization.simulation import SyncTrajectory, simulate


def nonlinear_study(settings: Settings, trial: Trial) -> None:
    """Claim S7, and the descriptive figure of the double well."""
    exponential(settings, trial)
    double_well(settings, trial)


def exponential(settings: Settings, trial: Trial) -> None:
    """Bias and error on Φ = e^w - w, whose minimum is at 0, σ = 1, complete graph."""
    found: dict[str, float] = {}
    arms = [(k, "coupled") for k in settings.nonlinear_couplings] + [(0.0, "uncoupled again")]
    for coupling, arm in trial.steps(arms, "e^w - w"):
        run = _run(
            settings,
            trial,
            ("exponential", coupling, arm),
            torch.expm1,
            torch.zeros(1),
            coupling,
            1.0,
            (settings.nonlinear_dt, settings.nonlinear_time, settings.nonlinear_paths),
        )
        moments = run.moments()
        found[f"{arm} {coupling:g}"] = moments.individual
        trial.record("nonlinear_error", moments.individual, coupling=coupling, arm=arm)
        trial.record("nonlinear_bias", float(run.centroid.double().mean()), coupling=coupling, arm=arm)
        trial.record("nonlinear_spread", moments.spread, coupling=coupling, arm=arm)
    apart, strongest = found["coupled 0"], settings.nonlinear_couplings[-1]
    trial.claim(
        "nonlinear-error",
        value=found[f"coupled {strongest:g}"] / apart,
        control=found["uncoupled again 0"] / apart,
    )


def double_well(settings: Settings, trial: Trial) -> None:
    """Φ = (w² - 1)²/4 + w/10: the well at -1 is deeper. Every replica starts in a well by the toss of a coin."""
    generator = torch.Generator().manual_seed(trial.seed_for("well", "start"))
    n = settings.replicas
    start = 2.0 * torch.randint(2, (settings.well_paths, n, 1), generator=generator) - 1.0
    first, *_, last = settings.well_couplings
    found: dict[tuple[float, str], float] = {}
    for coupling, arm in [(k, "coupled") for k in settings.well_couplings] + [(first, "uncoupled again")]:
        sizes = settings.nonlinear_dt, settings.well_time, settings.well_paths
        run = _run(settings, trial, ("well", coupling, arm), _well, start, coupling, settings.well_noise, sizes)
        right = (run.final[..., 0] < 0).double().mean(1)
        majority = float(((right > 0.5).double() + 0.5 * (right == 0.5).double()).mean())  # a tie is a toss
        found[coupling, arm] = majority
        trial.record("well_majority", majority, coupling=coupling, arm=arm)
        trial.record("well_individual", float(right.mean()), coupling=coupling, arm=arm)
    apart = found[first, "coupled"]
    trial.claim("double-well", value=found[last, "coupled"] - apart, control=found[first, "uncoupled again"] - apart)


def _well(w: Tensor) -> Tensor:
    return w**3 - w + 0.1


def _run(
    settings: Settings,
    trial: Trial,
    stream: tuple[str | float, ...],
    grad: Callable[[Tensor], Tensor],
    start: Tensor,
    coupling: float,
    noise: float,
    sizes: tuple[float, float, int],
) -> SyncTrajectory:
    dt, time, paths = sizes
    steps = round(time / dt)
    return simulate(
        grad,
        start.to(trial.device),
        laplacian("complete", settings.replicas),
        coupling,
        noise,
        dt=dt,
        steps=steps,
        burn_in=steps // 4,
        paths=paths,
        generator=torch.Generator(trial.device).manual_seed(trial.seed_for(*stream)),
        record_every=max(1, round(0.05 / dt)),
    )
