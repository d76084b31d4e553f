"""One run of one method on a sequence, and the check that all runs of a sequence have equal exposure."""

import time
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.nn import functional

from workingpapers.bench.protocols import Trial
from workingpapers.errors import InvalidParameterError
from workingpapers.papers.power_law_rehearsal.method import PowerLawSampler
from workingpapers.papers.power_law_rehearsal.regularizers import EWC, SynapticIntelligence
from workingpapers.papers.power_law_rehearsal.settings import Settings
from workingpapers.papers.power_law_rehearsal.streams import JointSampler, Stream, make_network
from workingpapers.papers.power_law_rehearsal.training import ContinualResult, accuracy_on, train_sequence


@dataclass(frozen=True)
class Arm:
    """A method: an environment, and at most one regulariser.

    Args:
        name: As it is recorded.
        kind: Environment: one of the sampler's kinds, or `joint`.
        exponent: d.
        ewc: Strength of elastic weight consolidation; 0 for none.
        si: Strength of synaptic intelligence; 0 for none.
        decoys: Whether what is rehearsed is replaced by views that belong to no task.
        watched: Whether the new task is evaluated during its phase.
        order: Name of another order of the samples; empty for the order that all arms share.
    """

    name: str
    kind: str = "none"
    exponent: float = 1.0
    ewc: float = 0.0
    si: float = 0.0
    decoys: bool = False
    watched: bool = False
    order: str = ""


@dataclass(frozen=True)
class Outcome:
    """What a run leaves: accuracies and steps, and what was kept beside the model."""

    result: ContinualResult
    extra_models: float
    seconds: float

    @property
    def accuracy(self) -> float:
        """Final accuracy, mean over tasks."""
        return float(self.result.accuracy[-1].mean())

    @property
    def forgetting(self) -> float:
        """Mean loss of accuracy since a task was learned."""
        return self.result.metrics["forgetting"]


def run(
    arm: Arm,
    settings: Settings,
    trial: Trial,
    stream: Stream,
    *names: str,
    evaluate_after: tuple[int, ...] | None = None,
) -> Outcome:
    """Train a network along the stream with this method."""
    network = make_network(trial, stream.train.x.shape[1], settings.width, *names)
    generator = torch.Generator().manual_seed(trial.seed_for("order", arm.order, *names))
    tasks = stream.decoys if arm.decoys else stream.train
    sampler = _sampler(arm, settings, tasks, generator)
    regularizer: Any = None
    if arm.ewc:
        regularizer = EWC(network, arm.ewc)
    elif arm.si:
        regularizer = SynapticIntelligence(network, arm.si)
    began = time.thread_time()
    result = train_sequence(
        network, tasks, optimizer=torch.optim.Adam(network.parameters(), settings.lr, fused=True),
        loss_fn=functional.cross_entropy, sampler=sampler, steps=settings.steps, regularizer=regularizer,
        eval_fn=accuracy_on(stream.test), eval_every=settings.eval_every if arm.watched else None,
        eval_until=settings.level, evaluate_after=evaluate_after,
    )  # fmt: skip
    size = sum(each.numel() * each.element_size() for each in network.parameters())
    extra = regularizer.memory_bytes() / size if regularizer is not None else 0.0
    return Outcome(result, extra, time.thread_time() - began)


def grid_cell(settings: Settings, width: int, budget: float) -> Settings:
    """The settings of a cell of the grid."""
    return replace(settings, width=width, steps=settings.grid_steps, batch=settings.grid_batch, budget=budget)


def check_equal_exposure(outcomes: dict[str, Outcome], settings: Settings, tasks: int) -> None:
    """Every run took the same number of steps and saw the same number of samples, else the comparison means nothing."""
    steps = settings.steps * tasks
    for name, outcome in outcomes.items():
        seen = (outcome.result.steps, outcome.result.samples)
        if seen != (steps, steps * settings.batch):
            raise InvalidParameterError(
                f"{name} took {seen[0]} steps and {seen[1]} samples; every method must take {steps} and "
                f"{steps * settings.batch}"
            )


def _sampler(arm: Arm, settings: Settings, tasks: Any, generator: torch.Generator) -> PowerLawSampler:
    made = JointSampler if arm.kind == "joint" else PowerLawSampler
    kind: Any = "uniform" if arm.kind == "joint" else arm.kind
    return made(
        tasks, exponent=arm.exponent, budget=settings.budget, batch_size=settings.batch, generator=generator,
        kind=kind, rate=settings.rate, fill_last_batch=True,
    )  # fmt: skip
