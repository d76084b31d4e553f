"""Time the probe by L-BFGS against AdamW, cached against computed teachers, and the head against lightly's.

    python benchmarks/random_teachers.py [--write]

One thread, float32, contenders in turn. The probe reads a random teacher's features of 2,000 real images and is scored
on 1,000 others. The head has the paper's sizes (512-2048-2048-256-65536, batches of 256), both with the same weights.
lightly is compared where it is installed (`pip install --no-deps lightly`). Prints seconds and ratios; --write keeps
them with the environment in benchmarks/results/random_teachers.{json,md}.
"""

import argparse
import importlib.metadata
import importlib.util
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from measured_on import environment, keep
from torch import Tensor, nn

from workingpapers.data.catalog import load
from workingpapers.errors import MissingExtraError
from workingpapers.papers.random_teachers import (
    ProbeClassifier,
    ProjectionHead,
    RandomTeacherDistiller,
    distillation_loss,
    features,
)
from workingpapers.papers.random_teachers.networks import encoder
from workingpapers.papers.random_teachers.real_images import resized
from workingpapers.parts.timing import interleaved, single_thread
from workingpapers.parts.torchvision_compat import allow_torchvision_import

TARGET_PROBE, TOLERANCE = 10.0, 0.005
PLAN = "16 M 32 M 64 64 M 64 64 M"


def rows_of(work: str, ours: str, contenders: dict[str, Callable[[], object]], rounds: int) -> list[dict[str, Any]]:
    """Median seconds of each contender, and the median ratio to ours within a round."""
    taken = interleaved(contenders, rounds=rounds)
    return [
        {
            "work": work,
            "contender": name,
            "is_ours": name == ours,
            "seconds": float(np.median(values)),
            "times_as_long": float(np.median(values / taken[ours])),
            "note": "",
        }
        for name, values in taken.items()
    ]


def images() -> tuple[Tensor, Tensor, str]:
    """Images of 16 × 16 pixels, standardised, and labels, in random order."""
    try:
        data = load("mnist")
    except MissingExtraError:
        data = load("digits")
    x = resized(torch.from_numpy(np.array(data["images"])).float(), 16)
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    return ((x - x.mean()) / x.std())[order], torch.from_numpy(np.array(data["labels"]))[order], data.name


def distiller(alpha: float = 1.0) -> RandomTeacherDistiller:
    """The laptop scale's networks."""
    pattern, width = encoder(PLAN, 1)
    return RandomTeacherDistiller(pattern, head=ProjectionHead(width, (256, 256), 64, 1024), alpha=alpha)


