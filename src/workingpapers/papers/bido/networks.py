"""The classifier of the experiment, its training with or without a defence, and a known defence that only masks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from workingpapers.bench.protocols import Trial
from workingpapers.papers.bido.attack import evaluating
from workingpapers.papers.bido.method import BiDO, Measure
from workingpapers.papers.bido.rivals import UnilateralPenalty, VIBHead
from workingpapers.papers.bido.settings import Settings


@dataclass(frozen=True)
class Defence:
    """One way of training; `family` is none, bido, unilateral, vib, or control where it is on no frontier."""

    name: str
    family: str
    measure: Any = "hsic"
    lambda_x: float = 0.0
    lambda_y: float = 0.0


class Classifier(nn.Module):
    """Three blocks of 5 × 5 convolution, batch norm, leaky rectifier and pooling (not the last), and a linear layer."""

    def __init__(self, pixels: int, channels: tuple[int, ...], classes: int, bottleneck_beta: float | None) -> None:
        super().__init__()
        blocks = []
        before = 1
        for i, width in enumerate(channels):
            last = i == len(channels) - 1
            pool: list[nn.Module] = [] if last else [nn.MaxPool2d(2)]
            conv = nn.Conv2d(before, width, 5, padding=2, bias=False)
            blocks.append(nn.Sequential(conv, nn.BatchNorm2d(width), nn.LeakyReLU(0.2), *pool))
            before = width
        self.blocks = nn.Sequential(*blocks)
        features = before * (pixels // 2 ** (len(channels) - 1)) ** 2
        self.head: nn.Module = (
            nn.Linear(features, classes)
            if bottleneck_beta is None
            else VIBHead(features, classes, bottleneck=128, beta=bottleneck_beta)
        )

    def forward(self, images: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n classes"]:
        """Logits."""
        return self.head(self.blocks(images).flatten(1))


class RoundedLogits(nn.Module):
    """A defence that only masks: logits are rounded, which changes few labels and leaves no gradient."""

    def __init__(self, target: nn.Module, step: float = 0.5) -> None:
        super().__init__()
        self.target = target
        self.step = step

    def forward(self, images: Float[Tensor, "n channels height width"]) -> Float[Tensor, "n classes"]:
        """Rounded logits, without a gradient."""
        return (self.target(images) / self.step).round() * self.step


LAYERS = ["blocks.0", "blocks.1", "blocks.2"]

NONE = Defence("none", "none")
HSIC_MAIN = Defence("BiDO-HSIC (.05, .5)", "bido", "hsic", 0.05, 0.5)
COCO_MAIN = Defence("BiDO-COCO (1, 50)", "bido", "coco", 1.0, 50.0)
DEFENCES = (
    NONE,
    Defence("BiDO-HSIC (.02, .5)", "bido", "hsic", 0.02, 0.5),
    HSIC_MAIN,
    Defence("BiDO-HSIC (.5, 2)", "bido", "hsic", 0.5, 2.0),
    COCO_MAIN,
    Defence("BiDO-COCO (5, 50)", "bido", "coco", 5.0, 50.0),
    Defence("unilateral COCO 5", "unilateral", "coco", 5.0),
    Defence("unilateral COCO 20", "unilateral", "coco", 20.0),
    Defence("unilateral HSIC .05", "unilateral", "hsic", 0.05),
    Defence("unilateral HSIC .5", "unilateral", "hsic", 0.5),
    Defence("VIB .003", "vib", lambda_x=0.003),
    Defence("VIB .01", "vib", lambda_x=0.01),
    Defence("VIB .1", "vib", lambda_x=0.1),
)
SECOND_NONE = Defence("none, second draw", "control")
ONLY_INPUTS = Defence("BiDO-HSIC (.05, 0)", "control", "hsic", 0.05, 0.0)
ONLY_INPUTS_COCO = Defence("BiDO-COCO (1, 0)", "control", "coco", 1.0, 0.0)


def distance_correlation(x: Tensor, y: Tensor) -> Tensor:
    """Squared distance correlation (Székely et al. 2007), as a user may write it for `BiDO(measure=...)`."""

    def centred(values: Tensor) -> Tensor:
        flat = values.flatten(1).double()
        squares = (flat[:, None] - flat[None]).pow(2).sum(-1) if flat.shape[1] < 64 else _squares(flat)
        distances = (squares + 1e-12).sqrt()
        return distances - distances.mean(0) - distances.mean(1, keepdim=True) + distances.mean()

    a, b = centred(x), centred(y)
    return ((a * b).sum() / ((a * a).sum() * (b * b).sum() + 1e-24).sqrt()).to(x.dtype)


def _squares(flat: Tensor) -> Tensor:
    products = flat @ flat.T
    return (products.diagonal()[:, None] + products.diagonal()[None] - 2 * products).clamp_min(0)


OWN = Defence("BiDO, own measure (.5, 1)", "control", distance_correlation, 0.5, 1.0)


def train(
    settings: Settings,
    trial: Trial,
    images: Tensor,
    labels: Tensor,
    classes: int,
    defence: Defence,
    *,
    epochs: int,
    draw: str = "target",
    each_epoch: Callable[[int, nn.Module], None] | None = None,
) -> Classifier:
    """A classifier from one start and one order of batches for all defences; `draw` names another start."""
    with trial.seeded("init", draw):
        model = Classifier(
            settings.pixels, settings.channels, classes, defence.lambda_x if defence.family == "vib" else None
        )
        bido = None
        if defence.name.startswith("BiDO"):
            bido = BiDO(defence.measure, LAYERS, defence.lambda_x, defence.lambda_y).attach(model)
        penalty = UnilateralPenalty(defence.measure, defence.lambda_x) if defence.family == "unilateral" else None
        optimizer = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
        order = torch.Generator().manual_seed(trial.seed_for("order", draw))
        for epoch in range(epochs):
            for rows in torch.split(torch.randperm(len(images), generator=order), settings.batch):
                if len(rows) < settings.batch:
                    continue
                x, y = images[rows], labels[rows]
                logits = model(x)
                if isinstance(model.head, VIBHead):
                    loss = model.head.loss(logits, y)
                else:
                    loss = functional.cross_entropy(logits, y)
                if bido is not None:
                    loss = loss + bido.loss(x, y)
                if penalty is not None:
                    loss = loss + penalty(x, logits)
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
            if each_epoch is not None:
                each_epoch(epoch + 1, model)
        if bido is not None:
            bido.detach()
    return model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of labels that are right, in evaluation mode."""
    with evaluating(model):
        found = torch.cat([model(part).argmax(1) for part in torch.split(images, 256)])
    return float((found == labels).double().mean())


@torch.no_grad()
def dependences(model: nn.Module, images: Tensor, labels: Tensor, measure: Literal["hsic", "coco"] | Measure) -> Tensor:
    """Mean over held-out batches of 64, or one of all where there are fewer, of d(X, Z) and d(Z, Y), `(layers, 2)`."""
    found = []
    rows = min(64, len(images))
    with evaluating(model), BiDO(measure, LAYERS, 0.0, 0.0).attach(model) as bido:
        for x, y in zip(torch.split(images, rows), torch.split(labels, rows), strict=True):
            if len(x) == rows:
                model(x)
                bido.loss(x, y)
                found.append(torch.tensor(list(bido.log().values())))
    return torch.stack(found).mean(0)
