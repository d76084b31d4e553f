"""What a trial measures on recurrent networks: ranks at equal norms, forgetting, connectomes and other structures."""

import copy
import math
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from workingpapers.bench.protocols import Trial
from workingpapers.data.catalog import load
from workingpapers.errors import MissingExtraError
from workingpapers.papers.rich_lazy.connectivity import structured_connectivity
from workingpapers.papers.rich_lazy.method import LazinessProbe
from workingpapers.papers.rich_lazy.ranks import effective_rank, truncate_rank_
from workingpapers.papers.rich_lazy.rnn import CTRNN
from workingpapers.papers.rich_lazy.sequential_images import SequentialImages
from workingpapers.papers.rich_lazy.settings import Settings
from workingpapers.papers.rich_lazy.tasks import ContextDecision, DelayedMatch, Task, TwoAlternative
from workingpapers.parts.kernel_alignment import kernel_alignment

LARGEST_GRADIENT = 5.0
MOST_ROWS = 2560  # of a kernel: long sequences with many classes get fewer trials
Measured = dict[str, float]


def rank_study(settings: Settings, trial: Trial) -> None:
    """Claims R2, R5 and R7 on the first task; the other tasks are recorded."""
    for number, name in enumerate(settings.tasks):
        task = _task(name, settings, trial)
        full = max(settings.ranks)
        arms = [("frobenius", rank, "") for rank in settings.ranks]
        arms += [("spectral", rank, "") for rank in settings.ranks if rank < full]
        arms += [("frobenius", full, f"again {i}") for i in range(1, len(settings.ranks))]
        found: dict[tuple[str, int, str], Measured] = {}
        for norm, rank, draw in trial.steps(arms, f"ranks, {name}"):
            start = torch.Generator().manual_seed(trial.seed_for("recurrent", draw))
            w = structured_connectivity(settings.hidden, "gaussian", gain=settings.gain, generator=start)
            truncate_rank_(w, rank, preserve=norm)
            axes = {"task": name, "norm": norm, "rank": rank, "draw": draw or "first"}
            forget = number == 0 and draw == ""
            found[norm, rank, draw] = _one(settings, trial, task, w, settings.iterations, forget=forget, **axes)
        if number == 0:
            _rank_claims(settings, trial, found)


def _rank_claims(settings: Settings, trial: Trial, found: dict[tuple[str, int, str], Measured]) -> None:
    low, full = min(settings.ranks), max(settings.ranks)
    first, again = found["frobenius", full, ""], found["frobenius", full, "again 1"]
    for norm in ("frobenius", "spectral"):
        suffix = "" if norm == "frobenius" else "-spectral"
        rank_one = found[norm, low, ""]
        for claim, measure in (
            ("rank-kernel", "kernel_alignment"),
            ("rank-representation", "representation_alignment"),
        ):
            _claim(trial, claim + suffix, first[measure] - rank_one[measure], again[measure] - first[measure])
        change = "weight_change"
        _claim(trial, f"rank-weights{suffix}", rank_one[change] - first[change], again[change] - first[change])
        early = (first["early_loss"] - rank_one["loss"]) / first["loss"]
        _claim(trial, f"rank-equal-loss{suffix}", (rank_one["loss"] - first["loss"]) / first["loss"], early)
    repeats = [first, *(found["frobenius", full, f"again {i}"] for i in range(1, len(settings.ranks)))]
    for claim, measure in (("trend-kernel", "kernel_alignment"), ("trend-representation", "representation_alignment")):
        by_rank = [found["frobenius", rank, ""][measure] for rank in settings.ranks]
        _claim(
            trial, claim, _spearman(settings.ranks, by_rank), _spearman(settings.ranks, [m[measure] for m in repeats])
        )
    cost = "weight_change_l1"
    _claim(trial, "plasticity-cost", found["frobenius", low, ""][cost] - first[cost], again[cost] - first[cost])
    runs = [measured for (_, _, draw), measured in found.items() if draw == ""]
    richness, rise = [1 - m["representation_alignment"] for m in runs], [m["forgetting"] for m in runs]
    shuffled = np.random.default_rng(trial.seed_for("shuffle")).permutation(rise)
    _claim(trial, "forgetting", _spearman(richness, rise), _spearman(richness, list(shuffled)))


