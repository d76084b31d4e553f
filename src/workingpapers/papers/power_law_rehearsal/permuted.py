"""Natural mitigation of catastrophic interference in power-law learning environments, arXiv 2401.10393.
Official code: none found.
Permuted images: the first task as it is, each other one under its own fixed permutation of pixels, labels shared.
Differences from the paper: none known; the views are made on the fly and never stored.
"""

from collections.abc import Sequence
from typing import Any, overload

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.utils.data import Dataset

from workingpapers.errors import InvalidParameterError, InvalidTypeError
from workingpapers.parts.checks import whole_number


class PermutedTask(Dataset[tuple[Tensor, Tensor]]):
    """One view of shared images: a dataset of pairs (image with its pixels permuted, label)."""

    def __init__(self, x: Tensor, y: Tensor, permutation: Int[Tensor, " pixels"]) -> None:
        self.x = x
        self.y = y
        self.permutation = permutation

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = self.x[index]
        return image.flatten()[self.permutation].view_as(image), self.y[index]

    def tensors(self) -> tuple[Tensor, Tensor]:
        """All images `(samples, ...)` and labels `(samples,)` of this task."""
        return self.x.flatten(1)[:, self.permutation].view_as(self.x), self.y


class PermutedTasks(Sequence[PermutedTask]):
    """The tasks as a sequence of datasets; `batch` looks up a whole batch at once. Made by `permuted_tasks`."""

    def __init__(self, x: Tensor, y: Tensor, permutations: Int[Tensor, "tasks pixels"]) -> None:
        self.x = x
        self.y = y
        self.permutations = permutations

    def __len__(self) -> int:
        return len(self.permutations)

    @overload
    def __getitem__(self, index: int) -> PermutedTask: ...
    @overload
    def __getitem__(self, index: slice) -> "PermutedTasks": ...
    def __getitem__(self, index: int | slice) -> "PermutedTask | PermutedTasks":
        if isinstance(index, slice):
            return type(self)(self.x, self.y, self.permutations[index])
        return PermutedTask(self.x, self.y, self.permutations[index])

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Images `(batch, ...)` and labels `(batch,)` of indices of the tasks laid end to end."""
        at = torch.as_tensor(indices, device=self.x.device)
        rows = self.x[at % len(self.x)]
        columns = self.permutations[self.views(at // len(self.x))]
        return rows.flatten(1).gather(1, columns).view_as(rows), self.y[at % len(self.x)]

    def views(self, tasks: Tensor) -> Tensor:
        """The permutation that each sample of a batch is seen under: that of its task."""
        return tasks


def permuted_tasks(
    x: Float[Tensor, "samples *image"] | np.ndarray,
    y: Int[Tensor, " samples"] | np.ndarray,
    n_tasks: int,
    seed: int,
) -> PermutedTasks:
    """Tasks that show the same images under fixed random permutations of their pixels.

    Task 0 is the identity. Permutation t depends on `seed`, t and the number of pixels only: call it once with training
    and once with test images and the same seed, and fewer tasks are the first ones of more.

    Args:
        x: Images of any shape, floating, shape `(samples, ...)`.
        y: Their labels, whole numbers, shape `(samples,)`.
        n_tasks: T, at least 1.
        seed: Seed of the permutations.

    Returns:
        A sequence of T datasets of pairs (image, label) with a `batch` look-up; images keep their shape and type.

    Raises:
        InvalidParameterError: there are no images, their number is not that of the labels, they are not finite, or
            `n_tasks` is below 1.
        InvalidTypeError: images are no floating numbers, labels no whole ones, or `n_tasks` or `seed` no whole number.

    Differs from the paper: the first task is the unpermuted one; the paper's choice could not be read.

    Example:
        >>> import torch
        >>> tasks = permuted_tasks(torch.rand(20, 1, 4, 4), torch.arange(20) % 10, n_tasks=3, seed=0)
        >>> image, label = tasks[1][5]
        >>> image.shape, torch.equal(tasks[0][5][0], tasks.x[5])
        (torch.Size([1, 4, 4]), True)
        >>> torch.equal(tasks.batch([25])[0][0], image)
        True
    """
    images, labels = _tensor("x", x), _tensor("y", y)
    count, base = whole_number("n_tasks", n_tasks, least=1), whole_number("seed", seed, least=0)
    if not images.is_floating_point():
        raise InvalidTypeError(f"x is of type {images.dtype}; give floating numbers, such as x.float() / 255")
    if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
        raise InvalidTypeError(f"y is of type {labels.dtype}; give whole numbers")
    if images.ndim < 2 or images.numel() == 0:
        raise InvalidParameterError(f"x is of shape {tuple(images.shape)}; give (samples, ...) with some of each")
    if labels.shape != (len(images),):
        raise InvalidParameterError(
            f"y is of shape {tuple(labels.shape)} and x of {tuple(images.shape)}; give one label for each image"
        )
    if not bool(images.isfinite().all()):
        raise InvalidParameterError("x holds NaN or infinity; give finite numbers")
    pixels = images[0].numel()
    generator = torch.Generator().manual_seed(base)
    drawn = [torch.arange(pixels), *(torch.randperm(pixels, generator=generator) for _ in range(count - 1))]
    return PermutedTasks(images, labels.long(), torch.stack(drawn).to(images.device))


def _tensor(name: str, value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value.detach()
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu":
        return torch.from_numpy(np.ascontiguousarray(value))
    raise InvalidTypeError(f"{name} is {type(value).__name__}; give a tensor or an array of numbers")
