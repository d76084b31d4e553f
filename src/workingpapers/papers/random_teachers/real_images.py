"""Images for the experiment: brought to one size, standardised, split."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from workingpapers.bench.protocols import Trial
from workingpapers.data.catalog import load
from workingpapers.data.dataset import Dataset
from workingpapers.errors import InvalidParameterError, MissingExtraError


@dataclass(frozen=True)
class Images:
    """One data set: training and held-out images `(n, channels, pixels, pixels)`, and their labels."""

    name: str
    train: Tensor
    labels: Tensor
    test: Tensor
    labels_test: Tensor


def images(name: str, path: str, count: int, count_test: int, pixels: int, trial: Trial) -> Images:
    """Draw disjoint training and held-out images, standardised by the training images' mean and deviation."""
    try:
        data = load(name, path or None)
    except MissingExtraError:
        if name != "mnist":
            raise
        data = load("digits")
    trial.uses(data)
    x, y = torch.from_numpy(np.array(data["images"])).float(), torch.from_numpy(np.array(data["labels"]))
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(trial.seed_for("split")))
    if "images_test" in data.arrays:
        test, labels_test = (torch.from_numpy(np.array(data[key])) for key in ("images_test", "labels_test"))
        train, held = order[:count], torch.arange(len(test))[:count_test]
        test = test.float()
    else:
        held, train = order[:count_test], order[count_test : count_test + count]
        test, labels_test = x, y
    if len(train) < count or len(held) < count_test:
        raise InvalidParameterError(
            f"the data {data.name!r} have {len(x)} images; fewer than the {count} + {count_test} that the settings ask "
            "for: lower images or test_images"
        )
    shaped, shaped_test = resized(x[train], pixels), resized(test[held], pixels)
    mean, scale = shaped.mean(), shaped.std()
    return Images(data.name, (shaped - mean) / scale, y[train], (shaped_test - mean) / scale, labels_test[held])


def other_images(name: str, count: int, channels: int, pixels: int, trial: Trial) -> Tensor:
    """Standardised images of another data set, up to `count`; of photographs, square patches."""
    data = load(name)
    trial.uses(data)
    generator = torch.Generator().manual_seed(trial.seed_for("other images"))
    whole = patches(data, count, pixels, generator) if name == "photographs" else torch.from_numpy(
        np.array(data["images"])
    ).float()  # fmt: skip
    made = resized(whole[torch.randperm(len(whole), generator=generator)[:count]], pixels)
    if made.shape[1] != channels:
        made = made.mean(1, keepdim=True).expand(-1, channels, -1, -1)
    return (made - made.mean()) / made.std()


def patches(data: Dataset, count: int, pixels: int, generator: torch.Generator) -> Tensor:
    """Patches of the photographs at random places, `(count, pixels, pixels, 3)`."""
    photographs = [torch.from_numpy(np.array(data[key])).float() for key in ("china", "flower")]
    made = []
    for place in range(count):
        one = photographs[place % 2]
        top, left = (int(torch.randint(side - pixels, (1,), generator=generator)) for side in one.shape[:2])
        made.append(one[top : top + pixels, left : left + pixels])
    return torch.stack(made)


def resized(x: Tensor, pixels: int) -> Tensor:
    """Grey `(n, h, w)` or colour `(n, h, w, 3)` images as `(n, channels, pixels, pixels)`.

    28 pixels are padded to 32 first; larger images are averaged down, smaller ones drawn up bilinearly.
    """
    x = x[:, None] if x.ndim == 3 else x.permute(0, 3, 1, 2)
    if x.shape[-1] == 28:
        x = functional.pad(x, (2, 2, 2, 2))
    if x.shape[-1] > pixels:
        return functional.adaptive_avg_pool2d(x, pixels)
    return functional.interpolate(x, size=(pixels, pixels), mode="bilinear", align_corners=False)
