"""One label on many kinds of inputs: target and input alignment of tanh and ReLU networks, and what they can decode."""

from collections.abc import Mapping
from typing import Any

import torch
from scipy.stats import binomtest
from torch import Tensor
from torch.nn.functional import softplus

from workingpapers.bench.protocols import Trial
from workingpapers.papers.representational_geometry.alignment import kernel_alignment
from workingpapers.papers.representational_geometry.decoding import dichotomies, dichotomy_accuracies
from workingpapers.papers.representational_geometry.designs import as_conditions
from workingpapers.papers.representational_geometry.networks import TrainedStack, train_stack
from workingpapers.papers.representational_geometry.settings import Settings
from workingpapers.papers.representational_geometry.tasks import BinaryFactorTask

PAIR = ("tanh", "relu")
# Decoders are compared where their mean accuracy lies here: elsewhere both guess, or both are right
UNSATURATED = (0.7, 0.95)


def one_label(settings: Settings, trial: Trial) -> None:
    """The default cell, the grid, structured inputs, other initial weights and plain gradient descent."""
    cells = _cells(settings)
    seeds = [trial.seed_for("network", replica) for replica in range(settings.replicas)]
    options: dict[str, Any] = {
        "hidden": settings.hidden,
        "steps": settings.steps,
        "batch": settings.batch,
        "device": trial.device,
    }
    moments = sorted({round(settings.steps * part) for part in (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75)} - {0})
    stack = train_stack(
        list(cells.values()),
        PAIR,
        seeds,
        lr=settings.lr,
        w0=settings.w0,
        snapshots=moments,
        watch=lambda done, total: trial.progress(done, total, "training"),
        **options,
    )
    names = list(cells)
    differences = {name: _differences(stack, at, name, seeds, settings, trial) for at, name in enumerate(names)}
    default = names[0]
    _claim_pair(trial, "target-alignment", differences[default], "target", "other_target")
    _claim_pair(trial, "same-accuracy", differences[default], "accuracy", "accuracy_untrained")
    trial.claim(
        "input-alignment", value=-differences[default]["input"], control=-differences[default]["input_untrained"]
    )
    _claim_pair(trial, "label-direction", differences[default], "direction", "direction_untrained")
    grid = [name for name in names if name.startswith("separability")]
    for claim, key, other, sign in (
        ("grid-target", "target", "other_target", 1),
        ("grid-input", "input", "input_untrained", -1),
    ):
        trial.claim(
            claim,
            value=_sign_test([sign * differences[name][key] for name in grid]),
            control=_sign_test([sign * differences[name][other] for name in grid]),
        )
    effect = differences[default]["target"]
    trial.claim("structured-bit", value=differences["structured, one bit"]["target"], control=effect)
    trial.claim("structured-xor", value=differences["structured, exclusive or"]["target"], control=effect)
    _over_training(stack, names, seeds[0], settings, trial)
    _decoding(stack, seeds, settings, trial)
    _others(cells, seeds[0], options, settings, trial)


def _cells(settings: Settings) -> dict[str, BinaryFactorTask]:
    cells = {
        f"separability {separability:g}, noise {noise:g}": BinaryFactorTask(
            dim=settings.dim, targets="first", separability=separability, noise=noise
        )
        for separability in settings.separabilities
        for noise in settings.noises
    }
    noise = settings.noises[0]
    cells["structured, one bit"] = BinaryFactorTask(dim=settings.dim, inputs="structured", targets="first", noise=noise)
    cells["structured, exclusive or"] = BinaryFactorTask(
        dim=settings.dim, inputs="structured", targets="xor", noise=noise
    )
    cells["unstructured, exclusive or"] = BinaryFactorTask(dim=settings.dim, targets="xor", noise=noise)
    cells["16 clusters, separability 0.3"] = BinaryFactorTask(
        4, dim=settings.dim, targets="first", separability=0.3, noise=noise
    )
    return cells


