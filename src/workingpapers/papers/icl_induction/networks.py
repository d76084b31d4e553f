"""What the parts of the experiment share: tasks and networks of the scale's sizes, curves put on record."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import torch

from workingpapers.bench.protocols import Trial
from workingpapers.papers.icl_induction.method import AttentionOnlyClassifier
from workingpapers.papers.icl_induction.settings import Settings
from workingpapers.papers.icl_induction.task import Batch, InContextClassification

CURVES = ("ic", "ic_swapped", "iw")
MEASURES = ("ic_loss", "ila1", "tila2", "cla", "tla2")


def make_task(settings: Settings, trial: Trial, n_classes: int, **changes: Any) -> InContextClassification:
    """A task of the scale's sizes; tasks of one trial share their seed, so equal sizes have equal classes."""
    chosen: dict[str, Any] = {
        "n_labels": settings.n_labels, "positions": settings.positions, "distinct_labels": True,
        "seed": trial.seed_for("data"), "device": trial.device, **changes,
    }  # fmt: skip
    labels = chosen.pop("n_labels")
    return InContextClassification(n_classes, labels, settings.n_pairs, settings.dim, **chosen)


def make_network(
    settings: Settings, trial: Trial, arm: str, *, layers: int = 2, n_labels: int | None = None
) -> AttentionOnlyClassifier:
    """The network of an arm, initialised from the arm's stream."""
    with trial.seeded("init", arm):
        return AttentionOnlyClassifier(
            settings.dim + settings.positions,
            settings.n_labels if n_labels is None else n_labels,
            layers=layers,
            mlp_hidden=settings.mlp_hidden,
        ).to(trial.device)


def record_curves(trial: Trial, history: pd.DataFrame, arm: str, names: Sequence[str] = CURVES) -> None:
    """Put learning curves on record, one list for each."""
    for name in ("step", *names):
        values = [float(f"{value:.4g}") for value in history[name]]
        trial.record("curve", values, arm=arm, what=name)


def nearest_in_context(batch: Batch, positions: int) -> float:
    """Accuracy of giving the label of the context's nearest item: what matching alone can reach."""
    content = batch.tokens[..., positions:]
    distance = (content[:, 0:-1:2] - content[:, -1:]).square().sum(-1)
    guess = batch.context_labels.gather(1, distance.argmin(1, keepdim=True)).squeeze(1)
    return float((guess == batch.target).float().mean())


def own_stream(trial: Trial, name: str) -> torch.Generator:
    """A generator on the trial's device for test sequences that all arms share."""
    return torch.Generator(trial.device).manual_seed(trial.seed_for(name))
