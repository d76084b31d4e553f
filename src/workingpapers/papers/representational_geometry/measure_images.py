"""Depth and convolution: a small convolutional network on images, with ReLU and with tanh."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from workingpapers.bench.protocols import Trial
from workingpapers.data.images import digits
from workingpapers.errors import DataNotFoundError
from workingpapers.papers.representational_geometry.alignment import kernel_alignment
from workingpapers.papers.representational_geometry.nonlinearities import swap_activation
from workingpapers.papers.representational_geometry.settings import Settings
from workingpapers.parts.activations import collect

LAYERS = {"1": "first convolution", "4": "second convolution"}


def convolution(settings: Settings, trial: Trial) -> None:
    """Target alignment of both convolutional layers; the same initial weights and batches for tanh and ReLU."""
    images, labels = _images(settings, trial)
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(trial.seed_for("split")))
    held = min(len(images) // 4, 1000)
    test, train = order[:held], order[held:]
    shuffled = torch.randperm(held, generator=torch.Generator().manual_seed(trial.seed_for("shuffled labels")))
    targets = one_hot(labels[test], 10).double()
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for arm in ("relu", "tanh"):
        with trial.seeded("convolution"):
            net = _network(images.shape[1], images.shape[2])
        if arm == "tanh":
            swap_activation(net, nn.ReLU, nn.Tanh)
        net = net.to(trial.device)
        _train(net, images[train], labels[train], settings, trial)
        states = collect(net, [*LAYERS, ""], images[test].to(trial.device))
        right = float((states[""].argmax(1).cpu() == labels[test]).float().mean())
        trial.record("accuracy", right, cell="images", arm=arm, trained=True)
        found[arm] = {}
        for layer, name in LAYERS.items():
            z = states[layer].flatten(1)
            found[arm][name] = (kernel_alignment(z, targets), kernel_alignment(z, targets[shuffled]))
            trial.record("target", found[arm][name][0], cell="images", arm=arm, trained=True, layer=name)
    gaps = [[found["tanh"][name][at] - found["relu"][name][at] for name in LAYERS.values()] for at in (0, 1)]
    trial.claim("convolution", value=min(gaps[0]), control=min(gaps[1]))


def _network(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * (width // 4) ** 2, 10),
    )


def _train(net: nn.Module, images: Tensor, labels: Tensor, settings: Settings, trial: Trial) -> None:
    generator = torch.Generator().manual_seed(trial.seed_for("batches"))
    descent = torch.optim.Adam(net.parameters(), lr=1e-3)
    for _ in trial.steps(range(settings.conv_steps), "convolution"):
        batch = torch.randint(len(images), (64,), generator=generator)
        loss = cross_entropy(net(images[batch].to(trial.device)), labels[batch].to(trial.device))
        descent.zero_grad()
        torch.autograd.backward(loss)
        descent.step()


def _images(settings: Settings, trial: Trial) -> tuple[Tensor, Tensor]:
    if settings.cifar:
        return _cifar(Path(settings.cifar))
    data = digits()
    trial.uses(data)
    return torch.from_numpy(data["images"])[:, None], torch.from_numpy(data["labels"])


def _cifar(folder: Path) -> tuple[Tensor, Tensor]:
    """The first batch of CIFAR-10 in its binary form: one byte of label and 3072 bytes of picture a record."""
    files = sorted(folder.glob("**/data_batch_*.bin"))
    if not files:
        raise DataNotFoundError(
            f"no data_batch_*.bin in {str(folder)!r}; give the folder of the binary version of CIFAR-10"
        )
    records = np.concatenate([np.fromfile(file, np.uint8).reshape(-1, 3073) for file in files])
    images = records[:, 1:].reshape(-1, 3, 32, 32).astype(np.float32) / 255
    return torch.from_numpy(images), torch.from_numpy(records[:, 0].astype(np.int64))