def samples_of(
    task: BinaryFactorTask, trial: Trial, settings: Settings, *names: str | int | float, noise: float | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Fresh samples of a task on the trial's device; the same for every arm."""
    generator = torch.Generator().manual_seed(trial.seed_for("samples", task.seed, *names))
    x, y, condition = task.sample(settings.samples, generator, noise=noise)
    return x.to(trial.device), y.to(trial.device), condition


def _differences(
    stack: TrainedStack, at: int, name: str, seeds: list[int], settings: Settings, trial: Trial
) -> dict[str, float]:
    """Tanh minus ReLU of each measure, mean over replicas; the means of both are recorded."""
    totals: dict[str, float] = {}
    recorded: dict[tuple[str, str], float] = {}
    for seed in seeds:
        task = stack.tasks[stack.index("tanh", seed, at)]
        x, y, condition = samples_of(task, trial, settings)
        bits = task.bits.to(x)[condition.to(x.device)]
        others = bits[:, 1:] if isinstance(task.targets, str) and task.targets == "first" else bits
        axis = task.centres.T @ task.labels[:, 0]
        axis = (axis / torch.linalg.vector_norm(axis)).to(x)
        raw = {"target": kernel_alignment(x, y), "input": 1.0}
        found: dict[str, dict[str, float]] = {}
        for arm in PAIR:
            found[arm] = {}
            for suffix, snapshot in (("", -1), ("_untrained", 0)):
                net = stack.network(arm, seed, at, snapshot=snapshot)
                with torch.no_grad():
                    z, outputs = net.features(x), net(x)
                    direction = ((net.W @ axis) ** 2 / (net.W**2).sum(1)).mean()
                found[arm] |= {
                    f"target{suffix}": kernel_alignment(z, y),
                    f"input{suffix}": kernel_alignment(z, x),
                    f"accuracy{suffix}": float((outputs * y > 0).float().mean()),
                    f"direction{suffix}": float(direction),
                }
                if not suffix:
                    found[arm]["loss"] = float(softplus(-y * outputs).mean())
                    alone = [kernel_alignment(z, other) for other in others.T]
                    found[arm]["other_target"] = sum(alone) / len(alone)
        for arm, measures in (*found.items(), ("inputs", raw)):
            for key, value in measures.items():
                recorded[arm, key] = recorded.get((arm, key), 0.0) + value / len(seeds)
        for key in found["tanh"]:
            totals[key] = totals.get(key, 0.0) + (found["tanh"][key] - found["relu"][key]) / len(seeds)
    for (arm, key), value in recorded.items():
        measure, _, _ = key.partition("_untrained")
        if key in ("accuracy_untrained", "direction_untrained"):  # the same for both arms, or a guess
            continue
        trial.record(measure, value, cell=name, arm=arm, trained=not key.endswith("_untrained"))
    totals["accuracy_untrained"] = _against_untrained(stack, at, seeds, settings, trial)
    return totals


def _against_untrained(stack: TrainedStack, at: int, seeds: list[int], settings: Settings, trial: Trial) -> float:
    """Accuracy of trained tanh networks minus that of untrained ReLU networks."""
    gaps = []
    for seed in seeds:
        x, y, _ = samples_of(stack.tasks[stack.index("tanh", seed, at)], trial, settings)
        with torch.no_grad():
            right = [
                (stack.network(arm, seed, at, snapshot=snapshot)(x) * y > 0).float().mean()
                for arm, snapshot in (("tanh", -1), ("relu", 0))
            ]
        gaps.append(float(right[0] - right[1]))
    return sum(gaps) / len(gaps)


def _claim_pair(trial: Trial, claim: str, differences: Mapping[str, float], key: str, control: str) -> None:
    trial.claim(claim, value=differences[key], control=differences[control])


def _sign_test(differences: list[float]) -> float:
    """One-sided exact binomial p-value of the number of cells with the predicted sign against one half."""
    return float(binomtest(sum(value > 0 for value in differences), len(differences), alternative="greater").pvalue)


def _over_training(stack: TrainedStack, names: list[str], seed: int, settings: Settings, trial: Trial) -> None:
    trial.record("steps_over_training", [each.step for each in stack.snapshots])
    for name in (names[0], "structured, exclusive or"):
        at = names.index(name)
        x, y, _ = samples_of(stack.tasks[stack.index("tanh", seed, at)], trial, settings)
        curves: dict[str, list[tuple[float, float, float]]] = {}
        for arm in PAIR:
            curves[arm] = []
            for place in range(len(stack.snapshots)):
                net = stack.network(arm, seed, at, snapshot=place)
                with torch.no_grad():
                    z, loss = net.features(x), float(softplus(-y * net(x)).mean())
                alignments = {"target": kernel_alignment(z, y), "input": kernel_alignment(z, x)}
                curves[arm].append((loss, alignments["target"], alignments["input"]))
            losses, targets, inputs = zip(*curves[arm], strict=True)
            trial.record("loss_over_training", list(losses), cell=name, arm=arm)
            for what, values in (("target", targets), ("input", inputs)):
                trial.record("alignment_over_training", list(values), cell=name, arm=arm, to=what)
        # The loss that the slower of the two ends at, and the first moment at which each has reached it
        level = max(curve[-1][0] for curve in curves.values())
        reached = {arm: next(target for loss, target, _ in curve if loss <= level) for arm, curve in curves.items()}
        trial.record("target_difference_at_equal_loss", reached["tanh"] - reached["relu"], cell=name)
        trial.record("equal_loss", level, cell=name)


def _decoding(stack: TrainedStack, seeds: list[int], settings: Settings, trial: Trial) -> None:
    """Linear decoding of all dichotomies of the default cell, at the first noise that leaves it unsaturated."""
    task = stack.tasks[stack.index("tanh", seeds[0], 0)]
    signs = dichotomies(task.n_conditions)
    trained = (signs * task.labels.double()).sum(0).abs() == task.n_conditions
    tried: dict[float, dict[str, tuple[float, float]]] = {}
    for noise in settings.decoding_noises:
        found: dict[str, tuple[float, float]] = {}
        x, _, condition = samples_of(task, trial, settings, "decoder", noise=noise)
        test_x, _, test_condition = samples_of(task, trial, settings, "decoded", noise=noise)
        which, tested = as_conditions(condition, len(x)), as_conditions(test_condition, len(x))
        nets = {arm: stack.network(arm, seeds[0], 0).features for arm in PAIR}
        for arm, features in (*nets.items(), ("inputs", lambda each: each)):
            with torch.no_grad():
                rows, test = features(x).double(), features(test_x).double()
            right = tested.means(dichotomy_accuracies(rows, test, which, tested, signs, "lda")).mean(0).cpu()
            found[arm] = (float(right[~trained].mean()), float(right[trained].mean()))
            trial.record("decoding", found[arm][0], arm=arm, noise=noise, dichotomies="untrained")
            trial.record("decoding", found[arm][1], arm=arm, noise=noise, dichotomies="trained")
        tried[noise] = found
    noise = unsaturated({noise: sum(found[arm][0] for arm in PAIR) / 2 for noise, found in tried.items()})
    trial.record("decoding_noise", noise)
    chosen = tried[noise]
    trial.claim(
        "untrained-decoding",
        value=chosen["relu"][0] - chosen["tanh"][0],
        control=chosen["relu"][1] - chosen["tanh"][1],
    )


def unsaturated(means: Mapping[float, float]) -> float:
    """The first noise whose mean accuracy lies in the unsaturated range, else the one nearest to its middle."""
    low, high = UNSATURATED
    inside = [noise for noise, mean in means.items() if low <= mean <= high]
    return inside[0] if inside else min(means, key=lambda noise: abs(means[noise] - (low + high) / 2))


def _others(
    cells: Mapping[str, BinaryFactorTask], seed: int, options: dict[str, Any], settings: Settings, trial: Trial
) -> None:
    """Other initial weights, another optimiser, a linear network: recorded, no claim."""
    default = next(iter(cells.values()))
    sixteen = BinaryFactorTask(4, dim=settings.dim, targets="first", noise=default.noise)
    runs: dict[str, tuple[BinaryFactorTask, tuple[str, ...], dict[str, Any]]] = {
        "initial weights 0.1": (default, PAIR, {"w0": 0.1, "lr": settings.lr}),
        "16 clusters, gradient descent": (sixteen, PAIR, {"w0": settings.w0, "lr": 0.5, "optimizer": "sgd"}),
        "linear network": (default, ("linear",), {"w0": settings.w0, "lr": settings.lr}),
    }
    for name, (task, arms, own) in runs.items():
        stack = train_stack(task, arms, [seed], **own, **options)
        x, y, _ = samples_of(stack.tasks[0], trial, settings)
        for arm in arms:
            with torch.no_grad():
                z = stack.network(arm, seed).features(x)
            cell = next(iter(cells)) if arm == "linear" else name
            for what, other in (("target", y), ("input", x)):
                trial.record(what, kernel_alignment(z, other), cell=cell, arm=arm, trained=True)