def structure_study(settings: Settings, trial: Trial) -> None:
    """Claim R4: a measured connectome against shuffled and Gaussian ones; generated structures are recorded."""
    missing = ""
    try:
        data = load("celegans", settings.connectome or None)
        trial.uses(data)
        wiring = torch.from_numpy(data["weights"])
    except MissingExtraError as error:
        missing = str(error)
        generator = torch.Generator().manual_seed(trial.seed_for("stand-in"))
        wiring = structured_connectivity(settings.hidden, "heavy-tailed", generator=generator, dtype=torch.float64)
    n = len(wiring)
    density = float((wiring != 0).double().mean())
    first, second = _shuffled(wiring, trial, 1), _shuffled(wiring, trial, 2)
    matrices: dict[str, tuple[Any, dict[str, Any]]] = {
        "connectome" if not missing else "stand-in": (wiring, {"signs": "dale"}),
        "shuffled": (first, {"signs": "dale"}),
        "shuffled again": (second, {"signs": "dale"}),
        "gaussian null": ("sparse", {"density": density}),
        "balanced": ("dale-balanced", {}),
        "blocks": ("block", {}),
        "chains": ("chain", {"density": density}),
    }
    task, found = _task(settings.tasks[0], settings, trial), {}
    for arm, (kind, options) in trial.steps(matrices.items(), "structures", len(matrices)):
        # one stream for all: the connectome and its shuffles get the same signs
        generator = torch.Generator().manual_seed(trial.seed_for("signs"))
        w = structured_connectivity(n, kind, gain=settings.gain, generator=generator, **options)
        found[arm] = _one(settings, trial, task, w, settings.structure_iterations, study="structure", arm=arm)
    if missing:
        for claim in ("connectome-rank", "connectome-representation"):
            trial.not_tested(claim, f"no connectome is at hand, and the stand-in is generated: {missing}")
        return
    real, shuffle, null = found["connectome"], found["shuffled"], found["gaussian null"]
    again = found["shuffled again"]
    rank, alignment = "effective_rank", "representation_alignment"
    lowest = min(shuffle[rank], null[rank])
    _claim(trial, "connectome-rank", real[rank] / lowest, again[rank] / lowest)
    lowest = min(shuffle[alignment], null[alignment])
    _claim(trial, "connectome-representation", real[alignment] - lowest, again[alignment] - lowest)


def _shuffled(wiring: Tensor, trial: Trial, draw: int) -> Tensor:
    """The same weights on other pairs of units."""
    n = len(wiring)
    off = ~torch.eye(n, dtype=torch.bool)
    generator = torch.Generator().manual_seed(trial.seed_for("pairs", draw))
    values = wiring[off]
    made = torch.zeros_like(wiring)
    made[off] = values[torch.randperm(len(values), generator=generator)]
    return made


