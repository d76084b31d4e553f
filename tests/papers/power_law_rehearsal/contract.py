"""What the contract tests cannot guess about this room."""

import math
from functools import partial

import numpy as np
import torch
from torch import nn

from workingpapers.papers.power_law_rehearsal import (
    EWC,
    EncounterProcess,
    ForgettingReport,
    PowerLawCallback,
    PowerLawSampler,
    SynapticIntelligence,
    accuracy_on,
    continual_metrics,
    permuted_tasks,
    rehearsal_probabilities,
    train_sequence,
)

_tasks = permuted_tasks(torch.rand(12, 4), torch.arange(12) % 2, 2, 0)
_net = nn.Linear(4, 2)


def _train(**options: object) -> object:
    return train_sequence(
        _net, _tasks, optimizer=torch.optim.SGD(_net.parameters(), 0.1), loss_fn=nn.functional.cross_entropy,
        sampler=PowerLawSampler(_tasks, batch_size=4), eval_fn=accuracy_on(_tasks), **options,
    )  # type: ignore[arg-type]  # fmt: skip


Sampler = partial(PowerLawSampler, [10, 10], batch_size=5)

MODULES: dict = {}
COMPILED = ()
ESTIMATORS = ()
BAD_INPUTS = [
    ("exponent", lambda: rehearsal_probabilities(3, exponent=-1.0), ValueError, "exponent is -1"),
    ("exponent nan", lambda: Sampler(exponent=math.nan), ValueError, "exponent is nan"),
    ("budget", lambda: Sampler(budget=1.0), ValueError, "budget is 1;.*below 1"),
    ("empty task", lambda: PowerLawSampler([10, 0], batch_size=5), ValueError, "task 1 is empty"),
    ("batch", lambda: PowerLawSampler([10], batch_size=0), ValueError, "batch_size is 0"),
    ("kind", lambda: Sampler(kind="linear"), ValueError, "'linear'.*power, exponential, uniform, last"),
    ("past the end", lambda: PowerLawSampler([10], batch_size=5).next_task(), IndexError, "no task 1"),
    ("not square", lambda: continual_metrics([[0.5, 0.5]]), ValueError, r"\(1, 2\).*square"),
    ("no accuracy", lambda: continual_metrics([[1.5]]), ValueError, r"A\[0, 0\] is 1.5"),
    ("not learned", lambda: ForgettingReport([[0.5, 0.1], [math.nan, 0.2]]), ValueError, r"A\[1, 0\] is nan"),
    ("no task at first", lambda: EncounterProcess(1.0, [3]), ValueError, "step 0 or 1"),
    ("empty loader", lambda: EWC(_net, 1.0).consolidate([]), ValueError, "loader is empty"),
    ("empty loader, SI", lambda: SynapticIntelligence(_net, 1.0).consolidate([]), ValueError, "loader is empty"),
    ("strength", lambda: EWC(_net, -1.0), ValueError, "strength is -1;"),
    ("damping", lambda: SynapticIntelligence(_net, 1.0, damping=0.0), ValueError, "damping is 0"),
    ("labels", lambda: EWC(_net, 1.0, labels="random"), ValueError, "'random'.*'true' or 'model'"),
    ("epochs and steps", lambda: _train(epochs=1, steps=1), ValueError, "exactly one"),
    ("neither", lambda: _train(), ValueError, "exactly one"),
    (
        "pixels",
        lambda: permuted_tasks(np.ones((3, 2), int), np.ones(3, int), 2, 0),
        TypeError,
        "x is of type torch.int",
    ),
    ("labels per image", lambda: permuted_tasks(np.ones((3, 2)), np.ones(4, int), 2, 0), ValueError, "one label"),
    ("options", lambda: PowerLawCallback([[1]], steps_per_task=1, batch_size=1, rank=0), ValueError, "rank cannot"),
]