def probes(x: Tensor, y: Tensor, rounds: int) -> list[dict[str, Any]]:
    """Fit both probes to the same features; the note gives held-out accuracies."""
    held = min(1000, len(x) // 3)
    z, labels = features(distiller().teacher, x).numpy(), y.numpy()
    train, test = slice(held, held + 2000), slice(0, held)
    solvers = {
        "L-BFGS (ours)": ProbeClassifier(),
        "AdamW, 100 epochs": ProbeClassifier(solver="adamw"),
        "AdamW, 200 epochs": ProbeClassifier(solver="adamw", epochs=200),
        "AdamW, 400 epochs": ProbeClassifier(solver="adamw", epochs=400),
    }
    fits: dict[str, Callable[[], object]] = {
        name: partial(each.fit, z[train], labels[train]) for name, each in solvers.items()
    }
    rows = rows_of("linear probe, 2,000 × 64", "L-BFGS (ours)", fits, rounds)
    for row in rows:
        row["accuracy"] = float(solvers[row["contender"]].score(z[test], labels[test]))
        row["note"] = f"held-out accuracy {row['accuracy']:.3f}"
    return rows


def caches(x: Tensor, rounds: int) -> list[dict[str, Any]]:
    """Five epochs of distillation of 1,280 images; filling the cache is part of the time."""
    runs: dict[str, Callable[[], object]] = {
        name: partial(distiller().fit, x[:1280], 5, batch_size=128, cache=cache)
        for name, cache in (("cached teacher (ours)", True), ("teacher computed in each step", False))
    }
    return rows_of("5 epochs of 1,280 images", "cached teacher (ours)", runs, rounds)


def heads(rounds: int) -> list[dict[str, Any]] | str:
    """Forward and backward of the loss through the paper's head, ours and lightly's, from equal weights."""
    if importlib.util.find_spec("lightly") is None:
        return "lightly is not installed: its head is not compared (`pip install --no-deps lightly`)."
    allow_torchvision_import()
    try:
        from lightly.models.modules.heads import DINOProjectionHead
    except Exception as error:  # an installed lightly that does not import is no contender
        return f"lightly is installed and does not import ({type(error).__name__}: {error}): not compared."
    torch.manual_seed(0)
    ours, theirs = ProjectionHead(512), DINOProjectionHead(512, norm_last_layer=True)
    theirs.last_layer.weight_v.data.copy_(ours.prototypes.data)
    linear = [each for each in theirs.layers if isinstance(each, nn.Linear)]
    for mine, other in zip(ours.layers, linear, strict=True):
        other.load_state_dict(mine.state_dict())
    x = torch.randn(256, 512)
    with torch.no_grad():
        difference = float((ours(x) - theirs(x)).abs().max())
        wanted = ours(torch.randn(256, 512))

    def step(head: nn.Module) -> None:
        head.zero_grad()
        distillation_loss(wanted, head(x)).kl.backward()

    steps: dict[str, Callable[[], object]] = {
        "ProjectionHead (ours)": partial(step, ours),
        "lightly's DINOProjectionHead": partial(step, theirs),
    }
    rows = rows_of("head of the paper, batch of 256, forward and backward", "ProjectionHead (ours)", steps, rounds)
    rows[1]["note"] = f"largest difference of outputs {difference:.1e}"
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = ["| work | contender | ms | times as long as ours | note |", "|---|---|---:|---:|---|"]
    for row in rows:
        ratio = "1" if row["is_ours"] else f"{row['times_as_long']:.2f}"
        lines.append(f"| {row['work']} | {row['contender']} | {1e3 * row['seconds']:.1f} | {ratio} | {row['note']} |")
    return "\n".join(lines)


def target(rows: list[dict[str, Any]]) -> str:
    """Whether the probe meets its target, and at which accuracies."""
    ours = next(row for row in rows if row["is_ours"])
    level = [row for row in rows if not row["is_ours"] and row["accuracy"] >= ours["accuracy"] - TOLERANCE]
    if not level:
        return "Target: AdamW reaches the accuracy of L-BFGS with none of these numbers of epochs: no ratio."
    peer = min(level, key=lambda row: row["seconds"])
    is_met = peer["times_as_long"] >= TARGET_PROBE
    return (
        f"Target: the probe by L-BFGS at least {TARGET_PROBE:g} times as fast as AdamW at equal accuracy, "
        f"that is with the fewest epochs here that reach it up to half a point. {peer['contender']}: "
        f"{peer['times_as_long']:.1f} times, {ours['accuracy']:.3f} against {peer['accuracy']:.3f}: "
        f"{'met' if is_met else 'not met'}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the result under benchmarks/results/")
    parser.add_argument("--rounds", type=int, default=5, help="measured rounds")
    options = parser.parse_args()
    with single_thread():
        x, y, data = images()
        probed = probes(x, y, options.rounds)
        headed = heads(min(3, options.rounds))
        rows = [*probed, *caches(x, options.rounds), *([] if isinstance(headed, str) else headed)]
    notes = [target(probed), *([headed] if isinstance(headed, str) else [])]
    where = environment("scikit-learn", "lightly", images=data, precision="float32", threads=1)
    print(table(rows), *notes, sep="\n\n")
    if options.write:
        title = "random-teachers: probes, cached teachers, the head"
        keep("random_teachers", title, where, table(rows), notes, rounds=options.rounds, rows=rows)


if __name__ == "__main__":
    main()
