"""The data of one trial: private pictures for training and testing, public ones of other classes."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workingpapers.bench.protocols import Trial
from workingpapers.data.catalog import load
from workingpapers.errors import InvalidParameterError
from workingpapers.papers.bido.settings import Settings


@dataclass(frozen=True)
class Split:
    """Pictures `(n, 1, pixels, pixels)` in [0, 1] and labels `(n,)`; `classes` counts all, private ones first."""

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]
    public: tuple[Tensor, Tensor]
    classes: int


def split(settings: Settings, trial: Trial) -> Split:
    """Load and divide: the first classes are private, a random part of them is for training."""
    data = load(settings.data, settings.data_path or None)
    trial.uses(data)
    images, labels = brought_to(data["images"], settings.pixels), torch.from_numpy(data["labels"])
    is_private = labels < settings.private_classes
    private, public = is_private.nonzero()[:, 0], (~is_private).nonzero()[:, 0]
    if len(private) <= settings.train or not len(public):
        raise InvalidParameterError(
            f"data {settings.data!r} has {len(private)} private and {len(public)} public pictures; train is "
            f"{settings.train} and private_classes {settings.private_classes}: leave some of both"
        )
    generator = torch.Generator().manual_seed(trial.seed_for("data"))
    private = private[torch.randperm(len(private), generator=generator)]
    chosen, held = private[: settings.train], private[settings.train :]
    return Split(
        (images[chosen], labels[chosen]),
        (images[held], labels[held]),
        (images[public], labels[public]),
        int(labels.max()) + 1,
    )


def brought_to(images: np.ndarray, pixels: int) -> Tensor:
    """Grey pictures in [0, 1], `pixels` wide: padded by up to an eighth, else cropped to a square and resized."""
    made = torch.from_numpy(np.ascontiguousarray(images)).to(torch.float32)[:, None]
    if images.dtype == np.uint8:
        made = made / 255
    height, width = made.shape[-2:]
    if height == width and width <= pixels <= width * 1.15:
        before = (pixels - width) // 2
        return functional.pad(made, (before, pixels - width - before) * 2)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = made[..., top : top + side, left : left + side]
    return functional.interpolate(square, (pixels, pixels), mode="area")
