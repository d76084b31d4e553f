"""Labelled scenes: handwritten digits pasted on noisy canvases, or a folder of pictures and masks of a user's."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from workingpapers.errors import DataNotFoundError, InvalidParameterError

SIDE = 32
ITEMS = 3
NOISE = 0.25
INK = 0.4  # a pixel of an item brighter than this belongs to it
IGNORED = 255  # value of a mask where there is no label
_SUFFIXES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Scenes:
    """Pictures with a class for every pixel.

    Args:
        noisy: What a network is given.
        clean: The same without noise.
        labels: Class of each pixel; `IGNORED` where there is none.
    """

    noisy: Float[Tensor, "scenes channels height width"]
    clean: Float[Tensor, "scenes channels height width"]
    labels: Int[Tensor, "scenes height width"]


def draw_scenes(images: np.ndarray, labels: np.ndarray, count: int, rng: np.random.Generator, zoom: int = 1) -> Scenes:
    """Canvases of 32 × 32 pixels with three digits each, plain (8 × 8) or enlarged twice and cropped to 14 × 14.

    Class 0 is background, 1 a digit below five, 2 any other, where its intensity is above 0.4. Gaussian noise of
    standard deviation 0.25 lies over all.

    Args:
        images: Digits in [0, 1], shape `(n, 8, 8)`.
        labels: Their values 0 to 9.
        count: Number of canvases.
        rng: Source of randomness.
        zoom: The same scenes on a grid that is finer by this factor (noise is drawn on that grid).
    """
    clean = np.zeros((count, SIDE, SIDE), np.float32)
    classes = np.zeros((count, SIDE, SIDE), np.int64)
    for canvas, mask in zip(clean, classes, strict=True):
        for _ in range(ITEMS):
            pick = rng.integers(len(images))
            item = images[pick]
            if rng.random() < 0.5:
                item = np.kron(item, np.ones((2, 2), np.float32))[1:15, 1:15]
            height, width = item.shape
            top, left = rng.integers(SIDE - height + 1), rng.integers(SIDE - width + 1)
            place = slice(top, top + height), slice(left, left + width)
            canvas[place] = np.maximum(canvas[place], item)
            mask[place][item > INK] = 1 if labels[pick] < 5 else 2
    picture, marks = torch.from_numpy(clean).unsqueeze(1), torch.from_numpy(classes)
    if zoom > 1:
        picture = functional.interpolate(picture, scale_factor=zoom, mode="bilinear", align_corners=False)
        marks = marks.repeat_interleave(zoom, 1).repeat_interleave(zoom, 2)
    noise = torch.from_numpy(rng.normal(0.0, NOISE, tuple(picture.shape)).astype(np.float32))
    return Scenes(picture + noise, picture, marks)


def draw_crops(photograph: np.ndarray, count: int, side: int, rng: np.random.Generator) -> Float[Tensor, "n 1 s s"]:
    """Square crops of a photograph at half its resolution, in grey, in [0, 1]."""
    grey = torch.from_numpy(photograph.astype(np.float32).mean(axis=-1) / 255.0)
    half = functional.avg_pool2d(grey[None, None], 2)[0, 0]
    tops = rng.integers(half.shape[0] - side + 1, size=count)
    lefts = rng.integers(half.shape[1] - side + 1, size=count)
    crops = [half[top : top + side, left : left + side] for top, left in zip(tops, lefts, strict=True)]
    return torch.stack(crops).unsqueeze(1)


def read_scenes(folder: Path, side: int) -> Scenes:
    """Pictures `images/*.png|jpg` and masks `masks/<same name>.png` of a user's folder, resized to `side` × `side`.

    A mask holds class numbers from 0; 255 marks pixels without a label. Cityscapes' `labelTrainIds` are such masks.

    Raises:
        DataNotFoundError: there are no pictures, or one has no mask.
        InvalidParameterError: a mask is a colour picture.
    """
    from PIL import Image  # comes with matplotlib

    paths = sorted(path for path in (folder / "images").glob("*") if path.suffix.lower() in _SUFFIXES)
    if not paths:
        raise DataNotFoundError(f"no pictures lie in {str(folder / 'images')!r}; put .png or .jpg files there")
    pictures, masks = [], []
    for path in paths:
        mask_path = folder / "masks" / f"{path.stem}.png"
        if not mask_path.exists():
            raise DataNotFoundError(f"{path.name!r} has no mask; expected {str(mask_path)!r}")
        picture = Image.open(path).convert("RGB").resize((side, side), Image.Resampling.BILINEAR)
        mask = np.asarray(Image.open(mask_path).resize((side, side), Image.Resampling.NEAREST))
        if mask.ndim != 2:
            raise InvalidParameterError(f"{mask_path.name!r} is a colour picture; save class numbers in one channel")
        pictures.append(np.asarray(picture, np.float32) / 255.0)
        masks.append(mask.astype(np.int64))
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).contiguous()
    return Scenes(images, images, torch.from_numpy(np.stack(masks)))