def _one(
    settings: Settings, trial: Trial, task: Task, w: Tensor, iterations: int, /, *, forget: bool = False, **axes: Any
) -> Measured:
    """Train one network and measure it; what it measured is recorded under `axes`."""
    with trial.seeded("readout"):  # arms share input and output weights
        network = CTRNN(task.input_size, len(w), task.output_size)
    with torch.no_grad():
        network.recurrent.weight.copy_(w)
    network = network.to(trial.device)
    held_out = torch.Generator().manual_seed(trial.seed_for("evaluation"))
    x, y = (each.to(trial.device) for each in task.batch(settings.trials, held_out))
    before = _gram(network, x)
    each = x.shape[0] * task.output_size
    some = x[:, : max(1, min(settings.kernel_trials, MOST_ROWS // each))]
    rows = each * some.shape[1]
    probe = LazinessProbe(network, some, params="recurrent", max_kernel_rows=rows)
    batches = torch.Generator().manual_seed(trial.seed_for("batches"))
    losses = _train(network, task, iterations, settings, batches)
    report = probe.measure()
    loss, accuracy = _score(network, x, y)
    early = losses[max(0, iterations // 10 - 1)]
    measured = {
        "loss": loss,
        "early_loss": early,
        "accuracy": accuracy,
        "effective_rank": effective_rank(w),
        "spectral_radius": float(torch.linalg.eigvals(w.double()).abs().max()),
        "weight_change": report.weight_change,
        "weight_change_l1": report.weight_change_l1,
        "kernel_alignment": report.kernel_alignment,
        "sign_similarity": report.sign_similarity,
        "representation_alignment": _cosine(before, _gram(network, x)),
    }
    if forget:
        other = copy.deepcopy(network)
        second: Task = DelayedMatch()
        _train(other, second, settings.forget_iterations, settings, batches)
        after_loss, after_accuracy = _score(other, x, y)
        measured["forgetting"] = after_loss - loss
        measured["accuracy_drop"] = accuracy - after_accuracy
    if iterations >= 20:
        every = max(1, iterations // 20)
        trial.record("losses", [float(np.mean(losses[i : i + every])) for i in range(0, iterations, every)], **axes)
    for name, value in measured.items():
        trial.record(name, value, **axes)
    trial.record("failed", not all(map(math.isfinite, measured.values())), **axes)
    return measured


def _train(network: CTRNN, task: Task, iterations: int, settings: Settings, generator: torch.Generator) -> list[float]:
    """SGD with momentum on the cross-entropy of all steps and trials; the gradient is clipped at norm 5."""
    optimizer = torch.optim.SGD(network.parameters(), lr=settings.learning_rate, momentum=0.9)
    losses = []
    for _ in range(iterations):
        x, y = task.batch(settings.batch, generator)
        loss = _loss(network(x.to(network.input.weight.device))[0], y)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), LARGEST_GRADIENT)
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def _loss(outputs: Tensor, y: Tensor) -> Tensor:
    return torch.nn.functional.cross_entropy(outputs.flatten(0, 1), y.flatten().to(outputs.device))


@torch.no_grad()
def _score(network: CTRNN, x: Tensor, y: Tensor) -> tuple[float, float]:
    """Loss over all steps, and accuracy at the last."""
    outputs = network(x)[0]
    return float(_loss(outputs, y)), float((outputs[-1].argmax(-1) == y[-1]).double().mean())


@torch.no_grad()
def _gram(network: CTRNN, x: Tensor) -> Tensor:
    hidden = network(x)[1][-1].double()
    return hidden @ hidden.T


def _cosine(first: Tensor, second: Tensor) -> float:
    usable = all(bool(k.isfinite().all()) and bool(k.any()) for k in (first, second))
    return kernel_alignment(first, second) if usable else math.nan


def _spearman(x: Any, y: Any) -> float:
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        return math.nan
    return float(spearmanr(x, y).statistic)


def _claim(trial: Trial, name: str, value: float, control: float) -> None:
    """A run that diverged is a failed run, not a number."""
    if math.isfinite(value) and math.isfinite(control):
        trial.claim(name, value=value, control=control)
    else:
        trial.not_tested(name, "a network of this trial diverged or died, so that its alignment is not defined")


def _task(name: str, settings: Settings, trial: Trial) -> Task:
    if name == "sequential-images":
        data = load("digits", settings.images or None)
        trial.uses(data)
        return SequentialImages(data["images"], data["labels"])
    made: dict[str, Task] = {
        "two-alternative": TwoAlternative(),
        "delayed-match": DelayedMatch(),
        "context-decision": ContextDecision(),
    }
    return made[name]
