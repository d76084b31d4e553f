"""Three labels on eight clusters: parallelism, generalisation and selectivity over a family of activations."""

import numpy as np
import torch

from workingpapers.bench.protocols import Trial
from workingpapers.papers.representational_geometry.alignment import kernel_alignment, participation_ratio
from workingpapers.papers.representational_geometry.decoding import shattering_dimension
from workingpapers.papers.representational_geometry.designs import as_conditions
from workingpapers.papers.representational_geometry.generalisation import ccgp
from workingpapers.papers.representational_geometry.measure_cells import PAIR, samples_of, unsaturated
from workingpapers.papers.representational_geometry.networks import train_stack
from workingpapers.papers.representational_geometry.nonlinearities import ONE_SIDED, SYMMETRIC
from workingpapers.papers.representational_geometry.parallelism import parallelism_score
from workingpapers.papers.representational_geometry.selectivity import label_selectivity
from workingpapers.papers.representational_geometry.settings import Settings
from workingpapers.papers.representational_geometry.tasks import BinaryFactorTask


def three_labels(settings: Settings, trial: Trial) -> None:
    """The sweep over activations, trained and untrained, and CCGP of tanh and ReLU where it is not saturated."""
    seed = trial.seed_for("network", "three labels")
    stack = train_stack(
        BinaryFactorTask(dim=settings.dim, noise=settings.noises[0]),
        settings.sweep,
        [seed],
        hidden=settings.hidden,
        steps=settings.steps,
        batch=settings.batch,
        lr=settings.lr,
        w0=settings.w0,
        device=trial.device,
    )
    task = stack.tasks[0]
    x, y, condition = samples_of(task, trial, settings)
    scores: dict[tuple[str, bool], dict[str, float]] = {}
    for arm in trial.steps((*settings.sweep, "inputs"), "activations"):
        for trained in (True, False):
            if arm == "inputs":
                z = x
            else:
                net = stack.network(arm, seed, snapshot=-1 if trained else 0)
                with torch.no_grad():
                    z = net.features(x)
                trial.record("accuracy", float((net(x) * y > 0).float().mean()), cell=CELL, arm=arm, trained=trained)
            scores[arm, trained] = {
                "parallelism": float(np.mean(parallelism_score(z, y))),
                "selectivity": float(label_selectivity(z, y, condition)),
                "target": kernel_alignment(z, y),
                "input": kernel_alignment(z, x),
                "participation_ratio": participation_ratio(z),
                "shattering": shattering_dimension(z, condition, estimator="lda", cv=2),
            }
            for name, value in scores[arm, trained].items():
                trial.record(name, value, cell=CELL, arm=arm, trained=trained)
            if trial.repetition == 0 and trained:
                means = as_conditions(condition, len(x)).means(z.double())
                trial.record("condition_distances", torch.cdist(means, means).cpu(), arm=arm)
    for claim, name in (("parallelism", "parallelism"), ("label-selectivity", "selectivity")):
        after, before = (scores["tanh", kind][name] - scores["relu", kind][name] for kind in (True, False))
        trial.claim(claim, value=after, control=before)
    gaps = [
        min(scores[arm, trained]["selectivity"] for arm in SYMMETRIC)
        - max(scores[arm, trained]["selectivity"] for arm in ONE_SIDED)
        for trained in (True, False)
    ]
    trial.claim("symmetric-first", value=gaps[0], control=gaps[1])

    tried: dict[float, dict[str, float]] = {}
    averages: dict[float, float] = {}
    noise = settings.decoding_noises[0]
    for noise in settings.decoding_noises:
        x, y, condition = samples_of(task, trial, settings, "ccgp", noise=noise)
        tried[noise] = {}
        for arm in PAIR:
            with torch.no_grad():
                z = stack.network(arm, seed).features(x)
            tried[noise][arm] = float(np.mean(ccgp(z, y, condition)))
            trial.record("ccgp", tried[noise][arm], arm=arm, noise=noise, trained=True)
        averages = {each: sum(found.values()) / len(PAIR) for each, found in tried.items()}
        if averages[noise] < 0.7:  # more noise only comes closer to guessing
            break
    noise = unsaturated(averages)
    trial.record("ccgp_noise", noise)
    x, y, condition = samples_of(task, trial, settings, "ccgp", noise=noise)
    untrained = {}
    for arm in PAIR:
        with torch.no_grad():
            z = stack.network(arm, seed, snapshot=0).features(x)
        untrained[arm] = float(np.mean(ccgp(z, y, condition)))
        trial.record("ccgp", untrained[arm], arm=arm, noise=noise, trained=False)
    trial.claim(
        "generalisation",
        value=tried[noise]["tanh"] - tried[noise]["relu"],
        control=untrained["tanh"] - untrained["relu"],
    )


CELL = "three labels"
