"""What a student is worth as a start of supervised training: lottery tickets and linear connectivity."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.bench.protocols import Trial
from workingpapers.papers.random_teachers.connectivity import linear_mode_connectivity
from workingpapers.papers.random_teachers.encoders import evaluating
from workingpapers.papers.random_teachers.method import RandomTeacherDistiller
from workingpapers.papers.random_teachers.pruning import IterativePruner
from workingpapers.papers.random_teachers.real_images import Images
from workingpapers.papers.random_teachers.settings import Settings
from workingpapers.papers.random_teachers.students import LOCAL, Students

SPARSITIES = (0.8, 0.975)  # rounds whose sparsity lies between are averaged


class Supervised:
    """Trains classifiers from given encoders on one sample; all get the same last layer.

    Args:
        settings: Sizes.
        trial: The trial.
        images: The images.
    """

    def __init__(self, settings: Settings, trial: Trial, images: Images, width: int) -> None:
        self.settings, self.trial = settings, trial
        self.x, self.y = images.train[: settings.sgd_images], images.labels[: settings.sgd_images]
        self.test, self.y_test = images.test, images.labels_test
        with trial.seeded("classifier"):
            self.last = nn.Linear(width, int(images.labels.max()) + 1)

    def network(self, encoder: nn.Module) -> nn.Module:
        """A classifier on a copy of the encoder, all of it trainable."""
        return copy.deepcopy(nn.Sequential(encoder, self.last)).requires_grad_(True).train()

    def train(self, network: nn.Module, order: int, rate: float, epochs: int) -> nn.Module:
        """SGD with momentum 0.9 and weight decay 1e-4, the rate divided by ten after half and three quarters."""
        optimizer = torch.optim.SGD(network.parameters(), lr=rate, momentum=0.9, weight_decay=1e-4)
        total = self.settings.sgd_epochs
        milestones = sorted({max(1, total // 2), max(1, 3 * total // 4)}) if total >= 8 else []
        schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones)
        generator = torch.Generator().manual_seed(self.trial.seed_for("batches", order))
        for _ in range(epochs):
            for rows in torch.split(torch.randperm(len(self.x), generator=generator), self.settings.sgd_batch):
                loss = functional.cross_entropy(network(self.x[rows]), self.y[rows])
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
            schedule.step()
        return network

    @torch.no_grad()
    def accuracy(self, network: nn.Module) -> float:
        """Share of held-out images classified right."""
        with evaluating(network):
            return 1 - wrong(network(self.test), self.y_test)


def wrong(output: Any, target: Tensor) -> float:
    """Share of a batch that is classified wrong."""
    return float((output.argmax(-1) != target).double().mean())


def study_supervised(settings: Settings, trial: Trial, students: Students, main: RandomTeacherDistiller) -> None:
    """Claims on lottery tickets and on connectivity."""
    made = Supervised(settings, trial, students.images, students.width)
    starts = {
        "student": main.student,
        "random": students.teacher,
        "another random draw": students.distiller(LOCAL, "another").teacher,
    }
    small = settings.sgd_rates[0]
    dense = {name: made.train(made.network(each), 0, small, settings.sgd_epochs) for name, each in starts.items()}
    _connectivity(made, starts, dense)
    accuracy = {}
    for name, each in starts.items():
        accuracy[name] = _tickets(made, name, dense[name], made.network(each), settings.sgd_epochs)
    epoch_one = made.train(made.network(starts["random"]), 0, small, 1)
    late = "random, rewound to epoch 1"
    accuracy[late] = _tickets(made, late, dense["random"], epoch_one, max(1, settings.sgd_epochs - 1))
    trial.claim(
        "tickets",
        value=accuracy["student"] - accuracy["random"],
        control=accuracy["another random draw"] - accuracy["random"],
    )
    trial.claim(
        "tickets-as-late-rewinding",
        value=accuracy["student"] - accuracy[late],
        control=accuracy["random"] - accuracy[late],
    )


def _connectivity(made: Supervised, starts: dict[str, nn.Module], dense: dict[str, nn.Module]) -> None:
    trial, settings = made.trial, made.settings
    for rate, claim in zip(settings.sgd_rates, ("connected", "connected-large-rate"), strict=True):
        heights = {}
        for name, each in trial.steps(starts.items(), "connectivity", total=len(starts)):
            is_small = rate == settings.sgd_rates[0]
            one = dense[name] if is_small else made.train(made.network(each), 0, rate, settings.sgd_epochs)
            two = made.train(made.network(each), 1, rate, settings.sgd_epochs)
            pairs = (made.test, made.y_test)
            barrier = linear_mode_connectivity(one, two, wrong, pairs, points=settings.line_points)
            heights[name] = barrier.height
            trial.record("barrier", barrier.height, unit="frac", arm=name, rate=rate)
            for share, value in zip(barrier.shares, barrier.values, strict=True):
                trial.record("error_on_line", float(value), unit="frac", arm=name, rate=rate, share=float(share))
        trial.claim(
            claim,
            value=heights["random"] - heights["student"],
            control=heights["random"] - heights["another random draw"],
        )


def _tickets(made: Supervised, arm: str, dense: nn.Module, start: nn.Module, epochs: int) -> float:
    """Mean accuracy over sparsities of networks pruned from a dense one and rewound to a start."""
    settings, trial = made.settings, made.trial
    network = copy.deepcopy(dense)
    trial.record("ticket_accuracy", made.accuracy(network), unit="frac", arm=arm, remaining=1.0)
    pruner = IterativePruner(network, start, settings.prune_rate)
    kept = []
    for _ in range(settings.rounds):
        sparsity = pruner.prune()
        made.train(network, 0, settings.sgd_rates[0], epochs)
        accuracy = made.accuracy(network)
        trial.record("ticket_accuracy", accuracy, unit="frac", arm=arm, remaining=round(1 - sparsity, 4))
        if SPARSITIES[0] <= sparsity <= SPARSITIES[1]:
            kept.append(accuracy)
    return sum(kept) / len(kept)
