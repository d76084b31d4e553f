"""Exact Learning of Permutations for Nonzero Binary Inputs (arXiv 2502.16763): other ways to train, other permutations.

Official code: github.com/opallab/permlearn (MIT); nothing of it is used here.
Implements the baselines at one length, and the comparison of six permutations.
Differences from the paper: last-layer training, biases, and ridge regression stand beside the method.
"""

import math

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from workingpapers.bench.protocols import Trial
from workingpapers.papers.permutations.method import default_steps
from workingpapers.papers.permutations.moments import permutation_moments
from workingpapers.papers.permutations.network_study import models_needed, unseen_inputs
from workingpapers.papers.permutations.networks import train_networks, unit_rows
from workingpapers.papers.permutations.rivals import networks_with_biases, ridge
from workingpapers.papers.permutations.settings import Settings
from workingpapers.papers.permutations.sizes import ensemble_size, thresholds

_C = 1 / (2 * math.pi)


def regimes(settings: Settings, trial: Trial) -> None:
    """Both layers, the last layer alone, the official code's parametrisation, one network, and ridge regression."""
    k, count, width = settings.regime_length, settings.regime_models, settings.width
    places = np.random.default_rng(trial.seed_for("permutation", "regimes")).permutation(k)
    targets, rows = torch.eye(k)[places], unseen_inputs(settings, trial, k)
    units = unit_rows(torch.from_numpy(rows))
    order = torch.from_numpy(places)

    def both_or_last(layers: str, slope: float) -> Tensor:
        lr = k / (slope + _C * k)
        return train_networks(
            targets,
            count,
            width=width,
            steps=default_steps(k, lr, kernel_slope=slope),
            lr=lr,
            seed=trial.seed_for("regime", layers),
            layers=layers,
            device=trial.device,
        ).outputs(units)

    _record_arm(settings, trial, "both layers", both_or_last("both", 1 - _C).cpu()[:, :, order], rows)
    _record_arm(settings, trial, "last layer", both_or_last("last", 0.5 - _C).cpu()[:, :, order], rows)
    biased = networks_with_biases(targets, units, count, width=width, seed=trial.seed_for("regime", "biases"))
    _record_arm(settings, trial, "with biases", biased[:, :, order], rows)
    for kernel in ("ntk", "last-layer"):
        one, zero, _ = permutation_moments(k, 2, kernel=kernel)
        trial.record(
            "mse at two ones", (2 * (one - 0.5**0.5) ** 2 + (k - 2) * zero**2) / k, k=k, arm=f"limit, {kernel}"
        )
        asked = ensemble_size(k, settings.delta, inputs=[2], kernel=kernel)
        trial.record("models at two ones", asked, k=k, arm=f"limit, {kernel}")
    bits = ridge(targets.numpy(), rows)[:, places]
    trial.record("baseline", float((bits == rows).all(1).mean()), k=k, arm="ridge regression on the bits")


def _record_arm(settings: Settings, trial: Trial, arm: str, outputs: Tensor, rows: np.ndarray) -> None:
    k, bits = rows.shape[1], torch.from_numpy(rows).bool()
    weights = rows.sum(1, dtype=np.int64)
    mean = outputs.double().mean(0)
    two = torch.from_numpy(weights == 2)
    # against the permuted input at unit length, which is what the published run reports
    trial.record("mse at two ones", float((mean - bits.double() / 2**0.5)[two].square().mean()), k=k, arm=arm)
    needed = models_needed(outputs[:, two], rows[weights == 2], 0.0, settings.delta)
    trial.record("models at two ones", needed, k=k, arm=arm)
    groups = len(outputs) // settings.regime_group
    means = outputs[: groups * settings.regime_group].reshape(groups, settings.regime_group, *outputs.shape[1:]).mean(1)
    trial.record("baseline", _share_right(means > 0, bits), k=k, arm=f"{arm}, sign")
    if arm == "both layers":
        trial.record("baseline", _share_right(outputs > 0, bits), k=k, arm="one network, sign")
        level = torch.from_numpy(thresholds(k, weights, "weight-aware"))[:, None]
        trial.record("baseline", _share_right(means > level, bits), k=k, arm=f"{arm}, weight-aware")


def _share_right(predicted: Tensor, bits: Tensor) -> float:
    return float((predicted == bits).all(-1).double().mean())


def six_permutations(settings: Settings, trial: Trial) -> None:
    """Kruskal and Wallis' H of the ensembles' accuracies over the permutations, over its critical value at 1 %."""
    k = settings.relabel_length
    rng = np.random.default_rng(trial.seed_for("six permutations"))
    identity = np.arange(k)
    tasks = {
        "identity": identity,
        "reversal": identity[::-1].copy(),
        "cycle": np.roll(identity, 1),
        **{f"random {i}": rng.permutation(k) for i in (1, 2, 3)},
    }
    rows = unseen_inputs(settings, trial, k)
    found = {}
    for name, places in tasks.items():
        found[name] = _accuracies(settings, trial, name, places, rows)
        trial.record("accuracy of a permutation", float(found[name].mean()), k=k, permutation=name)
    # the control is one task of the six whose first basis vector is left out of the training set
    spoiled = _accuracies(settings, trial, "random 3, incomplete", tasks["random 3"], rows, used=torch.arange(1, k))
    trial.record("accuracy of a permutation", float(spoiled.mean()), k=k, permutation="random 3, incomplete")
    trial.claim(
        "any-permutation",
        value=_kruskal(list(found.values())),
        control=_kruskal([*list(found.values())[:-1], spoiled]),
    )


def _accuracies(
    settings: Settings, trial: Trial, name: str, places: np.ndarray, rows: np.ndarray, used: Tensor | None = None
) -> np.ndarray:
    """Share of inputs that each of the ensembles gets wholly right, `(groups,)`."""
    k = settings.relabel_length
    lr = k / (1 - _C + _C * k)
    networks = train_networks(
        torch.eye(k)[places],
        settings.groups * settings.group_models,
        width=settings.relabel_width,
        steps=default_steps(k, lr),
        lr=lr,
        seed=trial.seed_for("relabel", name),
        inputs=used,
        device=trial.device,
    )
    outputs = networks.outputs(unit_rows(torch.from_numpy(rows))).cpu()[:, :, torch.from_numpy(places)]
    means = outputs.reshape(settings.groups, settings.group_models, *outputs.shape[1:]).mean(1)
    right = ((means > 0) == torch.from_numpy(rows).bool()).all(2)
    return np.asarray(right.double().mean(1).numpy())


def _kruskal(groups: list[np.ndarray]) -> float:
    critical = float(stats.chi2.ppf(0.99, len(groups) - 1))
    if np.ptp(np.concatenate(groups)) == 0:
        return 0.0  # no ensemble differs from another
    return float(stats.kruskal(*groups).statistic) / critical
