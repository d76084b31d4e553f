"""The sequence of tasks that every method of a trial is trained on, and the arms that are no method of the paper."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from workingpapers.bench.protocols import Trial
from workingpapers.data.catalog import load
from workingpapers.papers.power_law_rehearsal.method import PowerLawSampler
from workingpapers.papers.power_law_rehearsal.permuted import PermutedTasks, permuted_tasks
from workingpapers.papers.power_law_rehearsal.settings import Settings

Images = tuple[Tensor, Tensor, Tensor, Tensor]  # training images and labels, test images and labels


class JointSampler(PowerLawSampler):
    """Every sample from any task so far with equal probability: what all data at once would give."""

    def _rehearsed_of(self, size: int) -> int:
        share = self.current_task / (self.current_task + 1)
        return int((torch.rand(size, generator=self.generator, dtype=torch.float64) < share).sum())


class DecoyTasks(PermutedTasks):
    """The same tasks, but what is rehearsed is seen under permutations that belong to no task.

    It has twice as many permutations as tasks; a sample of an earlier task than the newest of its batch takes the one
    in the second half.
    """

    def __len__(self) -> int:
        return len(self.permutations) // 2

    def views(self, tasks: Tensor) -> Tensor:
        """The permutation of each sample."""
        return torch.where(tasks < tasks.max(), tasks + len(self), tasks)


@dataclass(frozen=True)
class Stream:
    """Training and test tasks under the same permutations, and the decoys."""

    train: PermutedTasks
    test: PermutedTasks
    decoys: DecoyTasks


def images(settings: Settings, trial: Trial) -> Images:
    """Training images and labels, test images and labels; one split for all trials."""
    data = load(settings.data)
    trial.uses(data)
    pixels = torch.from_numpy(data["images"].reshape(len(data["images"]), -1).astype(np.float32))
    pixels = pixels / float(pixels.max())
    labels = torch.from_numpy(data["labels"].astype(np.int64))
    order = torch.from_numpy(np.random.default_rng(0).permutation(len(pixels)))
    count = min(settings.test_size, len(pixels) // 5)  # where the user brought fewer images than the scale asks for
    test, rest = order[:count], order[count:]
    train = rest[: settings.train_size] if settings.train_size else rest
    device = trial.device
    return pixels[train].to(device), labels[train].to(device), pixels[test].to(device), labels[test].to(device)


def make_stream(data: Images, tasks: int, seed: int) -> Stream:
    """The tasks of a sequence; those of a longer one begin with them."""
    x, y, x_test, y_test = data
    train = permuted_tasks(x, y, tasks, seed)
    more = permuted_tasks(x, y, 2 * tasks, seed + 1).permutations[tasks:]  # of another seed, so none is a task's
    decoys = DecoyTasks(x, y, torch.cat([train.permutations, more]))
    return Stream(train, permuted_tasks(x_test, y_test, tasks, seed), decoys)


def make_network(trial: Trial, pixels: int, width: int, *names: str) -> nn.Sequential:
    """The same start for every arm."""
    with trial.seeded("network", width, *names):
        network = nn.Sequential(
            nn.Linear(pixels, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10)
        )
    return network.to(trial.device)
